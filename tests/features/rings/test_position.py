"""Positions: the leading eigenvectors of the regularised, normalised adjacency, with a fixed sign."""

import networkx as nx
import numpy as np
import pytest

from features.rings.matrix import Sparse, symmetric
from features.rings.position import positions


def matrix_of(graph: nx.Graph) -> Sparse:
    left, right = np.array(graph.edges).T
    return symmetric(graph.number_of_nodes(), left, right, np.ones(len(left)))


def test_they_are_the_leading_eigenvectors() -> None:
    graph = matrix_of(nx.planted_partition_graph(3, 30, 0.5, 0.03, seed=1))
    dense = graph.toarray()
    degree = dense.sum(axis=1)
    little = degree.mean()
    scale = 1 / np.sqrt(degree + little)
    _, vectors = np.linalg.eigh(scale[:, None] * (dense + little / 90) * scale)
    expected = vectors[:, ::-1][:, :3] * np.sqrt(90)
    found = positions(graph, 3)
    assert np.abs((found * expected).sum(axis=0)) == pytest.approx([90] * 3, rel=1e-4)


def test_equal_graphs_have_equal_positions_and_the_largest_entry_is_positive() -> None:
    graph = matrix_of(nx.karate_club_graph())
    found = positions(graph)
    assert np.array_equal(found, positions(graph.copy()))
    assert (found.max(axis=0) == np.abs(found).max(axis=0)).all()


def test_who_has_no_tie_lies_at_the_origin() -> None:
    lonely = symmetric(4, np.array([0]), np.array([1]), np.ones(1))
    assert not positions(lonely, 2)[2:].any()
    assert not positions(symmetric(3, LEFTLESS, LEFTLESS, np.zeros(0)), 2).any()


LEFTLESS = np.zeros(0, np.int64)
