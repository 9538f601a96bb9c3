"""How a feature's values are spread, and bins to look at: logarithmic for a long tail, one bin a value for a few."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.fold import Vector
from training.monitoring.bins import Bins, are_whole, commonest

BINS_MAX: Final = 24
VALUES_MAX: Final = 16
"""So many different values, or fewer, have a bin each."""
# A tail is long when the 99th of a hundred positive values is so many times the middle one.
TAIL: Final = 20.0
LEAST: Final = 0.01
# A range is stretched when it is so many times that of all but the largest hundredth.
FAR: Final = 1.5


@dataclass(frozen=True)
class Spread:
    """What can be said of the values in one sentence. `usual` is the largest but for a hundredth of them.

    `skewed`: they are many, none is below 0, and the tail is long. Numbers are NaN where no value is known.
    """

    rows: int
    missing: int
    different: int
    low: float
    middle: float
    usual: float
    high: float
    mean: float
    skewed: bool

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 1.0

    @property
    def is_stretched(self) -> bool:
        """Whether the largest hundredth would squeeze all others into a part of the axis."""
        reach = self.usual - self.low
        return self.different > VALUES_MAX and not self.skewed and self.high - self.low > FAR * reach > 0


def spread_of(values: Vector) -> Spread:
    """`values` `(n,)`, missing as NaN."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Spread(len(values), len(values), 0, np.nan, np.nan, np.nan, np.nan, np.nan, skewed=False)
    low, middle, usual, high = (float(one) for one in np.quantile(known, [0.0, 0.5, 1 - LEAST, 1.0]))
    missing, different, mean = len(values) - len(known), len(np.unique(known)), float(known.mean())
    skewed = different > VALUES_MAX and _has_long_tail(known)
    return Spread(len(values), missing, different, low, middle, usual, high, mean, skewed)


def _has_long_tail(known: Vector) -> bool:
    positive = known[known > 0]
    if not len(positive) or known.min() < 0:
        return False
    middle, far = np.quantile(positive, [0.5, 0.99])
    return bool(far > TAIL * middle)


def histogram_bins(values: Vector, spread: Spread, *, categorical: bool = False) -> Bins:
    """Bins to look at. `values` has at least one known value."""
    known = values[~np.isnan(values)]
    if categorical or spread.different <= VALUES_MAX:
        return Bins(np.empty(0), commonest(known, VALUES_MAX))
    whole = are_whole(known)
    if not spread.skewed:
        return Bins(_even_edges(spread, whole=whole), whole=whole)
    # Zero has no logarithm: it has a bin of its own below, with the few values that would stretch the axis for nothing.
    grown = np.geomspace(np.quantile(known[known > 0], LEAST), spread.high, BINS_MAX)
    edges = np.append(0.0, grown) if spread.low == 0 else grown
    return Bins(np.unique(np.ceil(edges)) if whole else edges, whole=whole)


def _even_edges(spread: Spread, *, whole: bool) -> Vector:
    """Equally wide; of stretched values the largest hundredth is in one last wide bin."""
    top, count = (spread.usual, BINS_MAX - 1) if spread.is_stretched else (spread.high, BINS_MAX)
    if whole:
        width = np.ceil((top - spread.low + 1) / count)
        edges = np.arange(spread.low, top + width + 1, width)
    else:
        edges = np.linspace(spread.low, top, count + 1)
    return np.append(edges, spread.high) if edges[-1] < spread.high else edges
