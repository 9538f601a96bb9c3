"""Boosters fitted by several workers of Dask, for tables that one machine cannot hold in bins.

Rounds are still counted here, on the newest rows; the workers make the last and largest fit. Each worker bins its own
rows by borders that all of them share, so the trees are not those of one machine to the letter, but as good.

    with engine("dask", workers=2) as on_workers:
        train(frame, outcomes, Spec(..., train=on_workers))
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from typing import Any, Final

import lightgbm
import numpy as np

from features.rings.engines import assert_available
from training.boosters import Parameters, Train
from training.table import Table

ROWS_A_PIECE_MIN: Final = 1000


@dataclass(frozen=True)
class Distributed:
    """Fits on the workers of a scheduler. Takes the place of `lightgbm.train` in `fit_booster`."""

    # Not part of what a model is made from: the workers of tomorrow listen elsewhere.
    address: str = field(repr=False)

    def __call__(self, parameters: Parameters, table: Table, rounds: int) -> lightgbm.Booster:
        array, distributed = import_module("dask.array"), import_module("distributed")
        with distributed.Client(self.address, set_as_default=False) as client, client.as_current(), _silence():
            workers = list(client.scheduler_info(n_workers=-1)["workers"])
            client.gather([client.submit(_quiet, workers=[worker], pure=False) for worker in workers])
            piece = max(ROWS_A_PIECE_MIN, -(-len(table.labels) // len(workers)))
            rows = array.from_array(np.ascontiguousarray(table.values), chunks=(piece, -1))
            labels = array.from_array(table.labels, chunks=piece)
            weights = None if table.weights is None else array.from_array(table.weights, chunks=piece)
            model = lightgbm.DaskLGBMClassifier(n_estimators=rounds, client=client, **_settings(parameters, table))
            model.fit(rows, labels, sample_weight=weights, categorical_feature=list(table.categorical_places))
            return _named(model.booster_, table)


@contextmanager
def _silence() -> Iterator[None]:
    """LightGBM says on standard output, which is the command line's, that it looks for ports and counts threads."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parameter .* will be ignored")
        yield


def _quiet() -> int:
    """The same on a worker: each of its threads has a level of its own, which its first table sets."""
    return int(lightgbm.Dataset(np.zeros((2, 1)), params={"verbosity": -1}).construct().num_data())


def _settings(parameters: Parameters, table: Table) -> dict[str, Any]:
    given = parameters.lightgbm(table)
    # What the workers decide among themselves, and what only matters where rounds are counted.
    for name in ("num_threads", "deterministic", "force_row_wise", "force_col_wise", "metric"):
        given.pop(name)
    return given | {"tree_learner": "data"}


def _named(booster: lightgbm.Booster, table: Table) -> lightgbm.Booster:
    """Arrays have no names; the booster's own text gets those of the table."""
    head, _, rest = booster.model_to_string().partition("\nfeature_infos=")
    before, _, _ = head.partition("\nfeature_names=")
    return lightgbm.Booster(model_str=f"{before}\nfeature_names={' '.join(table.names)}\nfeature_infos={rest}")


@contextmanager
def engine(name: str, workers: int = 1) -> Iterator[Train | None]:
    """What fits boosters, for `Spec.train`: this process (None), or `workers` processes of Dask, gone afterwards.

    Raises ValueError for an unknown engine, a senseless number of workers, and where Dask is not installed.
    """
    assert_available(name, workers)
    if name == "local":
        yield None
        return
    with import_module("distributed").LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40
    ) as cluster:
        yield Distributed(cluster.scheduler_address)
