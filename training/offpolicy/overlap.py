"""Whether a log can tell anything of a candidate: refused, by name, where it cannot."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.offpolicy.logged import PROPENSITY_MIN, Floats, Logged

ROWS_MIN: Final = 1000
EFFECTIVE_SHARE_MIN: Final = 0.10
_ROUNDING: Final = 1e-9
_Z_MAX: Final = 4.0  # four standard errors: one sound log in 16,000 would be refused by chance
_DEPARTURE_MIN: Final = 0.01


@dataclass(frozen=True)
class Refusal:
    """`name` is for a machine, `reason` one sentence for people."""

    name: str
    reason: str


def effective_sample(weights: Floats) -> float:
    """How many equally weighted rows would tell as much: Kish, (sum w)^2 / sum w^2; 0 where nothing has weight."""
    squares = float(np.square(weights).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def refusals(logged: Logged, candidate: Floats) -> tuple[Refusal, ...]:
    """Every reason not to judge `candidate` (rows, arms) on this log; empty where it can be judged.

    What is missing or wrong is told first, and alone: nothing can be computed from it.
    """
    wrong = (*_of_log(logged), *_of_candidate(logged, candidate))
    return wrong or (*_of_exploration(logged), *_of_overlap(logged, candidate))


def _of_log(logged: Logged) -> Iterator[Refusal]:
    rows = len(logged)
    if rows < ROWS_MIN:
        yield Refusal("rows_too_few", f"the log has {rows:,} rows, at least {ROWS_MIN:,} are needed")
    missing = int(np.isnan(logged.propensity).sum())
    if missing:
        yield Refusal("propensity_missing", f"{missing:,} rows have no propensity: log it with each choice")
    wrong = int(((logged.propensity <= 0) | (logged.propensity > 1 + _ROUNDING)).sum())
    if wrong:
        yield Refusal("propensity_wrong", f"{wrong:,} propensities are not above 0 and at most 1")
    unknown = int((~np.isfinite(logged.outcome)).sum())
    if unknown:
        yield Refusal("outcome_missing", f"{unknown:,} rows have no outcome: leave out what is too young, by its time")
    outside = int(((logged.outcome < 0) | (logged.outcome > 1)).sum())
    if outside or not np.isfinite(logged.gain).all():
        yield Refusal("outcome_wrong", f"{outside:,} outcomes are outside of 0 to 1, or a gain is not finite")


def _of_exploration(logged: Logged) -> Iterator[Refusal]:
    least = max(logged.propensity_min, PROPENSITY_MIN) - _ROUNDING
    low = int((logged.propensity < least).sum())
    if low:
        told = f"{low:,} of {len(logged):,} propensities are below {least:.3g}"
        yield Refusal("propensity_low", f"{told}: explore more evenly")


def _of_candidate(logged: Logged, candidate: Floats) -> Iterator[Refusal]:
    if candidate.shape != (len(logged), logged.arms):
        asked = (len(logged), logged.arms)
        yield Refusal("candidate_wrong", f"the candidate's probabilities have the shape {candidate.shape}, not {asked}")
    elif not (np.isfinite(candidate).all() and candidate.min() >= 0 and np.allclose(candidate.sum(axis=1), 1)):
        yield Refusal("candidate_wrong", "the candidate's probabilities are not all at least 0 with a sum of 1 a row")


def _of_overlap(logged: Logged, candidate: Floats) -> Iterator[Refusal]:
    weights = logged.weights(candidate)
    effective, rows = effective_sample(weights), len(logged)
    if effective < EFFECTIVE_SHARE_MIN * rows:
        told = f"{effective:,.0f} of {rows:,} rows ({effective / rows:.1%})"
        yield Refusal("effective_sample_low", f"the effective sample is {told}, below {EFFECTIVE_SHARE_MIN:.0%}")
    # Whatever the log chose at random, the mean weight is 1. Less: the candidate does what the log never tried.
    mean, error = float(weights.mean()), standard_error(logged, weights)
    if abs(mean - 1) > max(_Z_MAX * error, _DEPARTURE_MIN):
        cause = "the candidate does what was never tried" if mean < 1 else "propensities were logged too low"
        yield Refusal("support_lacking", f"the weights have a mean of {mean:.3f} +- {error:.3f}, not 1: {cause}")


def standard_error(logged: Logged, terms: Floats) -> float:
    """Of the mean of `terms` (rows), the rows of a person together: the sandwich estimator with C / (C - 1)."""
    count, numbers = logged.persons
    sums = np.bincount(numbers, weights=terms - terms.mean(), minlength=count)
    return float(np.sqrt(np.square(sums).sum() * count / max(count - 1, 1)) / len(logged))
