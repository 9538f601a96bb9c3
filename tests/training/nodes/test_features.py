"""Columns of nodes: what they count, and what they must not know."""

from pathlib import Path

import networkx as nx
import numpy as np
import polars as pl
import pytest

from features.rings.matrix import Sparse, symmetric
from training.nodes.aggregation import AGGREGATES, aggregated
from training.nodes.attributes import attributes_of, denominators
from training.nodes.features import features_of
from training.nodes.known import known_of
from training.nodes.position import positions_of
from training.nodes.source import read_graph
from training.nodes.structure import STRUCTURE_NAMES, common_neighbours, structure_of


def random_graph(nodes: int = 80, edges: int = 300, seed: int = 5) -> Sparse:
    ends = np.random.default_rng(seed).integers(0, nodes, (2, edges))
    graph = symmetric(nodes, ends[0], ends[1], np.ones(edges))
    graph.data[:] = 1
    return graph


def test_numbers_categories_and_gaps_become_columns() -> None:
    table = pl.DataFrame(
        {
            "age": ["1.5", None, "inf"] + ["2"] * 21,
            "kind": [None] + ["a"] * 12 + ["b"] * 11,
            "gone": [None] * 24,
            "same": ["x"] * 24,
            "name": [f"n{number}" for number in range(24)],
        },
        schema=dict.fromkeys(("age", "kind", "gone", "same", "name"), pl.String),
    )
    columns = attributes_of(table)
    assert columns.names == ("age", "kind=a", "kind=b", "kind__nodes")
    np.testing.assert_array_equal(columns.values[:3], [[1.5] + [np.nan] * 3, [np.nan, 1, 0, 12], [np.nan, 1, 0, 12]])
    assert set(columns.left_out) == {"gone", "same", "name"}


def test_shares_of_one_whole_betray_it() -> None:
    shares = np.array([[803, 32, 22], [1, 0, 2], [0, 0, 5]]) / np.array([[995], [3], [5]])
    np.testing.assert_array_equal(denominators(shares.astype(np.float32).astype(float), 10_000, 1e-7), [995, 3, 1])


def test_numbers_between_zero_and_one_that_are_no_shares_make_no_counts() -> None:
    noise = np.random.default_rng(1).random((200, 3))
    table = pl.DataFrame({f"c{number}": [str(value) for value in noise[:, number]] for number in range(3)})
    assert attributes_of(table).names == ("c0", "c1", "c2")


def test_common_neighbours_agree_with_the_product_of_matrices() -> None:
    graph = random_graph()
    together = (graph @ graph).toarray()
    rows = np.repeat(np.arange(80), np.diff(graph.indptr))
    np.testing.assert_array_equal(common_neighbours(graph), together[rows, graph.indices])


def test_structure_agrees_with_networkx_and_is_silent_about_isolated_nodes() -> None:
    graph = random_graph(nodes=80, edges=60)
    other = nx.from_scipy_sparse_array(graph)
    found = dict(zip(STRUCTURE_NAMES, structure_of(graph, graph * 2).T, strict=True))
    np.testing.assert_array_equal(found["degree"], [degree for _, degree in sorted(other.degree())])
    np.testing.assert_array_equal(found["core"], list(nx.core_number(other).values()))
    tied = found["degree"] > 0
    assert not tied.all()
    assert (found["multiplicity"][tied] == 2).all()
    assert np.isnan(found["overlap_max"][~tied]).all()
    one, _, overlap = max(nx.jaccard_coefficient(other, other.edges()), key=lambda found: found[2])
    assert found["overlap_max"][one] >= overlap


def test_means_skip_what_is_missing_and_spreads_agree_with_numpy() -> None:
    graph = random_graph(edges=900)
    columns = np.random.default_rng(2).random((80, 2))
    columns[::7, 0] = np.nan
    found = aggregated(graph, columns)
    assert found.shape == (80, len(AGGREGATES) * 2)
    for node in range(80):
        near = columns[graph.indices[graph.indptr[node] : graph.indptr[node + 1]]]
        np.testing.assert_allclose(found[node, :2], np.nanmean(near, axis=0))
        np.testing.assert_allclose(found[node, 4:6], np.nanstd(near, axis=0), atol=1e-6)


def test_positions_part_two_halves_and_leave_small_components_out() -> None:
    rng = np.random.default_rng(4)
    half = (
        rng.integers(0, 60, (2, 900)),
        rng.integers(60, 120, (2, 900)),
        np.array([[0], [60]]),
        np.array([[120], [121]]),
    )
    one, two = np.concatenate(half, axis=1)
    graph = symmetric(123, one, two, np.ones(len(one)))
    graph.data[:] = 1
    found = positions_of(graph, 4)
    assert found.shape == (123, 8)
    assert np.isnan(found[120:]).all()
    sides = np.sign(found[:120, :4])
    assert any(abs(sides[:60, number].sum() - sides[60:, number].sum()) == 120 for number in range(4))
    np.testing.assert_array_equal(found, positions_of(graph, 4))


def test_no_label_but_others_of_the_train_part_changes_what_is_known() -> None:
    graph = random_graph()
    rng = np.random.default_rng(8)
    labels = (rng.random(80) < 0.4).astype(np.float64)
    train = rng.random(80) < 0.6
    found = known_of(graph, labels, train)
    outside = np.where(train, labels, 1 - labels)
    np.testing.assert_array_equal(found, known_of(graph, outside, train))
    for node in np.flatnonzero(train)[:20]:
        turned = labels.copy()
        turned[node] = 1 - turned[node]
        prior = [labels[train].mean(), turned[train].mean()]
        before, after = found[node], known_of(graph, turned, train)[node]
        known = before[1]
        assert before[0] * (known + 5) - 5 * prior[0] == pytest.approx(after[0] * (known + 5) - 5 * prior[1])
        assert before[3] == pytest.approx(after[3])


def test_ids_and_the_order_of_rows_are_no_features(tmp_path: Path) -> None:
    (tmp_path / "nodes.tsv").write_text("id\tbad\n" + "".join(f"{number}\t{number % 2}\n" for number in range(9)))
    (tmp_path / "edges.tsv").write_text("source\ttarget\n")
    with pytest.raises(ValueError, match="tell no node from another"):
        features_of(read_graph(tmp_path))
