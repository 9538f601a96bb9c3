"""What no price may do, whatever a model says: the policy's limits, in integers, before anything is chosen.

What a price may read is a `Reading` and the curve learned of its kind and segment: an allow-list. A price never reads
who the person is, a balance or how near it is to a threshold, the chance that the person leaves or cheats, or anything
psychological. The desk hands a price nothing else.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from serving.policy import HOUR, Policy


class Reading(NamedTuple):
    """All that a price may read. `quality` is the share of completions that are valid, `quality_low` what it is
    believed to be at least. A segment that the policy does not list is priced as everybody.
    """

    campaign_id: str
    kind: str
    segment: str
    value_micros: int
    currency: str
    quality: float
    quality_low: float
    floor_micros: int


def ceiling_micros(value_micros: int, quality_low: float, policy: Policy) -> int:
    """The largest reward that leaves the margin on the least that a completion is believed to be worth.

    In exact fractions of the decimals that name the shares (1 - .3 is 7/10 here), so that no reward is a micro too
    high. Zero where the quality is no probability.
    """
    if not 0 <= quality_low <= 1:
        return 0
    return min(int(value_micros * _kept(policy.reward.margin_min, quality_low)), policy.reward.reward_micros_max)


@lru_cache(maxsize=4096)
def _kept(margin_min: float, quality_low: float) -> Fraction:
    return (1 - Fraction(repr(margin_min))) * Fraction(repr(float(quality_low)))


def allowed(ladder_micros: Sequence[int], floor_micros: int, ceiling_micros: int, policy: Policy) -> range:
    """The places of the ladder that keep the floors, the posted and the campaign's own, and the ceiling."""
    floor = max(floor_micros, policy.pricing.floor_micros)
    inside = [at for at, level in enumerate(ladder_micros) if floor <= level <= ceiling_micros]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def similar(ladder_micros: Sequence[int], anchor: int, inside: range, ratio_max: float) -> range:
    """The places of `inside`, not empty, at which similar people may be priced: any two within the ratio.

    They lie around the `anchor`, with as much room above it as below.
    """
    middle, reach = ladder_micros[min(max(anchor, inside[0]), inside[-1])], ratio_max**0.5
    near = [at for at in inside if ladder_micros[at] <= middle * reach and ladder_micros[at] * reach >= middle]
    return range(near[0], near[-1] + 1)


def moved(place: int, aim: int, steps_max: int) -> int:
    """From `place` towards `aim`, not farther than the steps."""
    return min(max(aim, place - steps_max), place + steps_max)


class Steps:
    """Holds a usual price to so many levels within any hour: what it was in the last hour bounds what it may be."""

    def __init__(self, used: dict[int, int] | None = None) -> None:
        """`used`: the last instant, in microseconds, at which each place of the ladder was in use."""
        self.used = dict(used or {})

    def recent(self, now: int) -> list[int]:
        """The places of the last hour."""
        return [at for at, instant in self.used.items() if instant > now - HOUR]

    def within(self, inside: range, now: int, steps_max: int) -> range:
        """The places of `inside`, not empty, that keep the limit.

        Where what is allowed has itself moved away (a margin, a floor), that comes first: then the nearest place.
        """
        recent = self.recent(now)
        if not recent:
            return inside
        low, high = max(recent) - steps_max, min(recent) + steps_max
        kept = [at for at in inside if low <= at <= high]
        if kept:
            return range(kept[0], kept[-1] + 1)
        nearest = inside[0] if low < inside[0] else inside[-1]
        return range(nearest, nearest + 1)

    def use(self, place: int, now: int) -> None:
        """`place` is the usual price as of `now`."""
        self.used = {at: instant for at, instant in self.used.items() if instant > now - HOUR} | {place: now}
