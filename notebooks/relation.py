"""What a feature alone tells of the label: its rate by bins of the value, and how well the value ranks."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.fold import Vector
from training.curves import Ranking, auc
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, interval
from training.monitoring.bins import Bins, quantile_bins

BINS: Final = 10
RESAMPLES: Final = 200
_Z: Final = 1.959963984540054  # the 97.5th percentile of the normal distribution


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


def wilson(positives: int, rows: int) -> tuple[float, float]:
    """The 95% score interval of a share: Wilson, JASA 22 (1927); Brown, Cai and DasGupta (2001) recommend it.

    It takes the events as independent, and stays within 0 and 1 also where none or all are positive.
    Raises ValueError for no rows, or more positives than rows.
    """
    if not 0 <= positives <= rows or rows < 1:
        raise ValueError(f"{positives} of {rows} is no share")
    share, squared = positives / rows, _Z**2 / rows
    centre = share + squared / 2
    reach = _Z * math.sqrt(share * (1 - share) / rows + squared / (4 * rows))
    low, high = (centre - reach) / (1 + squared), (centre + reach) / (1 + squared)
    return max(low, 0.0), min(high, 1.0)


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
