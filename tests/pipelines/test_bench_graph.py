"""The graph's benchmark: small runs of its parts."""

from pathlib import Path

import pytest

from pipelines.bench import graph, graph_batch, graph_stream
from pipelines.console import UserError


def test_the_batch_agrees_with_scipy_in_an_interpreter_of_its_own() -> None:
    rows = graph.batch_rows(graph_batch.measured(3, ties=20_000))
    assert [row.passed for row in rows[:2]] == [True, True]
    assert rows[-1].measured == "yes"


def test_a_batch_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="the batch failed"):
        graph_batch.measured(3, ties=-1)


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
