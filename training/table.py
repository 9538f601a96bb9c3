"""What a model learns from: features as a matrix, with labels, weights, and the directions that are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Values = NDArray[np.float32] | NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """`values` rows x names in the order of time, NaN for missing; labels 0.0 or 1.0; weights 1 each if None.

    `directions` has +1, -1 or 0 (unknown) for each name, or is empty. Raises ValueError for labels of another kind.
    """

    values: Values
    labels: Floats
    names: tuple[str, ...]
    categorical: tuple[str, ...]
    weights: Floats | None = None
    directions: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.dtype.kind not in "fiub" or not np.isin(labels, (0, 1)).all():
            found = sorted(map(str, set(labels.tolist())))[:5]
            raise ValueError(
                f"labels must be the numbers 0 and 1, not {', '.join(found)}: turn them into numbers first"
            )
        if len(labels) != len(self.values):
            raise ValueError(f"{len(labels)} labels for {len(self.values)} rows: each row needs one")

    def dataset(self, binning: dict[str, Any]) -> lightgbm.Dataset:
        """The table in bins; its stretches share them (see `stretch`)."""
        return lightgbm.Dataset(
            self.values,
            self.labels,
            weight=self.weights,
            feature_name=list(self.names),
            categorical_feature=list(self.categorical),
            params={"verbosity": -1, "feature_pre_filter": False, **binning},
            free_raw_data=False,
        ).construct()

    @property
    def categorical_places(self) -> tuple[int, ...]:
        return tuple(self.names.index(name) for name in self.categorical)

    def rows(self, chosen: slice) -> "Table":
        weights = None if self.weights is None else self.weights[chosen]
        return Table(self.values[chosen], self.labels[chosen], self.names, self.categorical, weights, self.directions)

    @cached_property
    def unusable(self) -> str | None:
        """Why nothing can be learned from it, or None."""
        if not self.names:
            return "no feature of this part was given"
        if not len(self.values):
            return "no row of this part has a label"
        if all(_is_constant(column) for column in self.values.T):
            return "every feature of this part is constant or missing"
        if rarest(self.labels) == 0:
            return f"one class only: {int(self.labels.sum())} of {len(self.labels)} rows are positive"
        return None


def rarest(labels: Floats) -> int:
    """The rows of the rarer class."""
    return int(min(labels.sum(), len(labels) - labels.sum()))


def _is_constant(column: Values) -> bool:
    return np.array_equal(column, np.full_like(column, column[0]), equal_nan=True)


def stretch(dataset: lightgbm.Dataset, start: int, stop: int) -> lightgbm.Dataset:
    """Rows of a dataset that is in bins already; nothing is binned again."""
    return dataset.subset(list(range(start, stop)))


def matrix(frame: pl.DataFrame, names: Sequence[str], dtype: type[np.floating[Any]] = np.float64) -> Any:
    """The named columns as `dtype`, rows x names, null as NaN.

    Learning takes float32, which halves the memory; scores are always of float64, as they are when served.
    Raises ValueError naming the columns that are absent, or that hold no numbers.
    """
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"the frame lacks {len(absent)} features of the model, first {', '.join(absent[:5])}")
    text = [name for name in names if not (frame.schema[name].is_numeric() or frame.schema[name] == pl.Boolean)]
    text = [name for name in text if frame.schema[name] != pl.Null]
    if text:
        raise ValueError(f"features must be numbers; {', '.join(text[:5])} hold {frame.schema[text[0]]}: encode them")
    kind = pl.Float32 if dtype is np.float32 else pl.Float64
    columns = frame.select(pl.col(name).cast(kind).fill_null(float("nan")) for name in names)
    return columns.to_numpy().reshape(frame.height, len(names))
