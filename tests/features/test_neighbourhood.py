"""The bounded neighbourhood: breadth first, deterministic, as of a sequence, and honest about what it leaves out."""

from pathlib import Path
from typing import Any

import pytest

from features.graph import COLUMNS, DEGREE_MAX, DeviceGraph
from features.log import Log, LogWriter, table_of
from features.neighbourhood import graph_as_of, neighbourhood


def row(sequence: int, user: str | None, device: str | None, destination: str | None = None) -> dict[str, Any]:
    names = {"user_id": user, "device_key": device, "payout_destination": destination}
    stamps = {"sequence": sequence, "event_time": sequence, "as_of": sequence}
    return dict.fromkeys(COLUMNS) | {"kind": "login"} | stamps | names


def graph_of(*ties: tuple[str, str]) -> DeviceGraph:
    graph = DeviceGraph()
    for at, (user, device) in enumerate(ties, start=1):
        graph.fold(row(at, user, device))
    return graph


CHAIN = [("a", "web:1"), ("b", "web:1"), ("b", "web:2"), ("c", "web:2"), ("c", "web:3")]


def test_holds_what_lies_within_the_hops_and_counts_what_it_leaves_out() -> None:
    near = neighbourhood(graph_of(*CHAIN), "user:a", hops_max=3, nodes_max=60)
    assert dict(near.nodes(data="hops")) == {"user:a": 0, "device:web:1": 1, "user:b": 2, "device:web:2": 3}
    assert set(map(frozenset, near.edges)) == {
        frozenset(("user:a", "device:web:1")),
        frozenset(("user:b", "device:web:1")),
        frozenset(("user:b", "device:web:2")),
    }
    assert (near.graph["cut"], near.graph["left_out"]) == (True, 1)


def test_a_whole_component_is_not_called_cut() -> None:
    near = neighbourhood(graph_of(*CHAIN), "user:a", hops_max=9, nodes_max=60)
    assert (len(near), near.graph["cut"], near.graph["left_out"]) == (6, False, 0)


def test_keeps_the_nearest_nodes_and_the_ties_between_them() -> None:
    graph = graph_of(*[(name, "idfv:0") for name in "abcdefgh"], ("a", "idfv:9"))
    near = neighbourhood(graph, "user:a", hops_max=3, nodes_max=5)
    assert list(near) == ["user:a", "device:idfv:0", "device:idfv:9", "user:b", "user:c"]
    assert near.number_of_edges() == 4
    assert near.graph["left_out"] == 5


def test_the_order_of_arrival_does_not_change_the_nodes_of_the_picture() -> None:
    one = neighbourhood(graph_of(*CHAIN), "user:b", 2, 4)
    two = neighbourhood(graph_of(*reversed(CHAIN)), "user:b", 2, 4)
    assert list(one.nodes(data=True)) == list(two.nodes(data=True))
    assert set(map(frozenset, one.edges)) == set(map(frozenset, two.edges))


def test_ties_carry_when_both_were_seen_and_the_event_that_made_them() -> None:
    near = neighbourhood(graph_of(*CHAIN, CHAIN[0]), "user:a")
    assert near.edges["user:a", "device:web:1"] == {"first": 1, "last": 6, "sequence": 1}


def test_a_hub_is_shown_but_not_walked_through() -> None:
    crowd = [(f"u{number:03d}", "idfv:tablet") for number in range(DEGREE_MAX)]
    graph = graph_of(("u000", "idfv:own"), *crowd)
    near = neighbourhood(graph, "user:u000")
    assert set(near) == {"user:u000", "device:idfv:own", "device:idfv:tablet"}
    assert near.nodes["device:idfv:tablet"]["hub"]
    assert near.graph["left_out"] == DEGREE_MAX - 1
    assert len(neighbourhood(graph, "device:idfv:tablet", nodes_max=20)) == 20


def test_a_network_is_shown_but_not_walked_through() -> None:
    graph = DeviceGraph()
    for at, user in enumerate("ab", start=1):
        graph.fold(row(at, user, None) | {"network_key": "10.0.0.0/24"})
    assert set(neighbourhood(graph, "user:a")) == {"user:a", "network:10.0.0.0/24"}
    assert set(neighbourhood(graph, "network:10.0.0.0/24")) == {"network:10.0.0.0/24", "user:a", "user:b"}


def test_an_unknown_node_stands_alone() -> None:
    near = neighbourhood(DeviceGraph(), "user:nobody")
    assert (list(near), near.graph["cut"]) == (["user:nobody"], False)


@pytest.mark.parametrize(("hops", "nodes"), [(0, 5), (3, 0)])
def test_refuses_limits_below_one(hops: int, nodes: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        neighbourhood(DeviceGraph(), "user:a", hops, nodes)


def log_of(folder: Path, *ties: tuple[str, str]) -> Log:
    rows = [row(at, user, device) | {"event_time": at, "recorded_at": at} for at, (user, device) in enumerate(ties, 1)]
    LogWriter(folder).append(table_of(rows))
    return Log(folder)


def test_the_graph_is_as_of_its_sequence_with_that_event_and_none_later(tmp_path: Path) -> None:
    log, later = log_of(tmp_path, *CHAIN[:3]), [row(4, *CHAIN[3]), row(5, *CHAIN[4])]
    near = neighbourhood(graph_as_of(log, 4, later), "user:c")
    assert set(near) == {"user:c", "device:web:2", "user:b", "device:web:1"}
    assert set(neighbourhood(graph_as_of(log, 3, later), "user:c")) == {"user:c"}


def test_what_the_log_holds_already_is_not_learned_twice(tmp_path: Path) -> None:
    graph = graph_as_of(log_of(tmp_path, *CHAIN[:2]), 9, [row(2, "stale", "web:7"), row(3, *CHAIN[4])])
    assert list(graph.neighbours("user:stale")) == []
    assert list(graph.neighbours("user:c")) == ["device:web:3"]


def test_the_graph_of_nothing_is_empty(tmp_path: Path) -> None:
    assert graph_as_of(Log(tmp_path), 9).counted["nodes"] == 0
