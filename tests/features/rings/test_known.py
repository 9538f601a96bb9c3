"""Known bad ones: counted around a node but never the node itself, and only who is known counts."""

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest

from features.rings.known import FOLDS, bad_walks, group_density, two_hop_density
from features.rings.matrix import Sparse, symmetric
from features.rings.position import bad_direction, positions
from features.rings.ties import Floats

NODES = 40
GRAPH = nx.connected_watts_strogatz_graph(NODES, 4, 0.3, seed=3)
LEFT, RIGHT = np.array(GRAPH.edges).T
WEIGHT = np.random.default_rng(3).uniform(0.2, 2, len(LEFT))
ADJACENCY: Sparse = symmetric(NODES, LEFT, RIGHT, WEIGHT)
VERDICTS = np.random.default_rng(4).choice([1.0, 0.0, np.nan], NODES)
GROUPS = np.arange(NODES) % 7

FIGURES: dict[str, Callable[[Floats], Floats]] = {
    "two hops": lambda bad: two_hop_density(ADJACENCY, bad),
    "group": lambda bad: group_density(GROUPS, bad),
    "walks": lambda bad: bad_walks(ADJACENCY, bad),
    "position": lambda bad: bad_direction(positions(ADJACENCY), bad),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES.keys())
@pytest.mark.parametrize("node", [0, 7, 21])
def test_a_nodes_own_verdict_never_enters_its_own_figure(figure: Callable[[Floats], Floats], node: int) -> None:
    found = []
    for verdict in (1.0, 0.0, np.nan):
        bad = VERDICTS.copy()
        bad[node] = verdict
        found.append(figure(bad)[node])
    assert found == pytest.approx([found[0]] * 3, rel=1e-9)


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES.keys())
def test_anothers_verdict_does(figure: Callable[[Floats], Floats]) -> None:
    bad = VERDICTS.copy()
    bad[3] = 1 - np.nan_to_num(bad[3])
    assert not np.allclose(figure(bad), figure(VERDICTS))


def test_two_hops_away_is_who_is_reached_by_two_different_ties() -> None:
    dense, bad = ADJACENCY.toarray(), VERDICTS
    twice = dense @ dense
    np.fill_diagonal(twice, 0)
    found, known = twice @ (bad == 1), twice @ ~np.isnan(bad)
    others = [np.delete(bad, node) for node in range(NODES)]
    prior = np.array([np.nanmean(rest) for rest in others])
    assert two_hop_density(ADJACENCY, bad) == pytest.approx((found + prior) / (known + 1))


def test_walks_are_the_personalised_pagerank_of_networkx_from_the_other_folds() -> None:
    weighted = nx.Graph()
    weighted.add_weighted_edges_from(zip(LEFT.tolist(), RIGHT.tolist(), WEIGHT.tolist(), strict=True))
    node = 5
    seeds = {seed: 1.0 for seed in np.flatnonzero(VERDICTS == 1).tolist() if seed % FOLDS != node % FOLDS}
    expected = nx.pagerank(weighted, alpha=0.85, personalization=seeds, tol=1e-12)
    assert bad_walks(ADJACENCY, VERDICTS)[node] == pytest.approx(expected[node] * NODES, rel=0.02)


def test_where_nothing_is_known_there_are_no_walks_and_no_direction() -> None:
    nobody = np.full(NODES, np.nan)
    for name, figure in FIGURES.items():
        assert not figure(nobody).any(), name
