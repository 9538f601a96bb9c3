"""Who a model is worse for: the same threshold, group by group, and how far apart honest people of two groups are."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.curves import Ranking, auc
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, Scored, interval

Floats = NDArray[np.float64]

GROUPS_MAX: Final = 12
"""Of one slice, the largest; the others are counted together as `other`."""
HONEST_MIN: Final = 200
"""Honest rows below which a group's false-positive rate says nothing."""
_MISSING, _OTHER = "unknown", "other"


def threshold_at(scored: Scored, false_positive_rate: float) -> float:
    """The lowest score that flags at most this share of the honest rows; above every score when none does."""
    honest = np.sort(scored.scores[scored.labels == 0])[::-1]
    allowed = int(false_positive_rate * len(honest))
    bar = honest[allowed] if allowed < len(honest) else -np.inf
    above = scored.scores[scored.scores > bar]
    return float(above.min()) if len(above) else float(np.nextafter(bar, np.inf))


def grouped(values: pl.Series) -> pl.Series:
    """Text groups of a column: the largest as they are, the rest as `other`, null as `unknown`."""
    text = values.cast(pl.String).fill_null(_MISSING)
    largest = text.value_counts(sort=True).head(GROUPS_MAX)[text.name].to_list()
    return text.set(~text.is_in(largest), _OTHER)


def by_slice(scored: Scored, groups: pl.DataFrame, threshold: float) -> list[dict[str, Any]]:
    """One row for each group of each column of `groups`: `rows`, `positives`, `auc`, `recall`, `false_positive_rate`.

    Rates are at `threshold`, the same for everybody. None where a group has no row of the class that is asked for.
    """
    return [
        {"slice": column.name, "group": str(group), **_figures(scored, (names == group).to_numpy(), threshold)}
        for column in groups.iter_columns()
        for names in [grouped(column)]
        for group in sorted(names.unique())
    ]


def _figures(scored: Scored, chosen: NDArray[np.bool_], threshold: float) -> dict[str, Any]:
    labels, flagged = scored.labels[chosen], scored.scores[chosen] >= threshold
    curve = Ranking.of(labels, scored.scores[chosen]).curve(np.ones(len(labels)))
    return {
        "rows": len(labels),
        "positives": int(labels.sum()),
        "auc": auc(curve) if curve.has_both_classes else None,
        "recall": _mean(flagged[labels == 1]),
        "false_positive_rate": _mean(flagged[labels == 0]),
    }


def _mean(flagged: NDArray[np.bool_]) -> float | None:
    return float(flagged.mean()) if len(flagged) else None


def false_positive_ratio(scored: Scored, values: pl.Series, threshold: float, bootstrap: Bootstrap) -> Estimate:
    """The highest false-positive rate of a group over the lowest, among groups with at least 200 honest rows.

    Half a false positive is added to each group, so that a group without one does not make it infinite. 1 is even.
    """
    sums = sums_by_group(scored, values, scored.scores >= threshold)
    if sums is None:
        return unknown(f"fewer than two groups with {HONEST_MIN} honest rows")
    drawn = [ratio_of_sums(weights @ sums) for weights in bootstrap.weights(np.arange(len(sums)))]
    return interval(ratio_of_sums(sums.sum(axis=0)), np.array(drawn))


def sums_by_group(scored: Scored, values: pl.Series, flagged: NDArray[np.bool_]) -> Floats | None:
    """`(people, 2 x groups)`: of each person the flagged honest rows in each large group, then all its honest rows.

    None where fewer than two groups are large.
    """
    names, honest = grouped(values).to_numpy(), scored.labels == 0
    large = [group for group in np.unique(names) if (honest & (names == group)).sum() >= HONEST_MIN]
    if len(large) < 2:
        return None
    members = [honest & (names == group) for group in large]
    return scored.sums_by_person([*(chosen & flagged for chosen in members), *members])


def ratio_of_sums(sums: Floats) -> float:
    """The highest over the lowest rate, of the flagged and the honest rows of each group."""
    flagged, honest = np.split(sums, 2)
    rates = (flagged + 0.5) / np.maximum(honest, 1.0)
    return float(rates.max() / rates.min())


def ratios(
    scored: Scored, groups: pl.DataFrame, threshold: float, bootstrap: Bootstrap, columns: Sequence[str] | None = None
) -> dict[str, Estimate]:
    """`false_positive_ratio` of each column (all when none are named)."""
    chosen = groups.columns if columns is None else columns
    return {name: false_positive_ratio(scored, groups[name], threshold, bootstrap) for name in chosen}
