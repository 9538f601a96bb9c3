"""A graph of nodes read from a folder: `nodes.tsv`, and `edges.parquet` or `edges.tsv`.

Ids are compared as text, so numbers in one file and words in the other meet. The order of rows and the ids themselves
are never features: they would tell who was collected when.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.rings.matrix import Sparse, symmetric
from training.nodes.cells import NAMES_SHOWN, Floats, trimmed, truths

NODES_FILE: Final = "nodes.tsv"
EDGES_FILES: Final = ("edges.parquet", "edges.tsv")
NODES_MAX: Final = 300_000
EDGES_MAX: Final = 20_000_000
"""More than either is refused: some four hundred columns a node would not fit in memory, nor positions in minutes."""


@dataclass(frozen=True)
class NodeGraph:
    """`nodes` rows in the order of the file. `adjacency` is `(nodes, nodes)`, symmetric, without loops; an entry counts
    the edges between two nodes. `labels` are 1.0, 0.0 or NaN for blank; `positive` is the value that became 1.0.
    """

    ids: pl.Series
    attributes: pl.DataFrame
    labels: Floats
    label: str
    positive: str
    adjacency: Sparse
    loops: int

    @property
    def nodes(self) -> int:
        return len(self.ids)

    @property
    def edges(self) -> int:
        return int(self.adjacency.nnz // 2)


def read_graph(folder: Path, label: str | None = None, positive: str | None = None) -> NodeGraph:
    """The graph of a folder; `label` names the column of labels, without it the last.

    Raises FileNotFoundError for a missing file, ValueError for a table that is empty, lacks a column, has ids that are
    blank or double, or edges that name unknown ids, and for labels that `truths` refuses.
    """
    table = _nodes(folder / NODES_FILE)
    chosen = label or table.columns[-1]
    if chosen not in table.columns or chosen == "id":
        raise ValueError(f"nodes.tsv has no label column `{chosen}`: choose one of {', '.join(table.columns[1:])}")
    labels, chosen_positive = truths(table[chosen], positive)
    one, two = _ends(folder, table["id"])
    return NodeGraph(
        ids=table["id"],
        attributes=table.drop("id", chosen),
        labels=labels,
        label=chosen,
        positive=chosen_positive,
        adjacency=symmetric(len(table), one, two, np.ones(len(one))),
        loops=int((one == two).sum()),
    )


def _nodes(path: Path) -> pl.DataFrame:
    table = _tsv(path)
    if "id" not in table.columns:
        raise ValueError(f"nodes.tsv needs a column `id`; it has {', '.join(table.columns)}")
    if len(table.columns) < 2:
        raise ValueError("nodes.tsv needs a column of labels beside `id`")
    if not 0 < len(table) <= NODES_MAX:
        raise ValueError(f"nodes.tsv has {len(table):,} nodes: it needs at least one and at most {NODES_MAX:,}")
    ids = table["id"].str.strip_chars()
    if ids.null_count() or (ids == "").any():
        raise ValueError("nodes.tsv has a blank `id`: give every node one")
    if ids.is_duplicated().any():
        raise ValueError(f"nodes.tsv has ids that occur twice, {_shown(ids.filter(ids.is_duplicated()))}: keep one row")
    others = [trimmed(table[name]) for name in table.columns if name != "id"]
    return pl.DataFrame([ids, *others])


def _ends(folder: Path, ids: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of both ends of each edge."""
    path = next((folder / name for name in EDGES_FILES if (folder / name).exists()), None)
    if path is None:
        raise FileNotFoundError(f"{folder} has neither {' nor '.join(EDGES_FILES)}")
    edges = _parquet(path) if path.suffix == ".parquet" else _tsv(path)
    missing = {"source", "target"} - set(edges.columns)
    if missing:
        raise ValueError(f"{path.name} needs a column {' and '.join(sorted(missing))}; it has {edges.columns}")
    if len(edges) > EDGES_MAX:
        raise ValueError(f"{path.name} has {len(edges):,} edges: at most {EDGES_MAX:,} are read")
    rows = pl.DataFrame({"end": ids, "row": np.arange(len(ids))})
    one, two = (_rows(edges[name], rows, path.name) for name in ("source", "target"))
    return one, two


def _rows(ends: pl.Series, rows: pl.DataFrame, file: str) -> NDArray[np.int64]:
    if ends.dtype.is_float() and (ends.drop_nulls() % 1 == 0).all():
        ends = ends.cast(pl.Int64)
    text = ends.cast(pl.String).str.strip_chars().alias("end")
    found = text.to_frame().join(rows, on="end", how="left", maintain_order="left")["row"]
    if found.null_count():
        unknown = text.filter(found.is_null())
        raise ValueError(
            f"{file} names {len(unknown):,} times in `{ends.name}` an id that nodes.tsv lacks, {_shown(unknown)}: "
            "add the nodes or leave out the edges"
        )
    places: NDArray[np.int64] = found.to_numpy()
    return places.astype(np.int64)


def _tsv(path: Path) -> pl.DataFrame:
    """Every cell as text."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        return pl.read_csv(path, separator="\t", infer_schema=False)
    except pl.exceptions.PolarsError as failure:
        raise ValueError(
            f"{path.name} is no table of tab-separated columns under a line of names: {failure}"
        ) from failure


def _parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as failure:
        raise ValueError(f"{path.name} cannot be read as a Parquet file: {failure}") from failure


def _shown(ids: pl.Series) -> str:
    first = ids.fill_null("(blank)").unique(maintain_order=True).head(NAMES_SHOWN).to_list()
    return "first " + ", ".join(first)
