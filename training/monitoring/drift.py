"""How far a feature moved between two periods: PSI and KS, each with what it means."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.fold import Vector
from training.monitoring.bins import Bins, quantile_bins

Counts = NDArray[np.int64]
Places = NDArray[np.int64]

PSI_BINS: Final = 10
# The customary marks; they come from practice, not from a theorem.
PSI_SOME: Final = 0.1
PSI_MUCH: Final = 0.25
# What chance alone would do is exceeded by so many times before anything is said to have moved.
BEYOND: Final = 3


@dataclass(frozen=True)
class Drift:
    """`psi` and `chance`, the PSI to expect if nothing moved; `ks` is None for categories, or without values."""

    psi: float
    chance: float
    ks: float | None
    missing_before: float
    missing_after: float

    @property
    def in_words(self) -> str:
        if self.psi <= BEYOND * self.chance or self.psi < PSI_SOME:
            return "hardly moved"
        return "moved" if self.psi < PSI_MUCH else "moved far"


def drift_of(before: Vector, after: Vector, *, categorical: bool = False) -> Drift | None:
    """From `before` to `after`, values of two periods, missing as NaN. None if a period has no events."""
    if not len(before) or not len(after):
        return None
    bins = bins_of(before, after, categorical=categorical)
    ks = None if categorical else ks_of(before, after)
    return drift_by(bins.counts(before), bins.counts(after), ks)


def bins_of(before: Vector, after: Vector, *, categorical: bool = False) -> Bins:
    """Those of the earlier period, or of the later one where nothing is known of the earlier."""
    return quantile_bins(after if np.isnan(before).all() else before, PSI_BINS, categorical=categorical)


def drift_by(before: Counts, after: Counts, ks: float | None) -> Drift:
    """From the counts of the same bins, the missing ones last; neither period is empty."""
    missing = [float(counts[-1] / counts.sum()) for counts in (before, after)]
    return Drift(psi_of(before, after), chance_of(before, after), ks, *missing)


def psi_of(before: Counts, after: Counts) -> float:
    """`sum((q - p) * ln(q / p))` over the shares p, q of each bin: Siddiqi, Credit Risk Scorecards (2006), ch. 10.

    It is the divergence of Jeffreys (1946). Half an event is added to each bin, so that an empty one costs much, not
    infinitely much; bins that are empty in both periods are left out.
    """
    used = (before + after) > 0
    p, q = ((counts[used] + 0.5) / (counts[used] + 0.5).sum() for counts in (before, after))
    return float(np.sum((q - p) * np.log(q / p)))


def chance_of(before: Counts, after: Counts) -> float:
    """`(bins - 1) * (1 / n + 1 / m)`, its mean under no drift: Yurdakul, Statistical Properties of PSI (2018)."""
    used = int(((before + after) > 0).sum())
    return (used - 1) * (1 / float(before.sum()) + 1 / float(after.sum()))


def ks_of(before: Vector, after: Vector) -> float | None:
    """`max |F(x) - G(x)|` over x, of the two empirical distributions (Smirnov 1939); None without known values."""
    one, two = (np.sort(values[~np.isnan(values)]) for values in (before, after))
    if not len(one) or not len(two):
        return None
    every = np.concatenate([one, two])
    return float(np.max(np.abs(_shares_below(one, every) - _shares_below(two, every))))


def _shares_below(ordered: Vector, points: Vector) -> Vector:
    """The share of `ordered` at or below each point."""
    return np.searchsorted(ordered, points, side="right") / len(ordered)


def table_of(
    names: Iterable[str], column: Callable[[str], Vector], before: Places, after: Places, categorical: Collection[str]
) -> list[tuple[str, Drift]]:
    """Every feature that can be compared, the one that moved most first. `before` and `after` choose rows."""
    found = []
    for name in names:
        values = column(name)
        drift = drift_of(values[before], values[after], categorical=name in categorical)
        if drift is not None:
            found.append((name, drift))
    return sorted(found, key=lambda one: -one[1].psi)
