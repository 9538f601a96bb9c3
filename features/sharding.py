"""The backfill in pieces that may run anywhere: an entity's values for a shard of its keys, the graph's, and the frame.

Entities do not depend on each other, nor keys of one entity, so each shard goes through the log alone and leaves its
values, batch by batch, in files named after the batch. The graph is one history, so it is one piece of work. Then each
batch's files are joined by sequence into its parts of the frame. Every function here does the same when it is run
twice, so work that was lost is run again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features import graph
from features.digests import digests_of
from features.fold import Vector, Windows
from features.frame import READ, framed
from features.graph import DeviceGraph
from features.intelligence.lists import Lists
from features.log import read_file
from features.state.parting import Shard, part_of
from features.table import TABLE
from features.vector import GRAPH, FeatureEngine, events_mask, events_of
from features.windows import Entity, Windowed

BATCH_ROWS: Final = 100_000
"""About so many rows of the log are one batch: a piece's files are few, and what is in memory is small."""
_STAMPS: Final = ("sequence", "event_time", "as_of", "kind")

CHANGED: Final = "the log was changed while it was read: run the backfill again"

Batch = tuple[Path, ...]
"""Files of the log that follow each other."""
Piece = Shard | None
"""What goes through the log alone: a shard of an entity's keys, or (None) the graph."""


@dataclass(frozen=True)
class Plan:
    """What is to be computed, and the folder for what is on its way: states, values, and parts of the frame."""

    scratch: Path
    batches: tuple[Batch, ...]
    shards: tuple[Shard, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """That which takes longest comes first."""
        return None, *self.shards

    def state_before(self, piece: Piece) -> Path:
        """There is none at the beginning of the log."""
        return self.scratch / f"{_name(piece)}.before"

    def state_after(self, piece: Piece) -> Path:
        return self.scratch / f"{_name(piece)}.after"

    def values(self, piece: Piece, batch: Batch) -> Path:
        return self.scratch / f"{batch[0].stem}-{_name(piece)}.parquet"

    def part(self, file: Path) -> Path:
        return self.scratch / file.name


def _name(piece: Piece) -> str:
    return "graph" if piece is None else piece.name


def batches_of(files: Sequence[Path], rows: int = BATCH_ROWS) -> tuple[Batch, ...]:
    """Files that follow each other, put together until they have `rows`."""
    batches: list[Batch] = []
    gathered: list[Path] = []
    waiting = 0
    for file in files:
        gathered.append(file)
        waiting += pq.read_metadata(file).num_rows
        if waiting >= rows or file is files[-1]:
            batches.append(tuple(gathered))
            gathered, waiting = [], 0
    return tuple(batches)


def observe(plan: Plan, piece: Piece) -> None:
    """Go through the batches for one shard, or for the graph: leave the values of each, and the state at the end."""
    if piece is None:
        _observe_graph(plan)
    else:
        _observe_shard(plan, piece)


def _observe_shard(plan: Plan, shard: Shard) -> None:
    table = part_of(TABLE, shard.entity)
    before = plan.state_before(shard)
    windows = Windows.restore(table, before.read_bytes()) if before.exists() else Windows(table)
    as_of, names = windows.as_of, [feature.name for feature in table]
    for batch in plan.batches:
        events = events_of(_read(batch, columns_of(shard.entity)))
        mine = events.filter(pa.array(shard.holds(digests_of(events[shard.entity]))))
        _write_values(plan.values(shard, batch), mine["sequence"], names, windows.vectors(mine))
        if events.num_rows:
            as_of = events["as_of"][-1].as_py()
            windows.forget(as_of, events.num_rows)
    # The whole state is as of the last event, whoever's it was.
    windows.as_of = as_of
    plan.state_after(shard).write_bytes(windows.snapshot())


def _observe_graph(plan: Plan) -> None:
    before = plan.state_before(None)
    known = DeviceGraph.restore(before.read_bytes()) if before.exists() else DeviceGraph()
    for batch in plan.batches:
        rows = _read(batch, graph.COLUMNS)
        mask = events_mask(rows)
        _write_values(
            plan.values(None, batch), rows["sequence"].filter(mask), GRAPH, known.vectors(rows)[mask.to_numpy()]
        )
    plan.state_after(None).write_bytes(known.snapshot())


def columns_of(entity: Entity) -> list[str]:
    """The columns of the log that the entity's features read."""
    measures = [feature.measure for feature in part_of(TABLE, entity) if isinstance(feature, Windowed)]
    return list(dict.fromkeys([*_STAMPS, entity.value, *filter(None, measures)]))


def join(plan: Plan, lists: Lists | None, batch: Batch) -> None:
    """Write the parts of the frame for a batch. Raises ValueError if values of some events are not there."""
    engine = FeatureEngine(lists)
    tables = [events_of(read_file(file, READ)) for file in batch]
    events = pa.concat_tables(tables)
    windows, near, end = _windows(plan, batch, events), _near(plan, batch, events), 0
    for file, table in zip(batch, tables, strict=True):
        begin, end = end, end + table.num_rows
        vectors = engine.assembled(table, windows[begin:end], near[begin:end])
        framed(table, vectors).write_parquet(plan.part(file))


def _windows(plan: Plan, batch: Batch, events: pa.Table) -> Vector:
    """`(events, TABLE)`: missing (NaN) without a key."""
    into = np.full((events.num_rows, len(TABLE)), np.nan)
    missing = {shard.entity: events.num_rows - events[shard.entity].null_count for shard in plan.shards}
    for shard in plan.shards:
        places = [at for at, feature in enumerate(TABLE) if feature.entity is shard.entity]
        missing[shard.entity] -= _put(plan.values(shard, batch), events, places, into)
    _assert_none(missing.values())
    return into


def _near(plan: Plan, batch: Batch, events: pa.Table) -> Vector:
    """`(events, GRAPH)`."""
    into = np.full((events.num_rows, len(GRAPH)), np.nan)
    _assert_none([events.num_rows - _put(plan.values(None, batch), events, range(len(GRAPH)), into)])
    return into


def _put(file: Path, events: pa.Table, places: Sequence[int], into: Vector) -> int:
    """Put a piece's values into the rows of the events that have its sequences. How many they are.

    Raises ValueError for a sequence that no event has.
    """
    values = pq.read_table(file, partitioning=None)
    sequences, found = events["sequence"].to_numpy(), values["sequence"].to_numpy()
    at = np.searchsorted(sequences, found)
    if not np.array_equal(sequences[at[at < len(sequences)]], found):
        raise ValueError(CHANGED)
    for place, column in zip(places, values.columns[1:], strict=True):
        into[at, place] = column.to_numpy()
    return len(found)


def _assert_none(missing: Iterable[int]) -> None:
    if any(missing):
        raise ValueError(CHANGED)


def _read(batch: Batch, columns: Sequence[str]) -> pa.Table:
    return pa.concat_tables(read_file(file, columns) for file in batch)


def _write_values(file: Path, sequence: pa.ChunkedArray, names: Sequence[str], values: Vector) -> None:
    """One column a feature, behind the sequences."""
    columns = [pa.array(np.ascontiguousarray(values[:, at])) for at in range(len(names))]
    table = pa.table([sequence, *columns], names=["sequence", *names])
    # They are read once, soon: speed matters more than size.
    pq.write_table(table, file, compression="lz4", use_dictionary=False, write_statistics=False)
