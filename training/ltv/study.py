"""Fit on the first weeks of a table, forecast the next, and say how far the forecasts were from what came."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.estimates import Estimate, unknown
from training.ltv.forecast import least_error
from training.ltv.level import Drift, Pair, fit_pair, learn_drift
from training.ltv.purchases import WEEK, Floats, History, Purchases, PurchasesError
from training.ltv.spend import Spend

Advance = Callable[[int], object]

STEPS: Final = 3
_RESAMPLES: Final = 1000
_PURCHASES_SHOWN_MAX: Final = 400
COHORT_CUSTOMERS_MIN: Final = 50
"""A smaller cohort is shown, and is not the worst: its bias is chance."""


@dataclass(frozen=True)
class Fitted:
    """What was learned by the end of `day`, of the customers who had bought by then (`chosen`: codes)."""

    day: int
    chosen: np.ndarray
    history: History
    pair: Pair
    drift: Drift
    spend: Spend
    means: Floats

    def expected(self, weeks: float) -> Floats:
        """Mean number of purchases in the coming `weeks`."""
        mean: Floats = self.pair.expected(self.history, weeks) * self.drift.factor(self.history, weeks)
        return mean

    def value(self, weeks: float) -> Floats:
        """Mean amount spent in the coming `weeks`."""
        amount: Floats = self.expected(weeks) * self.spend.expected(self.history.repeats, self.means)
        return amount


def fit(purchases: Purchases, day: int, weeks: float, advance: Advance = lambda _: None) -> Fitted:
    """For forecasts of about `weeks`; calls `advance(1)` after each step. Reads nothing after `day`.

    Raises PurchasesError where the table says too little.
    """
    chosen = np.flatnonzero(purchases.known_by(day))
    history = purchases.history(day).take(chosen)
    if len(chosen) < 2:
        raise PurchasesError("one customer says nothing about others: give a table of many customers")
    if not history.repeats.any():
        raise PurchasesError("nobody bought a second time in the calibration weeks: take more of them")
    means = purchases.repeat_spend(day)[chosen]
    pair, spend = fit_pair(history), Spend.fit(history.repeats, means)
    advance(1)
    drift = learn_drift(purchases, day, weeks)
    advance(1)
    return Fitted(day, chosen, history, pair, drift, spend, means)


def forecast(fitted: Fitted, cohorts: np.ndarray, weeks: float) -> Floats:
    """One number a customer, of least absolute error, which adds up to the expected total of each cohort."""
    expected = fitted.expected(weeks)
    most = int(min(_PURCHASES_SHOWN_MAX, 20 + 10 * expected.max()))
    values = np.zeros(len(expected))
    for cohort in np.unique(cohorts):
        members = cohorts == cohort
        rows, place, _ = fitted.history.take(members).distinct()
        mass = fitted.pair.lifetimes.predictive(rows, weeks, most)[place]
        values[members] = least_error(mass, float(expected[members].sum()))
    return values


@dataclass(frozen=True)
class Measures:
    """`bias`: the sum of the forecasts over the sum of what came, minus 1; 95% intervals, customers resampled."""

    correlation: Estimate
    mae: Estimate
    bias: Estimate


@dataclass(frozen=True)
class Cohort:
    name: str
    customers: int
    bought: float
    bias: Estimate


@dataclass(frozen=True)
class Study:
    """`measures` of the forecasts, `means` of the expected numbers, `spent` of the expected amounts; `cohorts` by the
    month of the first purchase.
    """

    fitted: Fitted
    forecasts: Floats
    came: Floats
    measures: Measures
    means: Measures
    spent: Measures
    cohorts: tuple[Cohort, ...]
    newcomers_left_out: int

    @property
    def worst(self) -> Cohort | None:
        large = [one for one in self.cohorts if one.customers >= COHORT_CUSTOMERS_MIN and one.bias.value is not None]
        return max(large, key=lambda one: abs(one.bias.value or 0.0), default=None)


def study(
    purchases: Purchases,
    calibration_weeks: int,
    holdout_weeks: int,
    seed: int,
    advance: Advance = lambda _: None,
) -> Study:
    """Raises PurchasesError for a table that is shorter than both, a week of grace at its end."""
    day = calibration_weeks * WEEK - 1
    end = day + holdout_weeks * WEEK
    if purchases.last + WEEK < end:
        raise PurchasesError(
            f"the table ends after {(purchases.last + 1) / WEEK:.1f} weeks, before --calibration-weeks "
            f"{calibration_weeks} and --holdout-weeks {holdout_weeks} are over: take fewer of them"
        )
    fitted = fit(purchases, day, holdout_weeks, advance)
    came = purchases.bought(day, end)[fitted.chosen]
    names = purchases.cohorts()[fitted.chosen]
    forecasts = forecast(fitted, names, holdout_weeks)
    advance(1)
    rng = np.random.default_rng(seed)
    return Study(
        fitted,
        forecasts,
        came,
        measured(forecasts, came, rng),
        measured(fitted.expected(holdout_weeks), came, rng),
        measured(fitted.value(holdout_weeks), purchases.spent(day, end)[fitted.chosen], rng),
        tuple(_cohort(name, forecasts[names == name], came[names == name], rng) for name in np.unique(names)),
        len(purchases.first) - len(fitted.chosen),
    )


def _cohort(name: str, forecasts: Floats, came: Floats, rng: np.random.Generator) -> Cohort:
    return Cohort(str(name), len(came), float(came.sum()), measured(forecasts, came, rng).bias)


def measured(forecasts: Floats, came: Floats, rng: np.random.Generator) -> Measures:
    drawn = [_figures(forecasts, came)]
    for _ in range(_RESAMPLES):
        rows = rng.integers(0, len(came), len(came))
        drawn.append(_figures(forecasts[rows], came[rows]))
    values = np.array(drawn)
    return Measures(*(_estimate(values[:, place]) for place in range(3)))


def _figures(forecasts: Floats, came: Floats) -> tuple[float, float, float]:
    error = forecasts - came
    varied = forecasts.std() > 0 and came.std() > 0
    correlation = float(np.corrcoef(forecasts, came)[0, 1]) if varied else float("nan")
    bias = float(error.sum() / came.sum()) if came.sum() else float("nan")
    return correlation, float(np.abs(error).mean()), bias


def _estimate(values: Floats) -> Estimate:
    if not np.isfinite(values[0]):
        return unknown("nothing was bought in the holdout weeks, or all are forecast alike")
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return Estimate(float(values[0]), float(low), float(high))
