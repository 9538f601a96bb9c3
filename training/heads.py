"""Heads: the margins of the boosters joined into one calibrated probability, learned on a later slice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from training.boosters import rarest

Floats = NDArray[np.float64]

HEADS: Final = ("event", "withdrawal", "reversal")
"""The first two give P(fraud), the last P(reversal)."""
# Below this many of each class, a head of its own would be less certain than the one that it shares.
HEAD_CLASS_MIN: Final = 50
# Moves a weight by about a thousandth.
_RIDGE: Final = 1e-4


@dataclass(frozen=True)
class Head:
    """`probability = sigmoid(intercept + sum(weight * margin))`, one weight for each part in the model."""

    intercept: float
    weights: Mapping[str, float]

    def probabilities(self, margins: Mapping[str, Floats]) -> Floats:
        total = sum((weight * margins[part] for part, weight in self.weights.items()), np.float64(self.intercept))
        return np.asarray(expit(total), dtype=np.float64)


def fit_heads(margins: Mapping[str, Floats], labels: Floats, rows: pl.DataFrame) -> dict[str, Head]:
    """A head for events, and one for withdrawals when both have enough rows of each class (50)."""
    withdrawals = is_withdrawal(rows)
    chosen = {"event": ~withdrawals, "withdrawal": withdrawals}
    if min(rarest(labels[mask]) for mask in chosen.values()) < HEAD_CLASS_MIN:
        return {"event": fit_head(margins, labels)}
    return {
        name: fit_head({part: z[mask] for part, z in margins.items()}, labels[mask]) for name, mask in chosen.items()
    }


def fit_head(margins: Mapping[str, Floats], labels: Floats) -> Head:
    """Logistic regression on the margins with weights of zero or more, on smoothed targets.

    A weight below zero would make a person look more honest the more suspicious one part finds them, which nobody
    could explain to that person; correlated margins would produce it. Targets are pulled in to (n + 1) / (n + 2) as
    Platt (1999) does, so that classes which the margins separate perfectly do not give infinite weights.
    """
    design = np.column_stack([np.ones(len(labels)), *margins.values()])
    bounds = [(None, None)] + [(0.0, None)] * len(margins)
    start = np.array([0.0] + [1.0 / len(margins)] * len(margins))
    targets = _smoothed(labels)
    found = minimize(_loss, start, args=(design, targets), jac=True, bounds=bounds, method="L-BFGS-B", tol=1e-12)
    return Head(float(found.x[0]), {part: float(w) for part, w in zip(margins, found.x[1:], strict=True)})


def _loss(weights: Floats, design: Floats, targets: Floats) -> tuple[float, Floats]:
    total = design @ weights
    # Without the ridge, margins that say the same would share their weight arbitrarily.
    ridge = _RIDGE * np.concatenate(([0.0], weights[1:]))
    loss = np.mean(np.logaddexp(0.0, total) - targets * total) + ridge @ weights / 2
    slope: Floats = design.T @ (expit(total) - targets) / len(targets) + ridge
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
