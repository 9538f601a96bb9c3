"""Boosters fitted by Dask's workers: as good as those of one process, and as bound by what is known."""

from collections.abc import Iterator

import lightgbm
import numpy as np
import pytest

from training.boosters import Parameters, Train, fit_booster
from training.curves import Ranking, auc
from training.distributed import Distributed, engine
from training.table import Floats, Table

NAMES = ("user__count__1h", "user__count__1d", "graph__device_users", "event__campaign")
SETTINGS = Parameters(rounds_max=40, leaves=7, learning_rate=0.2, row_share=1.0, column_share=1.0)


def table(rows: int, seed: int) -> Table:
    """Counts of few values, so that workers and one process put the same borders between them."""
    draws = np.random.default_rng(seed)
    values = draws.poisson(4, (rows, 4)).astype(np.float32)
    values[:, 3] = draws.integers(0, 5, rows)
    odds = 0.5 * values[:, 0] - 0.4 * values[:, 1] + 0.3 * values[:, 2] + 1.5 * (values[:, 3] == 2) - 3
    labels = (draws.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    values[draws.random(values.shape) < 0.1] = np.nan
    return Table(values, labels, NAMES, ("event__campaign",), directions=(0, 0, 1, 0))


@pytest.fixture(scope="module")
def workers() -> Iterator[Train]:
    with engine("dask", workers=2) as train:
        assert train is not None
        yield train


@pytest.fixture(scope="module")
def spread(workers: Train) -> lightgbm.Booster:
    return fit_booster(table(6000, 1), SETTINGS, train=workers)


def margins(booster: lightgbm.Booster, rows: Table) -> Floats:
    return np.asarray(booster.predict(rows.values.astype(np.float64), raw_score=True), dtype=np.float64)


def test_two_workers_rank_as_well_as_one_process(spread: lightgbm.Booster) -> None:
    alone, later = fit_booster(table(6000, 1), SETTINGS), table(20_000, 2)
    areas = [
        auc(Ranking.of(later.labels, margins(booster, later)).curve(np.ones(20_000))) for booster in (alone, spread)
    ]
    assert areas[0] > 0.7
    assert areas[1] == pytest.approx(areas[0], abs=0.001)


def test_names_categories_and_directions_reach_the_workers(spread: lightgbm.Booster) -> None:
    assert spread.feature_name() == list(NAMES)
    assert "num_cat=1" in spread.model_to_string()
    rows = np.repeat(table(100, 3).values.astype(np.float64), 20, axis=0)
    rows[:, 2] = np.tile(np.arange(20), 100)
    swept = np.asarray(spread.predict(rows, raw_score=True)).reshape(100, 20)
    assert (np.diff(swept, axis=1) >= -1e-12).all()


def test_where_the_workers_listen_is_no_part_of_what_a_model_is_made_from() -> None:
    assert repr(Distributed("tcp://127.0.0.1:1")) == repr(Distributed("tcp://127.0.0.1:2"))


def test_the_local_engine_is_this_process_and_another_one_is_refused() -> None:
    with engine("local") as train:
        assert train is None
    with pytest.raises(ValueError, match="engine must be one of local, dask"), engine("cloud"):
        pass
