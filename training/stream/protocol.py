"""Which payments a model learns from and which it is measured on, as chapter 3 of the Fraud Detection Handbook has it.

Le Borgne, Siblini, Lebichot, Bontempi: *Reproducible Machine Learning for Credit Card Fraud Detection - Practical
Handbook*, Universite Libre de Bruxelles, 2022: train, wait for the labels, test; a card whose fraud is known is blocked
and leaves the test.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np

from training.stream.payments import Ints, Payments, PaymentsError

DAYS_MAX: Final = 366
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Window:
    """Learn on `[train_from, + train_days)`, wait `delay_days`, test on the next `test_days`: whole days, UTC."""

    train_from: date
    train_days: int = 7
    delay_days: int = 7
    test_days: int = 7

    def __post_init__(self) -> None:
        for name, least in (("train_days", 1), ("delay_days", 0), ("test_days", 1)):
            if not least <= getattr(self, name) <= DAYS_MAX:
                raise PaymentsError(f"{name} must be {least} to {DAYS_MAX}, not {getattr(self, name)}")

    @property
    def test_from(self) -> date:
        return self.train_from + timedelta(self.train_days + self.delay_days)

    @property
    def last_day(self) -> date:
        return self.test_from + timedelta(self.test_days - 1)

    def __str__(self) -> str:
        return f"trained from {self.train_from}, tested from {self.test_from} to {self.last_day}"


@dataclass(frozen=True)
class Rows:
    """Positions of payments, in the order of time. `removed` counts test payments of cards known to be compromised."""

    train: Ints
    test: Ints
    removed: int


def rows_of(payments: Payments, window: Window) -> Rows:
    """The payments of a window. On each test day those cards are left out whose fraud was known that morning: in the
    training days, and since, up to the day that lies more than `delay_days` before it.

    Raises PaymentsError for a window that leaves the file, for an empty side, and where there is nothing to learn.
    """
    _within(payments, window)
    days = payments.days - day_number(window.train_from)
    test_from = window.train_days + window.delay_days
    train = np.flatnonzero((days >= 0) & (days < window.train_days))
    known_on = _known_on(payments, days, window)
    tested = (days >= test_from) & (days < test_from + window.test_days)
    blocked = known_on[payments.customers] <= days
    rows = Rows(train, np.flatnonzero(tested & ~blocked), int(np.count_nonzero(tested & blocked)))
    _check(payments, window, rows)
    return rows


def _known_on(payments: Payments, days: Ints, window: Window) -> Ints:
    """For each card the first day on whose morning its fraud is known; frauds before the training days do not count."""
    never = np.iinfo(np.int64).max
    known_on = np.full(int(payments.customers.max()) + 1, never)
    bad = (payments.labels == 1) & (days >= 0)
    np.minimum.at(known_on, payments.customers[bad], days[bad] + window.delay_days + 1)
    return known_on


def day_number(day: date) -> int:
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    return _EPOCH + timedelta(number)


def span_of(payments: Payments) -> tuple[date, date]:
    """The first and the last day of the file."""
    return day_of(int(payments.days[0])), day_of(int(payments.days[-1]))


def _within(payments: Payments, window: Window) -> None:
    first, last = span_of(payments)
    if window.train_from < first or window.last_day > last:
        needed = f"the window needs {window.train_from} to {window.last_day}"
        raise PaymentsError(f"the file holds {first} to {last}, {needed}: choose another --train-from or fewer days")


def _check(payments: Payments, window: Window, rows: Rows) -> None:
    for name, positions, since in (("training", rows.train, window.train_from), ("test", rows.test, window.test_from)):
        if not len(positions):
            reason = f" ({rows.removed:,} of known cards were removed)" if name == "test" and rows.removed else ""
            raise PaymentsError(f"the {name} days from {since} hold no payments{reason}: choose another --train-from")
    if not 0 < (positives := int(payments.labels[rows.train].sum())) < len(rows.train):
        raise PaymentsError(
            f"the training days from {window.train_from} hold one class only ({positives:,} of {len(rows.train):,} "
            "payments are fraud), so nothing can be learned: choose another --train-from or more --train-days"
        )


def every_week(payments: Payments, window: Window, anchored: bool) -> Iterator[Window]:
    """All windows of the file, a week apart, oldest first: from its first day on, or, `anchored`, those that lie whole
    weeks before and after `window`. Raises PaymentsError if the file is too short for one.
    """
    first, last = span_of(payments)
    start = first + timedelta((window.train_from - first).days % 7) if anchored else first
    one = replace(window, train_from=start)
    if one.last_day > last:
        raise PaymentsError(f"the file holds {first} to {last}, too short for a window that ends on {one.last_day}")
    while one.last_day <= last:
        yield one
        one = replace(one, train_from=one.train_from + timedelta(7))


def last_window(payments: Payments, train_days: int, delay_days: int, test_days: int) -> Window:
    """The window whose last test day is the last day of the file."""
    first, last = span_of(payments)
    window = Window(first, train_days, delay_days, test_days)
    return replace(window, train_from=first + (last - window.last_day))


def parsed(day: str) -> date:
    """A date as a person writes it, 2018-07-25. Raises PaymentsError."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise PaymentsError(f"{day!r} is no date; write it as 2018-07-25") from None
