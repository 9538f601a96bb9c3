"""The fifteen features of the Fraud Detection Handbook (chapter 3), as its text defines them: the baseline.

A card's windows count the payment itself, as the book's do; a terminal's lie wholly before the delay of the labels.
"""

from typing import Final

import numpy as np

from features.windows import DAY, HOUR
from training.stream.loops import grouped, within
from training.stream.payments import Floats, Ints, Payments

WINDOW_DAYS: Final = (1, 7, 30)
NIGHT_HOUR_MAX: Final = 6
NAMES: Final = (
    "amount",
    "during_weekend",
    "during_night",
    *(f"customer_{what}_{days}d" for days in WINDOW_DAYS for what in ("payments", "mean_amount")),
    *(f"terminal_{what}_{days}d" for days in WINDOW_DAYS for what in ("payments", "risk")),
)


def book_features(payments: Payments, delay_days: int) -> Floats:
    """`(payments, 15)` in the order of NAMES."""
    times, amounts = payments.times, payments.amounts / 1e6
    columns = [amounts, _weekend(times), _night(times)]
    keyed = grouped(payments.customers, int(payments.customers.max()) + 1)
    for days in WINDOW_DAYS:
        counts, sums = within(*keyed, times, amounts, days * DAY, 0, 1)
        columns += [counts, sums / counts]
    keyed = grouped(payments.terminals, int(payments.terminals.max()) + 1)
    for days in WINDOW_DAYS:
        counts, frauds = within(*keyed, times, payments.labels, days * DAY, delay_days * DAY, 1)
        columns += [counts, frauds / np.maximum(counts, 1)]
    return np.column_stack(columns)


def _weekend(times: Ints) -> Floats:
    """1.0 on Saturday and Sunday; 1970 began on a Thursday."""
    return ((times // DAY + 3) % 7 >= 5).astype(np.float64)


def _night(times: Ints) -> Floats:
    return (times % DAY // HOUR <= NIGHT_HOUR_MAX).astype(np.float64)
