"""The same measures on a bare list of edges."""

import networkx as nx
import numpy as np
import pytest

from features.rings import anywhere
from features.rings.anywhere import node_features


def test_every_node_has_a_row_whatever_its_number_of_edges() -> None:
    graph = nx.disjoint_union(nx.complete_graph(5), nx.empty_graph(2))
    left, right = np.array(graph.edges).T
    bad = np.array([1, 1, 0, np.nan, 0, 1, np.nan])
    rows = node_features(7, left, right, bad, coordinates=2)
    assert rows["degree"].to_list() == [4] * 5 + [0] * 2
    assert rows["core"].to_list() == [4] * 5 + [0] * 2
    assert rows["component_nodes"].to_list() == [5] * 5 + [1] * 2
    assert rows["clustering"][0] == 1
    assert rows["two_hop_bad"].is_not_nan().all()


def test_too_many_edges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anywhere, "EDGES_MAX", 1)
    with pytest.raises(ValueError, match="at most 1 edges"):
        node_features(3, np.array([0, 1]), np.array([1, 2]), np.zeros(3))
