"""LightGBM boosters, one for each part of the features: behaviour, and the device graph.

The classes are never reweighted: that would spoil the probabilities, and trees rank rare classes well without it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Advance = Callable[[int], object]

PARTS: Final = ("behaviour", "graph")
GRAPH_PREFIX: Final = "graph__"
# The last stretch of the training slice decides when to stop; too few of a class there decide nothing.
_STOPPING_SHARE: Final = 0.15
_STOPPING_CLASS_MIN: Final = 10
_ROUNDS_WITHOUT_STOPPING: Final = 100


@dataclass(frozen=True)
class Parameters:
    """What suits 30,000 to 300,000 rows on two cores. `threads` is part of what makes a run repeatable."""

    rounds_max: int = 600
    patience_rounds: int = 40
    learning_rate: float = 0.05
    leaves: int = 31
    leaf_rows_min: int = 40
    column_share: float = 0.6
    row_share: float = 0.8
    ridge: float = 5.0
    bins_max: int = 255
    # Two threads gain little on tables of this size, and on a busy machine they wait for each other: measured 20 times
    # slower on two cores that others used.
    threads: int = 1
    seed: int = 7

    def lightgbm(self) -> dict[str, Any]:
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.leaf_rows_min,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.ridge,
            "max_bin": self.bins_max,
            "cat_smooth": 20.0,
            "num_threads": self.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class Table:
    """What a booster learns from: `values` rows x names in the order of time, NaN for missing; labels 0.0 or 1.0."""

    values: Floats
    labels: Floats
    names: tuple[str, ...]
    categorical: tuple[str, ...]

    def dataset(self) -> lightgbm.Dataset:
        return lightgbm.Dataset(
            self.values,
            self.labels,
            feature_name=list(self.names),
            categorical_feature=list(self.categorical),
            params={"verbosity": -1},
        )

    def first(self, count: int) -> "Table":
        return Table(self.values[:count], self.labels[:count], self.names, self.categorical)

    @property
    def unusable(self) -> str | None:
        """Why nothing can be learned from it, or None."""
        if not self.names:
            return "no feature of this part was given"
        if all(np.array_equal(column, np.full_like(column, column[0]), equal_nan=True) for column in self.values.T):
            return "every feature of this part is constant or missing"
        return None


def matrix(frame: pl.DataFrame, names: Sequence[str]) -> Floats:
    """The named columns as float64, rows x names, null as NaN. Raises ValueError naming the columns that are absent."""
    absent = [name for name in names if name not in frame.columns]
    if absent:
        raise ValueError(f"the frame lacks {len(absent)} features of the model, first {', '.join(absent[:5])}")
    columns = frame.select(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in names)
    return np.ascontiguousarray(columns.to_numpy())


def groups_of(features: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Features by part: `graph__` belongs to the device graph, everything else to behaviour."""
    graph = tuple(name for name in features if name.startswith(GRAPH_PREFIX))
    return {"behaviour": tuple(name for name in features if name not in set(graph)), "graph": graph}


def fit_boosters(
    tables: Mapping[str, Table], parameters: Parameters, advance: Advance = lambda _: None
) -> tuple[dict[str, lightgbm.Booster], dict[str, str]]:
    """One booster for each part that has something to learn from, and for the others the reason why not.

    Raises ValueError when no part is left.
    """
    left_out = {part: table.unusable for part, table in tables.items() if table.unusable is not None}
    if len(left_out) == len(tables):
        raise ValueError(f"there is nothing to learn from: {left_out}; check that the features were computed")
    usable = {part: table for part, table in tables.items() if part not in left_out}
    return {part: fit_booster(table, parameters, advance) for part, table in usable.items()}, left_out


def fit_booster(table: Table, parameters: Parameters, advance: Advance = lambda _: None) -> lightgbm.Booster:
    """Find the number of rounds on the last stretch of the rows, then fit them all with that many.

    The second fit is what lets the model know the most recent fraud. `advance` is called once a round.
    """
    rounds = _rounds(table, parameters, advance)
    booster = lightgbm.train(parameters.lightgbm(), table.dataset(), rounds, callbacks=[_reporting(advance)])
    # Read back from its text, so that what is evaluated is exactly what will be served.
    return lightgbm.Booster(model_str=booster.model_to_string())


def _rounds(table: Table, parameters: Parameters, advance: Advance) -> int:
    cut = round(len(table.labels) * (1 - _STOPPING_SHARE))
    if min(rarest(table.labels[:cut]), rarest(table.labels[cut:])) < _STOPPING_CLASS_MIN:
        return min(_ROUNDS_WITHOUT_STOPPING, parameters.rounds_max)
    early = table.first(cut).dataset()
    late = early.create_valid(table.values[cut:], label=table.labels[cut:])
    stopping = lightgbm.early_stopping(parameters.patience_rounds, verbose=False)
    found = lightgbm.train(
        parameters.lightgbm(),
        early,
        parameters.rounds_max,
        valid_sets=[late],
        callbacks=[stopping, _reporting(advance)],
    )
    return max(1, int(found.best_iteration))


def _reporting(advance: Advance) -> Callable[[Any], None]:
    def report(_: Any) -> None:
        advance(1)

    return report


def rarest(labels: Floats) -> int:
    """The rows of the rarer class."""
    return int(min(labels.sum(), len(labels) - labels.sum()))
