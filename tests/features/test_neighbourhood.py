"""The bounded neighbourhood: breadth first, deterministic, as of a sequence, and honest about what it leaves out."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from features.graph import DEGREE_MAX, DeviceGraph
from features.log import Log, LogWriter, table_of
from features.neighbourhood import graph_as_of, neighbourhood, ties_of


def row(sequence: int, user: str | None, device: str | None, destination: str | None = None) -> dict[str, Any]:
    names = {"user_id": user, "device_key": device, "payout_destination": destination}
    return {"sequence": sequence, "kind": "login", **names}


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
    graph = graph_of(*[(name, "web:0") for name in "abcdefgh"], ("a", "web:9"))
    near = neighbourhood(graph, "user:a", hops_max=3, nodes_max=5)
    assert list(near) == ["user:a", "device:web:0", "device:web:9", "user:b", "user:c"]
    assert near.number_of_edges() == 4
    assert near.graph["left_out"] == 5


def test_the_order_of_arrival_does_not_change_the_picture() -> None:
    one = neighbourhood(graph_of(*CHAIN), "user:b", 2, 4)
    two = neighbourhood(graph_of(*reversed(CHAIN)), "user:b", 2, 4)
    assert list(one.nodes(data=True)) == list(two.nodes(data=True))
    assert nx.utils.graphs_equal(one, two)


def test_a_hub_is_shown_but_not_walked_through() -> None:
    crowd = [(f"u{number:03d}", "web:tablet") for number in range(DEGREE_MAX)]
    graph = graph_of(("u000", "web:own"), *crowd)
    near = neighbourhood(graph, "user:u000")
    assert set(near) == {"user:u000", "device:web:own", "device:web:tablet"}
    assert near.nodes["device:web:tablet"]["hub"]
    assert near.graph["left_out"] == DEGREE_MAX - 1
    assert len(neighbourhood(graph, "device:web:tablet", nodes_max=20)) == 20


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
    ties = ties_of(log_of(tmp_path, *CHAIN[:3]), [row(4, *CHAIN[3]), row(5, *CHAIN[4])])
    assert set(neighbourhood(graph_as_of(ties, 4), "user:c")) == {"user:c", "device:web:2", "user:b", "device:web:1"}
    assert set(neighbourhood(graph_as_of(ties, 3), "user:c")) == {"user:c"}


def test_ties_keep_first_meetings_only_and_skip_outcomes_and_what_the_log_holds_already(tmp_path: Path) -> None:
    log = log_of(tmp_path, *CHAIN[:2], CHAIN[0])
    ban = row(5, "z", None) | {"kind": "ban"}
    ties = ties_of(log, [row(2, "stale", "web:7"), row(4, *CHAIN[1]), ban, row(6, None, None), row(7, *CHAIN[4])])
    assert ties["sequence"].to_list() == [1, 2, 7]


def test_ties_of_nothing_are_empty(tmp_path: Path) -> None:
    assert ties_of(Log(tmp_path)).is_empty()
