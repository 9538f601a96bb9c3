"""The graph's benchmark: small runs of its parts."""

from pathlib import Path

import pytest

from pipelines.bench import graph, graph_batch, graph_lookalikes, graph_stream
from pipelines.console import UserError
from training.lookalikes import Lookalikes


def test_the_batch_agrees_with_scipy_in_an_interpreter_of_its_own() -> None:
    rows = graph.batch_rows(graph_batch.measured(3, ties=20_000))
    assert [row.passed for row in rows[:2]] == [True, True]
    assert rows[-1].measured == "yes"


def test_a_batch_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="the batch failed"):
        graph_batch.measured(3, ties=-1)


def test_a_world_is_simulated_learned_and_held_against_its_truth() -> None:
    online, nightly, honest = graph_lookalikes.world(400, 3)
    assert online.true_pairs > 0
    assert (online.mixed_rings, nightly.of_two_circles) == (0, 0)
    assert (honest.cafe, honest.household) == (8, 83)
    assert honest.used_phone > 5


def test_few_links_are_no_proof_however_true_they_are() -> None:
    sides = graph_lookalikes.Mixed(9, 0, 1), graph_lookalikes.Honest(4, 3, 2, 1)
    few, many = (Lookalikes(links, 0, 900, 9, 0, 4) for links in (70, 80))
    rows, _ = graph_lookalikes.rows([(few, *sides)])
    assert rows[0].passed is False
    rows, figures = graph_lookalikes.rows([(many, *sides)] * 5)
    assert (rows[0].passed, rows[0].measured) == (True, "0 of 400: 0.00% (0.00% to 0.92%)")
    assert figures["lookalikes"]["false_high"] < 0.01
    assert figures["honest"]["cafe"] == 10


def test_an_event_has_an_edge_for_each_device_id_and_each_other_key() -> None:
    devices = [{"kind": kind, "id": "a1", "provenance": "client"} for kind in ("gaid", "install")]
    keys = dict.fromkeys(("payout_destination", "identity", "referrer_user_id"))
    row = {"user_id": "u", "kind": "click", "devices": devices, "device_key": "gaid:a1", "network_key": "n"} | keys
    assert graph_stream.edges_in(row) == 3
    assert graph_stream.edges_in(row | {"kind": "sign_up", "referrer_user_id": "v"}) == 4
    assert graph_stream.edges_in(row | {"user_id": None}) == 0


def test_it_is_listed_and_needs_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without --data"):
        graph.run(tmp_path, 7)


def test_a_crowd_on_one_device_leaves_the_state_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_stream, "ACCOUNTS", 20_000)
    (row,) = graph_stream.crowd()
    assert "64 ties then 64" in row.measured
