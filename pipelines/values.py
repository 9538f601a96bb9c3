"""Every key's values after the last event of a log, a piece at a time: what fills the store and its history."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.fold import Vector, Windows
from features.graph import GRAPH_FEATURES, DeviceGraph
from features.store.materialise import Piece
from features.store.shape import View, graph_views, window_views
from features.windows import TABLE

KEYS_PER_PIECE: Final = 50_000
_ROWS: Final = 10_000


def pieces_of(events: pa.Table) -> Iterator[Piece]:
    """Windows first, then the device graph. `events`: at least one row, with the columns that the features read."""
    yield from _of_windows(events)
    yield from _of_graph(events)


def _of_windows(events: pa.Table) -> Iterator[Piece]:
    windows, as_of = Windows(TABLE), events["as_of"][-1].as_py()
    windows.learn(events)
    for entity, view in window_views().items():
        for keys in _keys(events, view):
            yield view, keys, windows.values_of(entity, keys, as_of)


def _of_graph(events: pa.Table) -> Iterator[Piece]:
    graph = DeviceGraph()
    for batch in events.to_batches(_ROWS):
        for row in batch.to_pylist():
            graph.fold(row)
    last = dict.fromkeys(events.column_names) | events.slice(events.num_rows - 1).to_pylist()[0]
    nobody = last | {view.entity.value: None for view in graph_views().values()}
    for view in graph_views().values():
        for keys in _keys(events, view):
            yield view, keys, _read(graph, view, keys, nobody)


def _read(graph: DeviceGraph, view: View, keys: list[str], nobody: dict[str, Any]) -> Vector:
    """The view's features of each key, as an event of that key alone would see them now."""
    names = [feature.name for feature in GRAPH_FEATURES]
    places, whole = [names.index(name) for name in view.names], np.full((len(keys), len(names)), np.nan)
    for at, key in enumerate(keys):
        graph.read(nobody | {view.entity.value: key}, whole[at])
    return whole[:, places]


def _keys(events: pa.Table, view: View) -> Iterator[list[str]]:
    """The keys of an entity, in the order in which they first came."""
    seen = pc.drop_null(pc.unique(events[view.entity.value]))
    for at in range(0, len(seen), KEYS_PER_PIECE):
        yield seen.slice(at, KEYS_PER_PIECE).to_pylist()
