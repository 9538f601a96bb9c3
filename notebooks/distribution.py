"""How a feature's values are spread: bins that suit them, logarithmic for a long tail, one bin a value for a few."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.fold import Vector

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


@dataclass(frozen=True)
class Bins:
    """Bin i holds `edges[i] <= value < edges[i + 1]`; the last one its upper edge, too.

    With `values`, bin i holds exactly `values[i]`, and what is none of them is in a last bin of its own.
    `whole`: edges and values are whole numbers, so a bin can be named by the first and the last one that it holds.
    """

    edges: Vector
    values: Vector | None = None
    whole: bool = False

    def __len__(self) -> int:
        return len(self.edges) - 1 if self.values is None else len(self.values) + 1

    def places(self, values: Vector) -> NDArray[np.int64]:
        """The bin of each known value; what lies outside is in the nearest bin."""
        if self.values is None:
            return np.clip(np.searchsorted(self.edges, values, side="right") - 1, 0, len(self) - 1)
        found = np.clip(np.searchsorted(self.values, values), 0, len(self.values) - 1)
        return np.where(self.values[found] == values, found, len(self.values))

    def counts(self, values: Vector) -> NDArray[np.int64]:
        """`(bins + 1,)`: how many values each bin holds; the last number is of the missing ones."""
        known = values[~np.isnan(values)]
        return np.append(np.bincount(self.places(known), minlength=len(self)), len(values) - len(known))

    def names(self, say: Callable[[float], str]) -> list[str]:
        """What each bin holds, in words; `say` puts a value into words."""
        if self.values is not None:
            return [*map(say, self.values), "others"]
        highs = self.edges[1:] - self.whole
        highs[-1] = self.edges[-1]
        return [between(say(low), say(high)) for low, high in zip(self.edges[:-1], highs, strict=True)]


def between(low: str, high: str) -> str:
    """`19.2 to 40.8 seconds`, not `19.2 seconds to 40.8 seconds`; one of them alone where they are the same."""
    number, _, unit = low.partition(" ")
    return low if low == high else f"{number if unit and high.endswith(f' {unit}') else low} to {high}"


def _are_whole(known: Vector) -> bool:
    return bool(np.array_equal(known, np.rint(known)))


def histogram_bins(values: Vector, spread: Spread, *, categorical: bool = False) -> Bins:
    """Bins to look at. `values` has at least one known value."""
    known = values[~np.isnan(values)]
    if categorical or spread.different <= VALUES_MAX:
        return Bins(np.empty(0), _commonest(known))
    whole = _are_whole(known)
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


def quantile_bins(values: Vector, count: int, *, categorical: bool = False) -> Bins:
    """At most `count` bins with about as many of the known values each; a value has a bin alone where few differ."""
    known = values[~np.isnan(values)]
    if categorical or len(np.unique(known)) <= count:
        return Bins(np.empty(0), _commonest(known, count))
    # Quantiles that are values themselves: a value that many share ends up in one bin, not between two.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1), method="higher"))
    return Bins(edges, whole=_are_whole(known))


def _commonest(known: Vector, count: int = VALUES_MAX) -> Vector:
    different, often = np.unique(known, return_counts=True)
    return np.sort(different[np.argsort(-often, kind="stable")[:count]])
