"""Keeps the newest events of a log aside, so that a running service can be shown real events that it has not seen."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.log import Log, LogWriter
from features.vector import events_of


def hold_back(log: Log, aside: Path, newest: int) -> int:
    """Move the last `newest` events, and every outcome among them, from `log` to the log folder `aside`.

    Returns the last sequence that stays. At most half of the events are ever taken.
    """
    sequences = events_of(log.read(["kind"]))["sequence"]
    taken = min(newest, len(sequences) // 2)
    if taken == 0:
        return log.last()[0]
    first: int = sequences[len(sequences) - taken].as_py()
    kept = pa.concat_tables(list(log.tables(after=first - 1)))
    LogWriter(aside, next_sequence=first).append(kept)
    _cut(log, first)
    return first - 1


def _cut(log: Log, first: int) -> None:
    """Drop the rows from sequence `first` on: whole files, and the tail of the one in which it lies."""
    for file in log.files():
        rows = pq.read_table(file, partitioning=None)
        left = rows.filter(pc.field("sequence") < first)
        if left.num_rows == 0:
            file.unlink()
        elif left.num_rows < rows.num_rows:
            half = file.with_suffix(".part")
            pq.write_table(left, half, compression="zstd")
            half.rename(file)
