"""Every key's values as of the end of each day and of the log: what fills the store and its history.

The log is read a file at a time; in memory are the state, and the keys that a value is still believed of.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
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
from features.table import TABLE
from features.vector import COLUMNS, events_of
from features.windows import DAY, Entity

KEYS_PER_PIECE: Final = 50_000
_READ: Final = tuple(dict.fromkeys([*COLUMNS, "recorded_at"]))


class Known:
    """Windows and device graph after the rows that were learned, and when each key was last seen."""

    def __init__(self) -> None:
        self._windows, self._graph = Windows(TABLE), DeviceGraph()
        self._seen: dict[Entity, dict[str, int]] = {entity: {} for entity in window_views()}
        self._nobody: dict[str, Any] = {}

    def learn(self, rows: pa.Table) -> None:
        """`rows` of the log in order of sequence, outcomes among them: those teach the graph alone."""
        events, as_of = events_of(rows), rows["as_of"][-1].as_py()
        self._windows.learn(events)
        self._graph.learn(rows)
        for entity, seen in self._seen.items():
            for key in pc.drop_null(pc.unique(events[entity.value])).to_pylist():
                seen[key] = as_of
        if events.num_rows:
            self._nobody = events.slice(events.num_rows - 1).to_pylist()[0] | self._no_keys()

    def _no_keys(self) -> dict[str, Any]:
        return dict.fromkeys(["devices", "referrer_user_id", *(entity.value for entity in Entity)])

    def pieces(self, as_of: int, since: int, wanted: Callable[[View], bool] = lambda _: True) -> Iterator[Piece]:
        """The values at `as_of` of the keys seen from `since` on, in each wanted view, the graph's last."""
        for entity, view in window_views().items():
            for keys in self._keys(view, as_of, since) if wanted(view) else ():
                yield view, keys, self._windows.values_of(entity, keys, as_of)
        for view in graph_views().values():
            for keys in self._keys(view, as_of, since) if wanted(view) else ():
                yield view, keys, self._read_graph(view, keys, as_of)

    def _keys(self, view: View, as_of: int, since: int) -> Iterator[list[str]]:
        """A key whose values nobody would believe any more is left out."""
        oldest = max(since, as_of - view.lives)
        keys = [key for key, last in self._seen[view.entity].items() if last >= oldest]
        for at in range(0, len(keys), KEYS_PER_PIECE):
            yield keys[at : at + KEYS_PER_PIECE]

    def _read_graph(self, view: View, keys: list[str], as_of: int) -> Vector:
        """The view's features of each key, as an event of that key alone would see them at `as_of`."""
        names, nobody = [feature.name for feature in GRAPH_FEATURES], self._nobody | {"as_of": as_of}
        places, whole = [names.index(name) for name in view.names], np.full((len(keys), len(names)), np.nan)
        for at, key in enumerate(keys):
            self._graph.read(nobody | {view.entity.value: key}, whole[at])
        return whole[:, places]


def learn_daily(known: Known, log: Log, history: History, advance: Callable[[int], object] = lambda _: None) -> Stamp:
    """Learn a log, and add to the history, at the end of each of its days, the values of the keys that the day touched.

    A day that the history has is not written again. The last day is left to whoever materialises what is known at the
    end of the log, with the stamp that is returned. The log must hold a row.
    """
    oldest, recorded = log.last()[1] - int(KEPT.total_seconds()) * 1_000_000, 0
    stamp: Stamp | None = None
    for rows in _daily(log):
        day = rows["as_of"][0].as_py() // DAY
        if stamp is not None and stamp.as_of // DAY < day and stamp.as_of >= oldest:
            _add(known, history, stamp)
        known.learn(rows)
        stamp, recorded = _stamp(rows, recorded)
        advance(rows.num_rows)
    assert stamp is not None, "an empty log has no values"
    return stamp


def _daily(log: Log) -> Iterator[pa.Table]:
    """The rows of the log in pieces that lie within a file, and within a day of the log's clock."""
    for rows in log.tables(_READ):
        cuts = np.flatnonzero(np.diff(rows["as_of"].to_numpy() // DAY)) + 1
        for start, stop in pairwise([0, *cuts.tolist(), rows.num_rows]):
            yield rows.slice(start, stop - start)


def _stamp(rows: pa.Table, recorded: int) -> tuple[Stamp, int]:
    """After `rows`; nobody could know their values before the last of them, or one before, was recorded."""
    as_of, recorded = rows["as_of"][-1].as_py(), max(recorded, pc.max(rows["recorded_at"]).as_py())
    return Stamp(as_of, rows["sequence"][-1].as_py(), max(as_of, recorded)), recorded


def _add(known: Known, history: History, stamp: Stamp) -> None:
    with Adding(history, stamp) as adding:
        for piece in known.pieces(stamp.as_of, stamp.as_of // DAY * DAY, lambda view: not history.has(view, stamp)):
            adding.add(*piece)
