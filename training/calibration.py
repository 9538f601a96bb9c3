"""Whether a probability means what it says: slope, intercept, and the table of predicted against observed."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from training.estimates import Estimate, unknown

Floats = NDArray[np.float64]

PROBABILITY_MIN: Final = 1e-12
LINE_BINS: Final = 1000
_STEPS_MAX: Final = 50
_Z95: Final = 1.959964


def log_odds(probabilities: Floats) -> Floats:
    """The logit; 0 and 1 are pulled in by 1e-12, so that the answer is finite."""
    kept = np.clip(probabilities, PROBABILITY_MIN, 1 - PROBABILITY_MIN)
    return np.log(kept) - np.log1p(-kept)


def log_losses(labels: Floats, probabilities: Floats) -> Floats:
    """Each row's negative log-likelihood, in nats."""
    kept = np.clip(probabilities, PROBABILITY_MIN, 1 - PROBABILITY_MIN)
    return -(labels * np.log(kept) + (1 - labels) * np.log1p(-kept))


def calibration_line(labels: Floats, probabilities: Floats) -> dict[str, Estimate]:
    """`calibration_slope` (1 is right, below 1 overconfident) and `calibration_intercept` (0 is right).

    Cox's logistic regression of the outcome on the predicted log-odds, with Wald intervals.
    """
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(("calibration_slope", "calibration_intercept"), unknown("one class only"))
    if np.ptp(probabilities) == 0:
        return dict.fromkeys(("calibration_slope", "calibration_intercept"), unknown("the score is constant"))
    weights, errors = _logistic(log_odds(probabilities), labels, np.ones(len(labels)))
    if weights is None or errors is None:
        reason = "the score separates the classes perfectly"
        return dict.fromkeys(("calibration_slope", "calibration_intercept"), unknown(reason))
    intercept, slope = (
        Estimate(float(value), float(value - _Z95 * error), float(value + _Z95 * error))
        for value, error in zip(weights, errors, strict=True)
    )
    return {"calibration_slope": slope, "calibration_intercept": intercept}


def places_by_odds(probabilities: Floats) -> tuple[NDArray[np.int64], Floats]:
    """At most LINE_BINS bins of rows alike in their log-odds: the bin of each row, and the mean log-odds of each bin.

    A line through so many bins is that through the rows, to three digits, whatever their number.
    """
    odds = log_odds(probabilities)
    found, places = np.unique(odds, return_inverse=True)
    if len(found) > LINE_BINS:
        places = np.argsort(np.argsort(odds, kind="stable"), kind="stable") * LINE_BINS // len(odds)
    rows = np.bincount(places)
    return places.astype(np.int64), np.bincount(places, odds) / rows


def line_through(
    odds: Floats, positives: Floats, rows: Floats, start: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, float] | None:
    """Slope and intercept of Cox's line through bins: their log-odds, positives and rows; None where it does not
    settle, as with one class only. Positives and rows may be weighted. A `start` nearby, slope and intercept, saves
    steps.
    """
    weights, _ = _logistic(odds, positives, rows, start)
    return None if weights is None else (float(weights[1]), float(weights[0]))


def _logistic(
    odds: Floats, positives: Floats, rows: Floats, start: tuple[float, float] = (0.0, 0.0)
) -> tuple[Floats, Floats] | tuple[None, None]:
    """Newton's method; intercept and slope with their standard errors, or Nones where it does not settle."""
    design = np.column_stack((np.ones(len(odds)), odds))
    weights = np.array(start[::-1])
    for _ in range(_STEPS_MAX):
        fitted = expit(design @ weights)
        curvature = (design * (rows * fitted * (1 - fitted))[:, None]).T @ design
        if not np.isfinite(curvature).all() or np.linalg.cond(curvature) > 1e12:
            return None, None
        step = np.linalg.solve(curvature, design.T @ (positives - rows * fitted))
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            return weights, np.sqrt(np.diag(np.linalg.inv(curvature)))
    return None, None


def decile_table(labels: Floats, probabilities: Floats, groups: int = 10) -> list[dict[str, Any]]:
    """Rows `predicted` (mean), `observed` (share), `rows` by tenths of the score, the lowest first."""
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, groups) if len(part)]
    return [
        {
            "predicted": float(probabilities[part].mean()),
            "observed": float(labels[part].mean()),
            "rows": len(part),
        }
        for part in parts
    ]


def calibration_error(labels: Floats, probabilities: Floats) -> float:
    """Expected calibration error over tenths of the score: the mean distance of predicted from observed."""
    table = decile_table(labels, probabilities)
    return float(sum(row["rows"] * abs(row["predicted"] - row["observed"]) for row in table) / len(labels))
