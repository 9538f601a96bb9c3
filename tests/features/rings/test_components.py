"""Components: those of networkx, the same in any order, and a forest of forests has them, too."""

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.rings.components import components, forest, merged_forest
from features.rings.ties import Ints

NODES = 30
EDGES = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1)), max_size=60)


def arrays(edges: list[tuple[int, int]]) -> Ints:
    return np.array(edges, np.int64).reshape(-1, 2).T.copy()


@settings(deadline=None)  # the first call compiles
@given(EDGES)
def test_a_node_is_named_after_the_smallest_of_its_component(edges: list[tuple[int, int]]) -> None:
    graph = nx.Graph(edges)
    graph.add_nodes_from(range(NODES))
    expected = {node: min(part) for part in nx.connected_components(graph) for node in part}
    assert components(NODES, *arrays(edges)).tolist() == [expected[node] for node in range(NODES)]


@settings(deadline=None)  # the first call compiles
@given(EDGES, st.randoms(use_true_random=False))
def test_the_order_of_edges_changes_nothing(edges: list[tuple[int, int]], luck: object) -> None:
    before = components(NODES, *arrays(edges))
    luck.shuffle(edges)  # type: ignore[attr-defined]  # hypothesis hands over a random.Random
    assert np.array_equal(before, components(NODES, *arrays(edges)))


@settings(deadline=None)  # the first call compiles
@given(EDGES, st.integers(0, 60), st.integers(0, 60))
def test_forests_of_parts_merge_into_a_forest_of_the_whole(edges: list[tuple[int, int]], one: int, two: int) -> None:
    cuts = sorted((one, two))
    parts = [edges[: cuts[0]], edges[cuts[0] : cuts[1]], edges[cuts[1] :]]
    merged = merged_forest(NODES, [forest(NODES, arrays(part)) for part in parts])
    assert merged.shape[1] <= NODES - 1
    assert np.array_equal(components(NODES, *merged), components(NODES, *arrays(edges)))
