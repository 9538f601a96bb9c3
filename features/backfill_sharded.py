"""The backfill on an engine of several interpreters: the frame and the state of the local one, byte for byte.

It goes on where any backfill stopped. Parts and state appear at the end, all at once: a run that was killed leaves what
was there before it, and begins again from there.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from features.backfill import Advance
from features.frame import frames_folder
from features.graph import DeviceGraph
from features.intelligence.lists import Lists
from features.log import Log
from features.resumption import State, begin_anew, put_down, taken_up
from features.rings.engines import Engine
from features.sharding import BATCH_ROWS, Plan, batches_of, join, observe
from features.state.parting import Shard, parted, shards_of, united
from features.table import TABLE

_SCRATCH: Final = "pieces"


def backfill_sharded(
    log: Log, folder: Path, lists: Lists | None, engine: Engine, advance: Advance, *, batch_rows: int = BATCH_ROWS
) -> int:
    """Bring the frame in `folder` up to the log. Returns how many rows of the log were computed now.

    `advance(1)` is called for each piece of work that is done. Each interpreter holds the state of a shard of one
    entity's keys, or of the graph, and one batch of the log; this one holds the whole state, to put it down.
    """
    log.assert_whole()
    parts = frames_folder(folder)
    parts.mkdir(parents=True, exist_ok=True)
    with _scratch_in(parts) as scratch:
        shards = tuple(shards_of(TABLE, engine.workers))
        last = _spread(parts, log, scratch, shards)
        files = [file for file in log.files() if file.name > last]
        plan = Plan(scratch, batches_of(files, batch_rows), shards)
        if files:
            engine.map_each(partial(observe, plan), plan.pieces, advance)
            engine.map_each(partial(join, plan, lists), plan.batches, advance)
            _gather(parts, plan, files)
    return sum(pq.read_metadata(file).num_rows for file in files)


@contextmanager
def _scratch_in(parts: Path) -> Iterator[Path]:
    """A folder for what is on its way. What a killed run left in it is nobody's."""
    scratch = parts / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _spread(parts: Path, log: Log, scratch: Path, shards: Sequence[Shard]) -> str:
    """Hand each piece its part of the state that was put down. The last file that it knows, "" for none."""
    plan = Plan(scratch, (), tuple(shards))
    try:
        state = taken_up(parts, log)
        DeviceGraph.restore(state.graph)
        pieces = list(parted(state.windows, TABLE, shards))
    except (OSError, ValueError, KeyError):
        begin_anew(parts)
        return ""
    for shard, part in pieces:
        plan.state_before(shard).write_bytes(part)
    plan.state_before(None).write_bytes(state.graph)
    return state.last


def _gather(parts: Path, plan: Plan, files: Sequence[Path]) -> None:
    """Put the parts in their place and the whole state down."""
    windows = united([(shard, plan.state_after(shard).read_bytes()) for shard in plan.shards], TABLE)
    for file in files:
        plan.part(file).rename(parts / file.name)
    put_down(parts, State(files[-1].name, windows, plan.state_after(None).read_bytes()))
