"""A search for better parameters, within a budget, on time-ordered folds of the training slice and of nothing else.

Candidates are drawn at random, for a few parameters matter and nobody knows which (Bergstra and Bengio 2012, "Random
search"), and raced: each rung has more of the rows, and only the better third of the last one runs in it (Jamieson and
Talwalkar 2016, successive halving). Optuna was considered: at the few dozen trials that a night allows, its samplers
have hardly begun to learn, and the race below is shorter than the dependency's configuration.

The parameters given run in every rung, and are left only for what beats them in the last one.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

import lightgbm
import numpy as np

from training.boosters import Advance, Parameters
from training.table import Table, rarest, stretch

_ROW_SHARES: Final = (0.25, 0.5, 1.0)
_KEPT: Final = 3
"""One in so many goes on to the next rung."""
_FOLDS: Final = ((0.5, 0.75), (0.75, 1.0))
"""`(learn before, check before)` as shares of the rows: each fold is checked on what came after it."""
_FOLD_CLASS_MIN: Final = 20


@dataclass(frozen=True)
class Search:
    """At most so many candidates and seconds, whichever ends first. A budget of seconds is no exact repeat."""

    candidates: int = 27
    seconds: float = inf
    seed: int = 7


@dataclass(frozen=True)
class Trial:
    """One candidate on one rung: the mean log-loss over the folds, of the newest `rows`."""

    parameters: Parameters
    rows: int
    loss: float


def found_parameters(
    table: Table, given: Parameters, search: Search, advance: Advance = lambda _: None
) -> tuple[Parameters, tuple[Trial, ...]]:
    """The best of the last rung that was finished in time, and every trial; `given` where none was.

    `table` is the training slice in the order of time. Raises ValueError when a fold has too few of a class (20).
    """
    if not _has_classes(table):
        raise ValueError(
            f"there are too few rows to search: each fold needs {_FOLD_CLASS_MIN} of both classes, and the training "
            f"slice has {rarest(table.labels)} of the rarer one; train without a search"
        )
    ends = time.monotonic() + search.seconds
    field, best, trials = [given, *drawn(given, search)], given, []
    for share in _ROW_SHARES:
        newest = table.rows(slice(round(len(table.labels) * (1 - share)), None))
        if not _has_classes(newest):
            continue
        rung = list(_run(newest, field, ends, advance))
        trials += rung
        if len(rung) < len(field):
            break
        ranked = sorted(rung, key=lambda trial: trial.loss)
        best = ranked[0].parameters
        kept = [trial.parameters for trial in ranked[: max(1, len(field) // _KEPT)]]
        field = [given, *(one for one in kept if one != given)]
    return best, tuple(trials)


def drawn(given: Parameters, search: Search) -> list[Parameters]:
    """Candidates; bins, threads and seed stay as given, so that all of them share one table of bins."""
    draws = np.random.default_rng(search.seed)

    def between(low: float, high: float) -> float:
        """Evenly by magnitude."""
        return float(np.exp(draws.uniform(np.log(low), np.log(high))))

    return [
        replace(
            given,
            learning_rate=round(between(0.02, 0.15), 4),
            leaves=round(between(7, 127)),
            leaf_rows_min=round(between(10, 400)),
            column_share=round(draws.uniform(0.3, 1.0), 2),
            row_share=round(draws.uniform(0.5, 1.0), 2),
            ridge=round(between(0.1, 100), 3),
        )
        for _ in range(search.candidates - 1)
    ]


def _has_classes(table: Table) -> bool:
    return all(
        min(rarest(table.labels[:learned]), rarest(table.labels[learned:checked])) >= _FOLD_CLASS_MIN
        for learned, checked in _folds(table)
    )


def _folds(table: Table) -> list[tuple[int, int]]:
    rows = len(table.labels)
    return [(round(learned * rows), round(checked * rows)) for learned, checked in _FOLDS]


def _run(table: Table, field: Sequence[Parameters], ends: float, advance: Advance) -> Iterator[Trial]:
    binned = table.dataset(field[0].suited_to(len(table.labels)).binning())
    folds = [(stretch(binned, 0, learned), stretch(binned, learned, checked)) for learned, checked in _folds(table)]
    for parameters in field:
        if time.monotonic() >= ends:
            return
        losses = [_loss(table, parameters, *fold) for fold in folds]
        advance(1)
        yield Trial(parameters, len(table.labels), float(np.mean(losses)))


def _loss(table: Table, parameters: Parameters, early: lightgbm.Dataset, late: lightgbm.Dataset) -> float:
    """The least log-loss on the later rows; every candidate may stop where it is best."""
    suited = parameters.suited_to(len(table.labels))
    stopping = lightgbm.early_stopping(suited.patience_rounds, verbose=False)
    found = lightgbm.train(suited.lightgbm(table), early, suited.rounds_max, valid_sets=[late], callbacks=[stopping])
    return float(found.best_score["valid_0"]["binary_logloss"])
