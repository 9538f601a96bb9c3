"""The offline backfill: every event's vector, file by file of the log, with what was known before it.

It goes on where it stopped: each file of the log has its part of the frame, written whole, and the state is put down
now and then. A day's new files cost that day; the parts are the same whatever the files were cut into.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa

from features.fold import Windows
from features.frame import READ, frame_of, frames_folder
from features.graph import DeviceGraph
from features.intelligence.lists import Lists
from features.log import Log, read_file, rows_in
from features.resumption import State, begin_anew, put_down, taken_up
from features.table import TABLE
from features.vector import FeatureEngine

ROWS_PER_STATE: Final = 2_000_000
"""After so many rows at most the state is put down: what is lost by a kill is computed again."""
Advance = Callable[[int], object]


def backfill(log: Log, folder: Path, lists: Lists | None, advance: Advance) -> int:
    """Bring the frame in `folder` up to the log. Returns how many rows of the log were computed now.

    Raises DamagedLogError, before anything is computed, for a log with a gap or a file that is cut.
    In memory are the state and one file of the log.
    """
    log.assert_whole()
    parts = frames_folder(folder)
    parts.mkdir(parents=True, exist_ok=True)
    engine, begun = _resumed(parts, log, lists)
    done = waiting = 0
    for file in log.files():
        if file.name <= begun:
            continue
        rows = read_file(file, READ)
        _write_part(parts / file.name, rows, engine)
        done, waiting = done + rows.num_rows, waiting + rows.num_rows
        advance(rows.num_rows)
        if waiting >= ROWS_PER_STATE:
            _put_down(parts, engine, file.name)
            waiting = 0
    if waiting:
        _put_down(parts, engine, log.files()[-1].name)
    return done


def rows_to_do(log: Log, folder: Path) -> int:
    """How many rows of the log have no part of the frame yet."""
    known = {part.name for part in frames_folder(folder).glob("*.parquet")}
    return sum(rows_in(file) for file in log.files() if file.name not in known)


def _write_part(part: Path, rows: pa.Table, engine: FeatureEngine) -> None:
    half = part.with_suffix(f".{os.getpid()}.half")
    frame_of(rows, engine).write_parquet(half)
    half.rename(part)


def _put_down(parts: Path, engine: FeatureEngine, last: str) -> None:
    put_down(parts, State(last, engine.windows.snapshot(), engine.graph.snapshot()))


def _resumed(parts: Path, log: Log, lists: Lists | None) -> tuple[FeatureEngine, str]:
    """The engine as it was put down, and the last file that it knows; a new one if the log is not the same."""
    engine = FeatureEngine(lists)
    try:
        state = taken_up(parts, log)
        engine.windows = Windows.restore(TABLE, state.windows)
        engine.graph = DeviceGraph.restore(state.graph)
    except (OSError, ValueError, KeyError):
        begin_anew(parts)
        return FeatureEngine(lists), ""
    return engine, state.last
