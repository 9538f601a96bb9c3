"""How much more a choice would bring under the candidate than it brought: a lower bound that may be watched."""

from typing import Final

import numpy as np

from training.offpolicy.logged import Floats, Logged
from training.offpolicy.model import foreseen
from training.offpolicy.sequences import ALPHA, lower_bound

PERSON_ROWS_MAX: Final = 50
"""Of one person, the first so many rows count: whoever bets on people must bound what one of them can be."""


def uplift_low(logged: Logged, candidate: Floats, alpha: float = ALPHA) -> float:
    """The anytime-valid lower bound of the uplift a choice: with 1 - alpha the truth is above it, at all rows together.

    The terms are (w - 1)(payoff - expected), whose mean is the uplift whatever `expected` is, as long as that depends
    on the context and the past alone. Held below span / (1 / propensity_min - 1), it leaves no term below -span.
    """
    least, most = min(0.0, float(logged.gain.min())), max(0.0, float(logged.gain.max()))
    span = most - least
    if span == 0:
        return 0.0
    ceiling = least + span / max(1 / logged.propensity_min - 1, 1.0)
    expected = np.clip(foreseen(logged), least, ceiling)
    terms = (logged.weights(candidate) - 1) * (logged.payoff - expected)
    draws, sizes = _by_person(logged, np.maximum(terms / span + 1, 0.0))
    return span * (lower_bound(draws, alpha, sizes) - 1)


def _by_person(logged: Logged, terms: Floats) -> tuple[Floats, Floats]:
    """Each person's sum and number of rows, in the order of their first, both over the largest number of rows."""
    count, numbers = logged.persons
    if count == len(logged):
        return terms, np.ones(count)
    order = np.argsort(numbers, kind="stable")
    begins = np.searchsorted(numbers[order], np.arange(count))
    kept = order[np.arange(len(order)) - begins[numbers[order]] < PERSON_ROWS_MAX]
    rows = np.bincount(numbers[kept], minlength=count).astype(np.float64)
    sums = np.bincount(numbers[kept], weights=terms[kept], minlength=count)
    return sums / rows.max(), rows / rows.max()
