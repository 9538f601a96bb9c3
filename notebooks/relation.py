"""What a feature alone tells of the label: its rate by bins of the value, and how well the value ranks."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.fold import Vector
from training.curves import Ranking, auc
from training.estimates import Estimate, unknown, wilson
from training.evaluate import Bootstrap, interval
from training.monitoring.bins import Bins, quantile_bins

BINS: Final = 10
RESAMPLES: Final = 200


@dataclass(frozen=True)
class Rate:
    """Of `rows` events `positives` have the label; the interval is of 95%."""

    rows: int
    positives: int

    @property
    def value(self) -> float:
        return self.positives / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.positives, self.rows)


@dataclass(frozen=True)
class Relation:
    """`rates[i]` belongs to bin i of `bins`, None for an empty one; the last rate is of the missing values.

    `overall` is the rate of all labelled events; `auc` is of the events whose value is known.
    """

    bins: Bins
    rates: tuple[Rate | None, ...]
    overall: Rate
    auc: Estimate


def relation_of(
    values: Vector, labels: Vector, people: NDArray[np.int64], *, categorical: bool = False
) -> Relation | None:
    """Over the events with a label (1.0, 0.0; NaN counts as none). None if there is no label or no known value."""
    mature = ~np.isnan(labels)
    values, labels, people = values[mature], labels[mature], people[mature]
    known = ~np.isnan(values)
    if not known.any():
        return None
    bins = quantile_bins(values, BINS, categorical=categorical)
    rows, positives = bins.counts(values), bins.counts(values[labels == 1])
    rates = tuple(Rate(int(n), int(k)) if n else None for n, k in zip(rows, positives, strict=True))
    overall = Rate(len(labels), int(labels.sum()))
    alone = unknown("a category has no order") if categorical else auc_of(values[known], labels[known], people[known])
    return Relation(bins, rates, overall, alone)


def auc_of(values: Vector, labels: Vector, people: NDArray[np.int64]) -> Estimate:
    """The area under the ROC curve of the value itself, with a 95% bootstrap interval over people.

    All inputs `(n,)`, values known. An unknown estimate, with its reason, for one class or one value only.
    """
    if len(np.unique(labels)) < 2:
        return unknown(f"all {len(labels):,} labels are the same")
    if len(np.unique(values)) < 2:
        return unknown("the value is always the same")
    ranking, (_, clusters) = Ranking.of(labels, values), np.unique(people, return_inverse=True)
    whole = auc(ranking.curve(np.ones(len(labels))))
    curves = (ranking.curve(weights) for weights in Bootstrap(RESAMPLES).weights(clusters.astype(np.int64)))
    return interval(whole, np.array([auc(curve) for curve in curves if curve.has_both_classes]))
