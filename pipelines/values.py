"""Every key's values as of the end of each day and of the log: what fills the store and its history."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.fold import Vector, Windows
from features.graph import GRAPH_FEATURES, DeviceGraph
from features.log import Log
from features.store.history import KEPT, Adding, History, Stamp
from features.store.materialise import Piece
from features.store.shape import View, graph_views, window_views
from features.vector import events_of
from features.windows import DAY, TABLE

KEYS_PER_PIECE: Final = 50_000
_ROWS: Final = 10_000


class Known:
    """Windows and device graph after the events that were learned."""

    def __init__(self) -> None:
        self._windows, self._graph = Windows(TABLE), DeviceGraph()
        self._nobody: dict[str, Any] = {}

    def learn(self, events: pa.Table) -> None:
        """`events`: in order of sequence, with the columns that the features read."""
        self._windows.learn(events)
        for batch in events.to_batches(_ROWS):
            for row in batch.to_pylist():
                self._graph.fold(row)
                self._nobody = row
        self._nobody = self._nobody | {view.entity.value: None for view in window_views().values()}

    def pieces(self, events: pa.Table, as_of: int, wanted: Callable[[View], bool] = lambda _: True) -> Iterator[Piece]:
        """The values at `as_of` of all keys of `events`, which were learned, in each view that is wanted."""
        for entity, view in window_views().items():
            for keys in _keys(events, view) if wanted(view) else ():
                yield view, keys, self._windows.values_of(entity, keys, as_of)
        for view in graph_views().values():
            for keys in _keys(events, view) if wanted(view) else ():
                yield view, keys, self._read_graph(view, keys)

    def _read_graph(self, view: View, keys: list[str]) -> Vector:
        """The view's features of each key, as an event of that key alone would see them now."""
        names = [feature.name for feature in GRAPH_FEATURES]
        places, whole = [names.index(name) for name in view.names], np.full((len(keys), len(names)), np.nan)
        for at, key in enumerate(keys):
            self._graph.read(self._nobody | {view.entity.value: key}, whole[at])
        return whole[:, places]


def learn_daily(
    known: Known, log: Log, events: pa.Table, history: History, advance: Callable[[int], object] = lambda _: None
) -> None:
    """Learn `events` a day at a time, and add to the history the values of the keys that each day touched.

    A day that the history has is not written again. The last day is left to the materialisation at the end of the log.
    """
    oldest = int(events["as_of"][-1].as_py() - KEPT.total_seconds() * 1e6)
    for start, stop, stamp in _days(log, events):
        day = events.slice(start, stop - start)
        known.learn(day)
        if stop < events.num_rows and stamp.as_of >= oldest:
            _add(known, day, history, stamp)
        advance(stop - start)


def _add(known: Known, day: pa.Table, history: History, stamp: Stamp) -> None:
    with Adding(history, stamp) as adding:
        for piece in known.pieces(day, stamp.as_of, lambda view: not history.has(view, stamp)):
            adding.add(*piece)


def last_stamp(log: Log) -> Stamp:
    """Values at the end of the log are as of its last row; nobody could know them before that was recorded."""
    sequence, as_of = log.last()
    recorded = log.read(["recorded_at"], after=sequence - 1)["recorded_at"][-1].as_py()
    return Stamp(as_of, sequence, max(as_of, recorded))


def _days(log: Log, events: pa.Table) -> Iterator[tuple[int, int, Stamp]]:
    """`(start, stop, stamp)` of each day of the log's clock."""
    as_of, sequences = events["as_of"].to_numpy(), events["sequence"].to_numpy()
    recorded = events_of(log.read(["kind", "recorded_at"]))["recorded_at"].to_numpy()
    latest = np.maximum.accumulate(recorded)
    cuts = np.flatnonzero(np.diff(as_of // DAY)) + 1
    for start, stop in zip([0, *cuts.tolist()], [*cuts.tolist(), len(as_of)], strict=True):
        at = int(as_of[stop - 1])
        yield start, stop, Stamp(at, int(sequences[stop - 1]), max(at, int(latest[stop - 1])))


def _keys(events: pa.Table, view: View) -> Iterator[list[str]]:
    """The keys of an entity, in the order in which they first came."""
    seen = pc.drop_null(pc.unique(events[view.entity.value]))
    for at in range(0, len(seen), KEYS_PER_PIECE):
        yield seen.slice(at, KEYS_PER_PIECE).to_pylist()
