"""Honest look-alikes of the simulator are not taken for one person, nor two households for one ring."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from features.graph import COLUMNS, DeviceGraph
from features.log import Log
from training.lookalikes import Lookalikes, measure, pooled
from training.simulator.simulate import Scenario, simulate


def measured(folder: Path, seed: int, confidence_min: float = 0.7) -> Lookalikes:
    truth = folder / "truth.parquet"
    simulate(Scenario(users=1500, days=45, seed=seed, start=date(2026, 1, 1)), folder / "log", truth=truth)
    graph = DeviceGraph()
    for table in Log(folder / "log").tables(list(COLUMNS)):
        graph.learn(table)
    return measure(graph, pl.read_parquet(truth), confidence_min)


@pytest.mark.parametrize("seed", [1, 7])
def test_few_links_are_false_and_no_ring_mixes_households(tmp_path: Path, seed: int) -> None:
    found = measured(tmp_path, seed)
    assert found.links > 0
    assert found.false_share <= 0.01
    assert found.mixed_rings == 0
    assert found.rings > 10


def test_a_rule_without_restraint_would_be_caught(tmp_path: Path) -> None:
    careless = measured(tmp_path, 7, 0.05)
    assert careless.false_share > 0.01


def test_without_a_false_link_it_takes_369_to_be_sure_of_one_percent() -> None:
    assert Lookalikes(369, 0, 500, 9, 0, 4).false_interval == (0.0, pytest.approx(0.0099, abs=1e-4))
    assert Lookalikes(360, 0, 500, 9, 0, 4).false_interval[1] > 0.01
    assert Lookalikes(100, 5, 190, 9, 0, 4).false_interval == pytest.approx((0.0164, 0.1128), abs=1e-4)
    assert Lookalikes(0, 0, 5, 1, 0, 2).false_interval == (0.0, 1.0)


def test_worlds_are_counted_together() -> None:
    both = pooled([Lookalikes(3, 1, 10, 5, 0, 4), Lookalikes(2, 0, 6, 7, 1, 9)])
    assert both == Lookalikes(5, 1, 16, 12, 1, 9)
    assert both.recall == 4 / 16


def test_false_links_and_mixed_rings_are_counted() -> None:
    graph = DeviceGraph()
    blank = dict.fromkeys(COLUMNS) | {"kind": "login", "event_time": 0, "as_of": 0}
    for at, user in enumerate("abc", 1):
        graph.fold(blank | {"sequence": at, "user_id": user, "identity": "i"})
    truth = pl.DataFrame(
        {
            "user_id": ["a", "b", "c", "d"],
            "person_id": ["p", "p", "q", "r"],
            "circle_id": ["g", "g", "h", "i"],
            "is_fraud": [False, False, False, False],
        }
    )
    assert measure(graph, truth) == Lookalikes(3, 2, 1, 1, 1, 3)
