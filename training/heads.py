"""Heads: the margins of the parts joined into one calibrated probability, learned on a later slice.

The heads `event` and `withdrawal` give P(fraud), the head `reversal` gives P(reversal). An event hears the parts that
learn fraud and the one that needs no labels; a withdrawal, where money leaves, hears every part.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from training.table import Floats, rarest

HEADS: Final = ("event", "withdrawal", "reversal")
# Below this many of each class, a head of its own would be less certain than the one that it shares.
HEAD_CLASS_MIN: Final = 50
# Moves a weight by about a thousandth.
_RIDGE: Final = 1e-4
# A part that weighs less is not heard: serving need not ask it. On margins of up to 20 it moves the odds by 0.002%.
_WEIGHT_MIN: Final = 1e-6


@dataclass(frozen=True)
class Head:
    """`probability = sigmoid(intercept + sum(weight * margin))`, one weight for each part that is heard."""

    intercept: float
    weights: Mapping[str, float]

    def probabilities(self, margins: Mapping[str, Floats]) -> Floats:
        """`margins` of at least the parts that are heard, one value a row each."""
        rows = len(next(iter(margins.values())))
        start = np.full(rows, self.intercept)
        total = sum((weight * margins[part] for part, weight in self.weights.items()), start)
        return np.asarray(expit(total), dtype=np.float64)


def fit_heads(
    margins: Mapping[str, Floats],
    heard: Mapping[str, Sequence[str]],
    labels: Floats,
    rows: pl.DataFrame,
    weights: Floats | None = None,
) -> dict[str, Head]:
    """A head for each name in `heard`, over the parts that it names.

    `event` and `withdrawal` are fitted apart only when both have enough rows of each class (50); otherwise one head,
    `event`, serves both.
    """

    def fitted(name: str, chosen: NDArray[np.bool_]) -> Head:
        of_rows = {part: margins[part][chosen] for part in heard[name]}
        return fit_head(of_rows, labels[chosen], None if weights is None else weights[chosen])

    withdrawals = is_withdrawal(rows)
    chosen = {"event": ~withdrawals, "withdrawal": withdrawals}
    everybody = np.ones(len(labels), dtype=np.bool_)
    if "withdrawal" not in heard or min(rarest(labels[mask]) for mask in chosen.values()) < HEAD_CLASS_MIN:
        return {name: fitted(name, everybody) for name in heard if name != "withdrawal"}
    return {name: fitted(name, chosen.get(name, everybody)) for name in heard}


def fit_head(margins: Mapping[str, Floats], labels: Floats, weights: Floats | None = None) -> Head:
    """Logistic regression on the margins with weights of zero or more, on smoothed targets.

    A weight below zero would make a person look more honest the more suspicious one part finds them, which nobody
    could explain to that person; correlated margins would produce it. Targets are pulled in to (n + 1) / (n + 2) as
    Platt (1999) does, so that classes which the margins separate perfectly do not give infinite weights. `weights` of
    rows are those of their release (see `training/releases.py`).
    """
    design = np.column_stack([np.ones(len(labels)), *margins.values()])
    bounds = [(None, None)] + [(0.0, None)] * len(margins)
    start = np.array([0.0] + [1.0 / len(margins)] * len(margins))
    shares = np.full(len(labels), 1 / len(labels)) if weights is None else weights / weights.sum()
    given = (design, _smoothed(labels), shares)
    found = minimize(_loss, start, args=given, jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-12)
    kept = {part: float(w) for part, w in zip(margins, found.x[1:], strict=True) if w >= _WEIGHT_MIN}
    return Head(float(found.x[0]), kept)


def _loss(weights: Floats, design: Floats, targets: Floats, shares: Floats) -> tuple[float, Floats]:
    total = design @ weights
    # Without the ridge, margins that say the same would share their weight arbitrarily.
    ridge = _RIDGE * np.concatenate(([0.0], weights[1:]))
    loss = shares @ (np.logaddexp(0.0, total) - targets * total) + ridge @ weights / 2
    slope: Floats = design.T @ (shares * (expit(total) - targets)) + ridge
    return float(loss), slope


def _smoothed(labels: Floats) -> Floats:
    positives = labels.sum()
    negatives = len(labels) - positives
    targets: Floats = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    return targets


def is_withdrawal(frame: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows (column `kind`) ask for money rather than earn it."""
    mask: NDArray[np.bool_] = (frame["kind"] == "withdrawal_requested").fill_null(value=False).to_numpy()
    return mask
