"""The two periods that are compared, and the stretches of the earlier one that tell what is usual."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.labels import MICROS_PER_DAY

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]

STRETCHES_MAX: Final = 8
"""The newest of the reference; what was usual longer ago says less of today."""
NO_STRETCH: Final = -1


@dataclass(frozen=True)
class Span:
    """Instants in microseconds with `start <= instant < before`."""

    start: int
    before: int

    @property
    def days(self) -> float:
        return max(self.before - self.start, 0) / MICROS_PER_DAY

    def mask(self, times: NDArray[np.int64]) -> Mask:
        return np.asarray((times >= self.start) & (times < self.before))


@dataclass(frozen=True)
class Periods:
    """`recent` follows `reference`, not always at once."""

    reference: Span
    recent: Span

    def stretches(self, times: NDArray[np.int64]) -> Places:
        """For each instant of the reference the number of its stretch, as long as the recent period, 0 the newest.

        NO_STRETCH for what lies before the newest STRETCHES_MAX, or before the first whole one.
        """
        length = self.recent.before - self.recent.start
        whole = min(int((self.reference.before - self.reference.start) // length), STRETCHES_MAX)
        found = (self.reference.before - 1 - times) // length
        return np.where((found >= 0) & (found < whole), found, NO_STRETCH)


def periods_of(first: int, as_of: int, days: int, reference_end: int, against: int | None) -> Periods:
    """The last `days` days up to and with `as_of`, and what they are compared with.

    `against` days right before them, or, if it is None, all from `first` up to `reference_end` that lies before them.
    """
    start = as_of + 1 - days * MICROS_PER_DAY
    if against is None:
        return Periods(Span(first, min(reference_end + 1, start)), Span(start, as_of + 1))
    return Periods(Span(start - against * MICROS_PER_DAY, start), Span(start, as_of + 1))


def thinned(chosen: Mask, rows_max: int) -> Places:
    """Places of the chosen rows, evenly thinned to at most `rows_max`."""
    places = np.flatnonzero(chosen)
    if len(places) <= rows_max:
        return places
    return places[np.linspace(0, len(places) - 1, rows_max).astype(np.int64)]
