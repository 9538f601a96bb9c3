"""LightGBM boosters: how many rounds, and the fit.

The classes are never reweighted: that would spoil the probabilities, and trees rank rare classes well without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import lightgbm

from training.table import Table, rarest, stretch

Advance = Callable[[int], object]
Train = Callable[["Parameters", Table, int], lightgbm.Booster]

# The last stretch of the training slice decides when to stop; too few of a class there decide nothing.
STOPPING_SHARE: Final = 0.15
_STOPPING_CLASS_MIN: Final = 10
_ROUNDS_WITHOUT_STOPPING: Final = 100
# Rounds are counted on the newest rows, at most this many: the count hardly changes beyond, the time does.
_STOPPING_ROWS_MAX: Final = 300_000
LARGE_ROWS: Final = 300_000


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
    # Two gain little on tables of this size. Larger ones get two, which wait asleep: see `training/__init__.py`.
    threads: int = 1
    seed: int = 7

    def suited_to(self, rows: int) -> "Parameters":
        """The same for more than LARGE_ROWS: larger steps, coarser bins, fewer columns a tree, two threads.

        A round on 600,000 rows then costs 90 ms of a core, not 220 (measured beside each other); most of it is the
        share of columns. `assay bench training` times the whole.
        """
        if rows <= LARGE_ROWS:
            return self
        return replace(
            self,
            rounds_max=min(self.rounds_max, 300),
            patience_rounds=min(self.patience_rounds, 20),
            learning_rate=max(self.learning_rate, 0.1),
            bins_max=min(self.bins_max, 127),
            column_share=min(self.column_share, 0.3),
            leaf_rows_min=max(self.leaf_rows_min, 100),
            threads=max(self.threads, 2),
        )

    def binning(self) -> dict[str, Any]:
        return {"max_bin": self.bins_max, "data_random_seed": self.seed, "num_threads": self.threads}

    def lightgbm(self, table: Table) -> dict[str, Any]:
        known = {"monotone_constraints": list(table.directions)} if any(table.directions) else {}
        return known | {
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
            # Histograms by row suit small tables, by column large ones; left to a trial, runs would differ.
            "force_row_wise": len(table.labels) <= LARGE_ROWS,
            "force_col_wise": len(table.labels) > LARGE_ROWS,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


def fit_booster(
    table: Table, parameters: Parameters, advance: Advance = lambda _: None, train: Train | None = None
) -> lightgbm.Booster:
    """Find the number of rounds on the last stretch of the rows, then fit them all with that many.

    The second fit is what lets the model know the most recent fraud; the bins are made once for both. `advance` is
    called once a round. `train` fits somewhere else, on Dask for one (see `training/distributed.py`).
    """
    suited = parameters.suited_to(len(table.labels))
    binned = table.dataset(suited.binning())
    rounds = _rounds(table, binned, suited, advance)
    if train is not None:
        booster = train(suited, table, rounds)
    else:
        booster = lightgbm.train(suited.lightgbm(table), binned, rounds, callbacks=[_reporting(advance)])
    # Read back from its text, so that what is evaluated is exactly what will be served.
    return lightgbm.Booster(model_str=booster.model_to_string())


def _rounds(table: Table, binned: lightgbm.Dataset, parameters: Parameters, advance: Advance) -> int:
    stop = len(table.labels)
    start = max(0, stop - _STOPPING_ROWS_MAX)
    cut = stop - round((stop - start) * STOPPING_SHARE)
    if min(rarest(table.labels[start:cut]), rarest(table.labels[cut:])) < _STOPPING_CLASS_MIN:
        return min(_ROUNDS_WITHOUT_STOPPING, parameters.rounds_max)
    stopping = lightgbm.early_stopping(parameters.patience_rounds, verbose=False)
    found = lightgbm.train(
        parameters.lightgbm(table),
        stretch(binned, start, cut),
        parameters.rounds_max,
        valid_sets=[stretch(binned, cut, stop)],
        callbacks=[stopping, _reporting(advance)],
    )
    return max(1, int(found.best_iteration))


def _reporting(advance: Advance) -> Callable[[Any], None]:
    def report(_: Any) -> None:
        advance(1)

    return report
