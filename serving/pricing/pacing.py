"""The price of a budget: dual mirror descent on what is left of it, over the traffic that is still to come.

What a budget should spend while `n` offers were asked of it is `left * n / (n + those to come)`; where it spent more,
its pressure rises, where less, it falls (Balseiro, Lu and Mirrokni, "The best of many worlds", Operations Research 71,
2023; the mirror map is the exponential of `value.Duals`). To plan on what is left, not on what there was, corrects
every error that was made before. To count by the traffic that came, not by the clock, lets a rush at noon spend what
a rush may spend. A small budget waits until enough was planned to judge by.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt
from typing import Final

from serving.policy import HOUR

WEEK_HOURS: Final = 168
FIRST_HOUR: Final = 72
"""1970 began on a Thursday, three days into a week that begins on Monday."""
STEP: Final = 0.25
STEP_HALVING: Final = 4
STEP_LEAST: Final = 0.02
"""A judgement moves a pressure by up to STEP at first, by less as there were more, and by STEP_LEAST in the end: offers
go to one campaign or the other, so that two pressures which both answer fast chase each other.
"""
GAP_MAX: Final = 1.0
"""Twice what was planned, or more, moves a pressure up as fast as nothing at all moves it down."""
PRESSURE_MAX: Final = 4.0
QUORUM: Final = 6.0
"""Completions that must have been planned before a judgement: a small budget does not answer to chance."""
MEMORY: Final = 1.0
"""Weekdays of traffic after which what was asked counts for 1 / e."""
UNIT_WEIGHT: Final = 0.02
"""How fast the usual amount of a completion follows the latest ones."""
LANDING: Final = 3 * HOUR
"""Nothing is planned for the end of a window: what was held in vain and comes back is spent then."""
URGENT: Final = 6 * HOUR
URGENCY: Final = 0.2
"""How far below nothing a pressure may fall as its window ends: delivery is then worth more than the margin lost."""


class Traffic:
    """The shape of a week, in ordinary weekdays of traffic. Pure: times are microseconds since 1970, UTC."""

    def __init__(self, by_hour: Sequence[float], weekend_level: float, utc_offset_hours: int) -> None:
        total = sum(by_hour)
        day = [hour / total for hour in by_hour]
        week = day * 5 + [hour * weekend_level for hour in day] * 2
        self._sums = [0.0, *accumulate(week)]
        self._shift = (FIRST_HOUR + utc_offset_hours) * HOUR

    def between(self, starts_at: int, ends_at: int) -> float:
        """Traffic of the interval; zero for an empty or an inverted one."""
        return max(self._until(ends_at) - self._until(starts_at), 0.0)

    def _until(self, instant: int) -> float:
        hours, within = divmod(instant + self._shift, HOUR)
        weeks, hour = divmod(hours, WEEK_HOURS)
        sums = self._sums
        return weeks * sums[-1] + sums[hour] + (sums[hour + 1] - sums[hour]) * (within / HOUR)


@dataclass
class Pacer:
    """One budget. Amounts are expectations, in micros; `pressure` is its dual, as `value.Duals` reads it.

    `asked`, `spent` gather since the last judgement; `seen_asks` and `seen_traffic` fade, and say how many offers an
    ordinary weekday asks of this budget.
    """

    starts_at: int
    ends_at: int
    left: float = 0.0
    unit: float = 0.0
    pressure: float = 0.0
    judged_at: int | None = None
    asked: float = 0.0
    spent: float = 0.0
    pending: float = 0.0
    judgements: int = 0
    seen_asks: float = 0.0
    seen_traffic: float = 0.0

    def spend(self, chance: float, amount: float) -> None:
        """An offer was made that spends the amount with the chance."""
        self.spent += chance * amount
        self.pending += chance * amount
        self.unit += (amount - self.unit) * (UNIT_WEIGHT if self.unit else 1.0)

    def settle(self, expected: float) -> None:
        """It is known what became of it: the budget itself now says what it cost."""
        self.pending = max(self.pending - expected, 0.0)

    def tick(self, now: int, unspent: float, traffic: Traffic, ahead: float | None = None) -> None:
        """Judge what was spent since the last time. `unspent`: neither settled nor paid, whatever is held of it.

        `ahead` is the traffic to come, where it is foreseen not to take of the budget as that of now does.
        """
        self.left = max(unspent - self.pending, 0.0)
        came = traffic.between(self.starts_at if self.judged_at is None else self.judged_at, now)
        if came <= 0 or (not self.asked and now < self.ends_at):
            return
        if ahead is None:
            ahead = traffic.between(now, self.ends_at - LANDING)
        rate = (self.seen_asks + self.asked) / (self.seen_traffic + came)
        planned = (self.left + self.spent) * self.asked / max(self.asked + rate * ahead, 1e-9)
        if planned < QUORUM * self.unit and ahead > 0:
            return
        self._move(planned, now)
        fade = max(1 - came / MEMORY, 0.0)
        self.seen_asks, self.seen_traffic = (self.seen_asks + self.asked) * fade, (self.seen_traffic + came) * fade
        self.judged_at, self.asked, self.spent = now, 0.0, 0.0

    def _move(self, planned: float, now: int) -> None:
        gap = self.spent / planned - 1 if planned > 0 else GAP_MAX
        self.judgements += 1
        step = max(STEP / sqrt(self.judgements / STEP_HALVING + 1), STEP_LEAST)
        moved = self.pressure + step * min(gap, GAP_MAX)
        nearing = max(1 - (self.ends_at - now) / URGENT, 0.0)
        self.pressure = min(max(moved, -URGENCY * nearing), PRESSURE_MAX)
