"""The static price of a task: the policy's share of its value, down to a level of the ladder, with nothing learned.

It prices where what was learned says nothing that can be a price, or has not been read yet.
"""

from dataclasses import dataclass
from typing import Final

from serving.policy import Policy
from serving.pricing.guardrails import allowed, ceiling_micros
from serving.pricing.value import Duals

USUAL: Final = "the usual reward for this task"
STATIC: Final = "static"


@dataclass(frozen=True, slots=True)
class Price:
    """A level of the ladder, the probability with which it was chosen among `allowed_micros`, and why, in words for
    the person. `worth` is what the offer is expected to bring to all, for ranking; `chance` that of its completion,
    None where nothing says it. `fallback` names what was missing, if anything was. What was learned has moved last at
    `ticked_at`, and `duals` are the pressures of its budgets since; None where neither counts.
    """

    reward_micros: int
    propensity: float
    stratum: str
    policy_version: str
    reason: str
    allowed_micros: tuple[int, ...]
    worth: float
    chance: float | None = None
    fallback: str | None = None
    duals: Duals | None = None
    ticked_at: int | None = None


def price(value_micros: int, policy: Policy, floor_micros: int = 0, quality_low: float = 1.0) -> Price | None:
    """The static price of a task worth `value_micros`; None when no level keeps both the margin and the floors.

    The highest allowed level that is at most `share_of_value`; where none is, the lowest allowed one.
    """
    ladder = policy.reward.ladder_micros
    inside = allowed(ladder, floor_micros, ceiling_micros(value_micros, quality_low, policy), policy)
    if not inside:
        return None
    aim = value_micros * policy.reward.share_of_value
    return Price(
        reward_micros=ladder[max((at for at in inside if ladder[at] <= aim), default=inside[0])],
        propensity=1.0,
        stratum=STATIC,
        policy_version=policy.version,
        reason=USUAL,
        allowed_micros=ladder[inside.start : inside.stop],
        worth=value_micros * quality_low,
    )
