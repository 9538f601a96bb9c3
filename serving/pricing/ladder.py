"""Which level of the reward ladder a task is offered at: pure, and logged with its propensity."""

from dataclasses import dataclass
from random import Random

from serving.decision import ceiling
from serving.policy import Policy


@dataclass(frozen=True)
class Price:
    """A level of the ladder, the probability with which it was chosen, and why, in words for the person."""

    reward_micros: int
    propensity: float
    reason: str


def price(value_micros: int, policy: Policy, dice: Random) -> Price | None:
    """The price of a task worth `value_micros`; None when even the lowest level would break the margin.

    Aims at `share_of_value`, and moves one level up or down with probability `exploration`. No level above the margin
    ceiling is ever chosen; a move beyond the ends of what is allowed stays where it is, and the propensity says so.
    """
    allowed = [level for level in policy.reward.ladder_micros if level <= ceiling(value_micros, policy)]
    if not allowed:
        return None
    aim = value_micros * policy.reward.share_of_value
    base = max((at for at, level in enumerate(allowed) if level <= aim), default=0)
    chances = _chances(base, len(allowed), policy.reward.exploration)
    chosen = dice.choices(list(chances), weights=list(chances.values()))[0]
    reason = (
        "the usual reward for this task" if chosen == base else "we are trying out a different reward for this task"
    )
    return Price(allowed[chosen], chances[chosen], reason)


def _chances(base: int, levels: int, exploration: float) -> dict[int, float]:
    chances: dict[int, float] = {}
    for level, chance in ((base, 1 - exploration), (base - 1, exploration / 2), (base + 1, exploration / 2)):
        within = min(max(level, 0), levels - 1)
        chances[within] = chances.get(within, 0.0) + chance
    return chances
