"""Trying out: a little next to the usual price, rarely anywhere on the ladder, and how likely each level was.

An offer belongs to a stratum before its level is drawn, and its propensity is within that stratum:

- `local`: the usual level, or the one above or below it, together `exploration`, the cheaper of the two more often;
- `full`: a small share of offers, each allowed level alike, as long as what it is expected to cost stays in a purse;
- `static`: nothing is tried out; propensity 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

LOCAL: Final = "local"
FULL: Final = "full"
STATIC: Final = "static"
PROPENSITY_MIN: Final = 0.01


@dataclass(frozen=True)
class Draw:
    level: int
    propensity: float
    stratum: str


def local_chances(base: int, inside: range, worths: Sequence[float], share: float) -> dict[int, float]:
    """How likely each level of the local stratum is. A neighbour that is not allowed leaves its share to the base.

    `worths` says what each level is worth: of two neighbours the one that costs less is tried more often.
    """
    beside = [at for at in (base - 1, base + 1) if at in inside]
    halves = dict.fromkeys(beside, share / 2)
    if len(beside) == 2 and share >= 2 * PROPENSITY_MIN:
        losses = [max(worths[base] - worths[at], 0.0) for at in beside]
        together = sum(losses)
        first = share * (losses[1] / together if together > 0 else 0.5)
        first = min(max(first, PROPENSITY_MIN), share - PROPENSITY_MIN)
        halves = {beside[0]: first, beside[1]: share - first}
    kept = {at: chance for at, chance in halves.items() if chance >= PROPENSITY_MIN}
    return {base: 1 - sum(kept.values())} | kept


@dataclass
class Purse:
    """What the full stratum may cost: `share` of the worth of all that is offered, put by as it is offered."""

    share: float
    left: float = field(default=0.0)

    def put_by(self, worth: float) -> None:
        self.left += self.share * max(worth, 0.0)

    def spend(self, cost: float) -> bool:
        """Take what a trial is expected to cost; False, and nothing taken, if there is not enough."""
        if not 0 <= cost <= self.left:
            return False
        self.left -= cost
        return True


def full(inside: range, dice: Random) -> Draw:
    """Any level that is allowed, each alike."""
    return Draw(inside[dice.randrange(len(inside))], 1 / len(inside), FULL)


def local(chances: Mapping[int, float], dice: Random) -> Draw:
    """A level with the chance that it has; `chances` sum to one and begin with the usual level."""
    if len(chances) == 1:
        return Draw(next(iter(chances)), 1.0, LOCAL)
    left = dice.random()
    for level, chance in chances.items():
        left -= chance
        if left < 0:
            return Draw(level, chance, LOCAL)
    level, chance = next(iter(chances.items()))
    return Draw(level, chance, LOCAL)
