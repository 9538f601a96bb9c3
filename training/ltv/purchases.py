"""Purchases in the order of days: what was known of each customer on a day, and what came after it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]

WEEK: Final = 7
"""Days; the models count in weeks."""


class PurchasesError(ValueError):
    """The table cannot be used as it is; the message says what to change."""


@dataclass(frozen=True)
class History:
    """What a purchase model reads of n customers: `repeats` after the first purchase, weeks from the first purchase to
    the last one (`recency`) and to the day of looking (`age`).
    """

    repeats: Floats
    recency: Floats
    age: Floats

    def __len__(self) -> int:
        return len(self.repeats)

    def distinct(self) -> tuple[Self, Ints, Ints]:
        """Equal rows once, the place of each customer's row among them, and how many customers share a row."""
        rows = np.stack([self.repeats, self.recency, self.age], axis=1)
        kept, place, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        return type(self)(*kept.T), place.ravel(), count

    def take(self, chosen: Truths | Ints) -> Self:
        return type(self)(self.repeats[chosen], self.recency[chosen], self.age[chosen])


@dataclass(frozen=True)
class Purchases:
    """One row a customer and day: purchases of one day are one. `customers` are codes 0..k-1, `days` whole days since
    `start`, the first day of the table, `amounts` its sum in the table's own unit; sorted by customer and day.
    """

    start: date
    customers: Ints
    days: Ints
    amounts: Floats
    first: Ints

    @classmethod
    def of(cls, customers: Ints, ordinals: Ints, amounts: Floats) -> Self:
        """From one row a purchase: codes 0..k-1, proleptic ordinals of days, amounts."""
        rows, place = np.unique(np.stack([customers, ordinals], axis=1), axis=0, return_inverse=True)
        start = int(rows[:, 1].min())
        days = rows[:, 1] - start
        first = np.full(int(customers.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, rows[:, 0], days)
        sums = np.bincount(place.ravel(), amounts, len(rows)).astype(np.float64)
        return cls(date.fromordinal(start), rows[:, 0], days, sums, first)

    def __len__(self) -> int:
        return len(self.days)

    @property
    def last(self) -> int:
        return int(self.days.max())

    def known_by(self, day: int) -> Truths:
        """Who had bought by the end of `day`."""
        return self.first <= day

    def history(self, day: int) -> History:
        """Of every customer, as known at the end of `day`; rows of those who had not bought yet mean nothing."""
        seen = self.days <= day
        count = self._counted(seen)
        newest = self.first.copy()
        np.maximum.at(newest, self.customers[seen], self.days[seen])
        return History(
            np.maximum(count - 1.0, 0.0), (newest - self.first) / WEEK, np.maximum(day - self.first, 0) / WEEK
        )

    def bought(self, after: int, until: int) -> Floats:
        """How many purchases each made after the day `after`, up to and with `until`."""
        return self._counted((self.days > after) & (self.days <= until))

    def spent(self, after: int, until: int) -> Floats:
        inside = (self.days > after) & (self.days <= until)
        return self._summed(inside)

    def repeat_spend(self, day: int) -> Floats:
        """Mean amount of the purchases after the first one, up to `day`; 0 where there is none."""
        inside = (self.days <= day) & (self.days > self.first[self.customers])
        count = self._counted(inside)
        mean: Floats = self._summed(inside) / np.maximum(count, 1.0)
        return mean

    def cohorts(self) -> NDArray[np.str_]:
        """The month of each customer's first purchase, `1997-01`."""
        months = {int(day): f"{self.start + timedelta(days=int(day)):%Y-%m}" for day in np.unique(self.first)}
        return np.array([months[int(day)] for day in self.first])

    def _summed(self, chosen: Truths) -> Floats:
        return np.bincount(self.customers[chosen], self.amounts[chosen], len(self.first)).astype(np.float64)

    def _counted(self, chosen: Truths) -> Floats:
        return np.bincount(self.customers[chosen], minlength=len(self.first)).astype(np.float64)
