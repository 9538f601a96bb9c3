"""Ranking metrics from one weighted curve, so that a bootstrap resample costs two cumulative sums and no sort.

AUC, average precision and the curve follow the definitions of scikit-learn; ties share one point.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """Weights of positives and negatives at or above each distinct score, the highest score first."""

    positives: Floats
    negatives: Floats

    @property
    def has_both_classes(self) -> bool:
        return bool(self.positives[-1] > 0 and self.negatives[-1] > 0)

    def reversed(self) -> "Curve":
        """The curve of the other class, by the negated score."""
        return Curve(_from_below(self.negatives), _from_below(self.positives))


def _from_below(cumulative: Floats) -> Floats:
    below: Floats = cumulative[-1] - np.concatenate(([0.0], cumulative[:-1]))[::-1]
    return below


@dataclass(frozen=True)
class Ranking:
    """Scores sorted once, the highest first. `ends` are the last positions of each group of equal scores."""

    order: Ints
    ends: Ints
    labels: Floats

    @classmethod
    def of(cls, labels: Floats, scores: Floats) -> Self:
        """`labels` and `scores` of n rows. Raises ValueError for a score that is not finite: it has no rank."""
        if not np.isfinite(scores).all():
            raise ValueError("scores must be finite numbers")
        order = np.argsort(-scores, kind="stable")
        ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
        return cls(order, ends, labels[order])

    def curve(self, weights: Floats) -> Curve:
        """`weights` of n rows in their own order: 1 each, or how often a resample drew them."""
        ranked = weights[self.order]
        bad = np.cumsum(ranked * self.labels)[self.ends]
        return Curve(bad, np.cumsum(ranked)[self.ends] - bad)


def auc(curve: Curve) -> float:
    """Area under the ROC curve."""
    rates = np.concatenate(([0.0], curve.positives)) / curve.positives[-1]
    return float(np.trapezoid(rates, np.concatenate(([0.0], curve.negatives)) / curve.negatives[-1]))


def average_precision(curve: Curve) -> float:
    """Precision averaged over the steps of recall, without interpolation."""
    gained = np.diff(curve.positives, prepend=0.0)
    seen = np.maximum(curve.positives + curve.negatives, 1e-300)
    return float(np.sum(gained * curve.positives / seen) / curve.positives[-1])


def rare_average_precision(curve: Curve) -> float:
    """Average precision of the rarer class, which is the harder one to find."""
    rare_is_positive = curve.positives[-1] <= curve.negatives[-1]
    return average_precision(curve if rare_is_positive else curve.reversed())


def recall_at(curve: Curve, false_positive_rate: float) -> float:
    """The largest recall of a threshold that refuses at most this share of the honest."""
    allowed = curve.negatives <= false_positive_rate * curve.negatives[-1] + 1e-9
    return float(np.max(curve.positives, where=allowed, initial=0.0) / curve.positives[-1])


def precision_at(curve: Curve, share: float) -> float:
    """Precision among the `share` of rows with the highest scores; a tie at the edge is drawn at random."""
    seen = np.concatenate(([0.0], curve.positives + curve.negatives))
    reviewed = share * seen[-1]
    return float(np.interp(reviewed, seen, np.concatenate(([0.0], curve.positives))) / reviewed)
