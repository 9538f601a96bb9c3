"""Bins of a feature's values, missing ones apart: a bin a value for a few, as many values a bin for many."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.fold import Vector


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

    def all_places(self, values: Vector) -> NDArray[np.int64]:
        """The bin of each value; missing ones are in one beyond the last."""
        places, is_known = np.full(len(values), len(self)), ~np.isnan(values)
        places[is_known] = self.places(values[is_known])
        return places

    def counts(self, values: Vector) -> NDArray[np.int64]:
        """`(bins + 1,)`: how many values each bin holds; the last number is of the missing ones."""
        return np.bincount(self.all_places(values), minlength=len(self) + 1)

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


def are_whole(known: Vector) -> bool:
    return bool(np.array_equal(known, np.rint(known)))


def quantile_bins(values: Vector, count: int, *, categorical: bool = False) -> Bins:
    """At most `count` bins with about as many of the known values each; a value has a bin alone where few differ."""
    known = values[~np.isnan(values)]
    if categorical or len(np.unique(known)) <= count:
        return Bins(np.empty(0), commonest(known, count))
    # Quantiles that are values themselves: a value that many share ends up in one bin, not between two.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1), method="higher"))
    return Bins(edges, whole=are_whole(known))


def commonest(known: Vector, count: int) -> Vector:
    different, often = np.unique(known, return_counts=True)
    return np.sort(different[np.argsort(-often, kind="stable")[:count]])
