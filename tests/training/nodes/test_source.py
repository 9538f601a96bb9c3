"""Folders that hold a graph, and those that say what to mend."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.nodes.source import read_graph

NODES = "id\tkind\tfraud\nw 1\ta\tyes\nw 2\tb\t\nw 3\ta\tno\nw 4\tb\tno\n"
EDGES = "source\ttarget\nw 1\tw 2\nw 2\tw 1\nw 3\tw 3\n"


def folder_of(path: Path, nodes: str = NODES, edges: str | None = EDGES) -> Path:
    (path / "nodes.tsv").write_text(nodes)
    if edges is not None:
        (path / "edges.tsv").write_text(edges)
    return path


def test_text_ids_blank_labels_double_edges_and_loops_are_read(tmp_path: Path) -> None:
    graph = read_graph(folder_of(tmp_path))
    assert graph.ids.to_list() == ["w 1", "w 2", "w 3", "w 4"]
    np.testing.assert_array_equal(graph.labels, [1, np.nan, 0, 0])
    assert (graph.label, graph.positive) == ("fraud", "yes")
    assert (graph.edges, graph.loops) == (1, 1)
    assert graph.adjacency.toarray()[0, 1] == 2


def test_numbers_in_a_parquet_file_meet_the_ids_of_the_table(tmp_path: Path) -> None:
    folder_of(tmp_path, "id\tbad\tx\n7\t1\t.5\n8\t0\t.1\n9\t1\t.2\n", edges=None)
    pl.DataFrame({"source": [7.0, 8.0], "target": [8, 9]}).write_parquet(tmp_path / "edges.parquet")
    graph = read_graph(tmp_path, "bad")
    assert graph.edges == 2
    assert graph.attributes.columns == ["x"]


def test_a_named_value_counts_against_all_others(tmp_path: Path) -> None:
    nodes = "id\tstate\na\tok\nb\tbanned\nc\tlate\nd\t\n"
    folder_of(tmp_path, nodes, "source\ttarget\na\tb\n")
    with pytest.raises(ValueError, match=r"3 values .* --positive"):
        read_graph(tmp_path)
    np.testing.assert_array_equal(read_graph(tmp_path, positive="late").labels, [0, 0, 1, np.nan])
    with pytest.raises(ValueError, match="= gone: name one of"):
        read_graph(tmp_path, positive="gone")


@pytest.mark.parametrize(
    ("values", "positive"),
    [("1 0 0", "1"), ("0 0 1 1 1", "1"), ("2 1 1", "2"), ("Yes No Yes Yes", "Yes"), ("cat dog dog", "cat")],
)
def test_the_positive_value_is_the_larger_the_yes_or_the_rarer(tmp_path: Path, values: str, positive: str) -> None:
    rows = "".join(f"{number}\t{value}\n" for number, value in enumerate(values.split()))
    assert read_graph(folder_of(tmp_path, "id\tlabel\n" + rows, "source\ttarget\n0\t1\n")).positive == positive


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ("id\tbad\n", EDGES, "0 nodes"),
        ("name\tbad\na\t1\n", EDGES, "needs a column `id`"),
        ("id\na\n", EDGES, "a column of labels"),
        ("id\tbad\na\t1\na\t0\n", EDGES, "occur twice, first a"),
        ("id\tbad\na\t1\n \t0\n", EDGES, "blank `id`"),
        ("id\tbad\na\t\nb\t\n", EDGES, "blank everywhere"),
        ("id\tbad\na\t1\nb\t1\n", EDGES, "a second class is needed"),
        (NODES, "source\ttarget\nw 1\tw 9\n", "1 times in `target` an id that nodes.tsv lacks, first w 9"),
        (NODES, "source\ttarget\nw 1\t\n", "first \\(blank\\)"),
        (NODES, "from\tto\nw 1\tw 2\n", "needs a column source and target"),
        ("id\tbad\na\t1\t3\n", EDGES, "no table of tab-separated columns"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, nodes: str, edges: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_graph(folder_of(tmp_path, nodes, edges))


def test_a_missing_file_and_a_missing_column_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nodes\.tsv does not exist"):
        read_graph(tmp_path)
    folder_of(tmp_path, edges=None)
    with pytest.raises(FileNotFoundError, match=r"neither edges\.parquet nor edges\.tsv"):
        read_graph(tmp_path)
    with pytest.raises(ValueError, match="choose one of kind, fraud"):
        read_graph(folder_of(tmp_path), "banned")
