"""What nodes.tsv says of each node, as columns of numbers.

Shares of one whole betray the whole: rates of 803, 32, 22 and 138 in 995 are all whole numbers times 1/995 and of no
smaller number. The smallest such number is the node's `exposure`, how much it did at least, and turns rates of three
tasks and of three thousand, which look alike, into counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from features.compiling import loop
from training.nodes.cells import Floats, numbers

CATEGORIES_MAX: Final = 20
"""The most frequent values of a text column have a column each; the others only their frequency."""
CATEGORY_NODES_MIN: Final = 10
COLUMNS_MAX: Final = 200
EXPOSURE_MAX: Final = 10_000
EXPOSURE_FOUND_MIN: Final = 0.9
"""Of the nodes with shares. Numbers between 0 and 1 that are no shares of one whole have no common denominator."""
ROUNDING: Final = 1e-7
"""A rate of single precision is off by at most half of this."""
SMOOTHING: Final = 5.0
"""A rate is drawn towards that of all nodes, as if five average tasks had been added."""


@dataclass(frozen=True)
class Columns:
    """`values` nodes x names, NaN for missing. `left_out` says why for each column that says nothing."""

    values: Floats
    names: tuple[str, ...]
    left_out: Mapping[str, str]


def attributes_of(table: pl.DataFrame) -> Columns:
    """Numbers as they are, text as categories; exposure and counts where there are shares.

    `table` holds text, null for blank. Raises ValueError for more than COLUMNS_MAX columns.
    """
    found: dict[str, Floats] = {}
    left_out: dict[str, str] = {}
    for name in table.columns:
        reason = _silent(table[name])
        if reason:
            left_out[name] = reason
            continue
        values = numbers(table[name])
        found |= {name: values} if values is not None else _categories(table[name])
    if len(found) > COLUMNS_MAX:
        raise ValueError(
            f"nodes.tsv makes {len(found)} columns of attributes; at most {COLUMNS_MAX} are used: drop some"
        )
    found |= counts_of_shares(found)
    values = np.column_stack(list(found.values())) if found else np.empty((len(table), 0))
    return Columns(values, tuple(found), left_out)


def _silent(column: pl.Series) -> str | None:
    """Why a column says nothing, or None."""
    known = column.drop_nulls()
    if not len(known):
        return "missing everywhere"
    values = numbers(column)
    if values is not None and not np.isfinite(values).any():
        return "not finite anywhere"
    if known.n_unique() == 1 and not column.null_count():
        return "the same everywhere"
    if values is None and known.n_unique() == len(known):
        return "text that is different everywhere"
    return None


def _categories(column: pl.Series) -> dict[str, Floats]:
    """A column of ones for each frequent value, and how many nodes share a node's value."""
    counted = column.drop_nulls().value_counts().sort(["count", column.name], descending=[True, False])
    frequent = counted.filter(pl.col("count") >= CATEGORY_NODES_MIN)[column.name].head(CATEGORIES_MAX)
    missing = column.is_null().to_numpy()
    found = {}
    for value in frequent:
        ones = (column == value).fill_null(value=False).to_numpy().astype(np.float64)
        found[f"{column.name}={value}"] = np.where(missing, np.nan, ones)
    size = column.to_frame().join(counted, on=column.name, how="left", maintain_order="left")["count"]
    return found | {f"{column.name}__nodes": size.cast(pl.Float64).fill_null(float("nan")).to_numpy()}


def counts_of_shares(columns: Mapping[str, Floats]) -> dict[str, Floats]:
    """`exposure`, and for each column of shares its count (`__count`) and its rate drawn to the mean (`__smoothed`).

    Empty without two columns of shares or when fewer than nine in ten of their nodes have a common denominator.
    """
    shares = {name: values for name, values in columns.items() if _is_share(values)}
    if len(shares) < 2:
        return {}
    values = np.column_stack(list(shares.values()))
    known = ~np.isnan(values).any(axis=1)
    whole = np.full(len(values), np.nan)
    whole[known] = denominators(np.ascontiguousarray(values[known]), EXPOSURE_MAX, ROUNDING)
    if np.isnan(whole[known]).mean() > 1 - EXPOSURE_FOUND_MIN:
        return {}
    found = {"exposure": whole}
    for name, share in shares.items():
        count = np.round(share * whole)
        found[f"{name}__count"] = count
        found[f"{name}__smoothed"] = (count + SMOOTHING * np.nanmean(share)) / (whole + SMOOTHING)
    return found


def _is_share(values: Floats) -> bool:
    known = values[~np.isnan(values)]
    return bool(len(known) and known.min() >= 0 and known.max() <= 1 and (known % 1 > 0).any())


@loop
def denominators(shares: Floats, largest: int, rounding: float) -> Floats:
    """For each row the smallest whole number that makes all its shares whole, `rounding` apart; NaN above `largest`."""
    found = np.full(len(shares), np.nan)
    for row in range(len(shares)):
        for whole in range(1, largest + 1):
            fits = True
            for column in range(shares.shape[1]):
                product = shares[row, column] * whole
                if abs(product - np.round(product)) > rounding * whole:
                    fits = False
                    break
            if fits:
                found[row] = whole
                break
    return found
