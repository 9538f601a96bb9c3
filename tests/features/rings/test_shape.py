"""The shape of a graph: core numbers and clustering of networkx, communities that are settled, pairs within a limit."""

import networkx as nx
import numpy as np
import pytest

from features.rings.matrix import Sparse, incidence, shared, symmetric
from features.rings.shape import clustering, communities, core_numbers, inner_share
from features.rings.ties import Ints


def matrix_of(graph: nx.Graph) -> Sparse:
    left, right = np.array(graph.edges, np.int64).reshape(-1, 2).T
    return symmetric(graph.number_of_nodes(), left, right, np.ones(len(left)))


GRAPHS = [nx.gnm_random_graph(60, edges, seed=edges) for edges in (0, 30, 120, 600)] + [nx.star_graph(40)]


@pytest.mark.parametrize("graph", GRAPHS)
def test_core_numbers_are_those_of_networkx(graph: nx.Graph) -> None:
    expected = nx.core_number(graph)
    assert core_numbers(matrix_of(graph)).tolist() == [expected[node] for node in sorted(graph)]


@pytest.mark.parametrize("graph", GRAPHS)
def test_clustering_is_that_of_networkx_and_missing_with_fewer_than_two_neighbours(graph: nx.Graph) -> None:
    found, expected = clustering(matrix_of(graph)), nx.clustering(graph)
    for node, degree in graph.degree:
        assert np.isnan(found[node]) if degree < 2 else found[node] == pytest.approx(expected[node])


def test_two_cliques_with_one_tie_between_them_are_two_communities() -> None:
    group = communities(matrix_of(nx.barbell_graph(6, 0)))
    assert group.tolist() == [0] * 6 + [1] * 6
    assert inner_share(matrix_of(nx.barbell_graph(6, 0)), group)[0] == pytest.approx(30 / 31)


@pytest.mark.parametrize("graph", GRAPHS[1:])
def test_no_node_gains_modularity_by_moving_next_door(graph: nx.Graph) -> None:
    group = communities(matrix_of(graph))
    best = modularity(graph, group)
    for node in graph:
        for other in graph[node]:
            moved = group.copy()
            moved[node] = group[other]
            assert modularity(graph, moved) <= best + 1e-6


def modularity(graph: nx.Graph, group: Ints) -> float:
    value: float = nx.community.modularity(graph, [set(np.flatnonzero(group == one)) for one in np.unique(group)])
    return value


def test_people_share_what_their_keys_weigh_and_nobody_is_tied_to_themselves() -> None:
    incident = incidence(3, 2, np.array([0, 1, 1, 2, 1]), np.array([0, 0, 1, 1, 1]))
    assert shared(incident, np.array([0.5, 2.0])).toarray().tolist() == [[0, 0.5, 0], [0.5, 0, 2], [0, 2, 0]]


def test_the_keys_of_most_people_are_left_out_when_there_are_too_many_pairs() -> None:
    person, key = np.array([0, 1, 0, 1, 2, 3]), np.array([0, 0, 1, 1, 1, 1])
    assert shared(incidence(4, 2, person, key), pairs_max=7).nnz == 12
    assert shared(incidence(4, 2, person, key), pairs_max=6).toarray()[0].tolist() == [0, 1, 0, 0]
    assert shared(incidence(4, 2, person, key), pairs_max=0).nnz == 0


def test_an_edge_that_weighs_nothing_and_a_loop_are_no_edges() -> None:
    assert symmetric(3, np.array([0, 1]), np.array([1, 1]), np.array([0.0, 1.0])).nnz == 0
