"""Fills the online store and the history with every key's values, a piece at a time.

Feast's own materialisation loads all of its range into memory; this one holds a piece. It can be stopped at any moment
and run again: the history appears whole or not at all, and an online row is replaced by an equal one.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.fold import Vector
from features.store.history import Adding, History, Stamp
from features.store.online import OnlineStore
from features.store.shape import View

KEYS_PER_BATCH: Final = 5_000

Piece = tuple[View, Sequence[str], Vector]
"""A view, some of its keys, and their values `(keys, fields)`. A view may come in several pieces."""
Advance = Callable[[int], object]


def materialise(
    store: OnlineStore, history: History, pieces: Iterable[Piece], stamp: Stamp, advance: Advance = lambda _: None
) -> dict[str, int]:
    """Write each piece to both. Returns the number of keys by view; `advance` hears of each batch's."""
    loaded: dict[str, int] = {}
    views: dict[str, View] = {}
    with Adding(history, stamp) as adding:
        for view, keys, values in pieces:
            views[view.table] = view
            adding.add(view, keys, values)
            _write_online(store, (view, keys, values), stamp, advance)
            loaded[view.name] = loaded.get(view.name, 0) + len(keys)
    store.forget(stamp.as_of)
    for view in views.values():
        history.forget(view, stamp.as_of)
    return loaded


def _write_online(store: OnlineStore, piece: Piece, stamp: Stamp, advance: Advance) -> None:
    view, keys, values = piece
    for at in range(0, len(keys), KEYS_PER_BATCH):
        some = keys[at : at + KEYS_PER_BATCH]
        store.put(view, some, values[at : at + KEYS_PER_BATCH], stamp.as_of, stamp.sequence)
        advance(len(some))


def load_rings(store: OnlineStore, view: View, file: Path) -> int:
    """Write one night's rings to the online store. How many people."""
    loaded = 0
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(KEYS_PER_BATCH):
            loaded += batch.num_rows
            _load_batch(store, view, pa.Table.from_batches([batch]))
    return loaded


def _load_batch(store: OnlineStore, view: View, night: pa.Table) -> None:
    values = np.column_stack([night[name].cast(pa.float64()).to_numpy() for name in view.names])
    times = night["event_timestamp"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    keys = night[view.entity.value].to_pylist()
    for as_of in pc.unique(times).to_pylist():
        chosen = np.flatnonzero(times.to_numpy() == as_of)
        store.put(view, [keys[at] for at in chosen], values[chosen], as_of, 0)
