"""The point-in-time frame: one row an event, with exactly what was known when it arrived."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from features.events import OutcomeKind
from features.fold import Vector
from features.log import Log
from features.resumption import assert_sizes
from features.vector import COLUMNS, FEATURES, VERSION, FeatureEngine, events_of

KEYS: Final = ("sequence", "event_id", "kind", "user_id", "event_time", "as_of")
AMOUNTS: Final = ("reward_micros", "revenue_micros")
READ: Final = tuple(dict.fromkeys([*KEYS, *AMOUNTS, *COLUMNS]))
"""The columns of the log that a frame is made of."""
OUTCOME_COLUMNS: Final = (
    "event_id subject_event_id kind user_id event_time recorded_at reversal_kind reason disposition caused_by "
    "amount_micros"
).split()


def frame_of(rows: pa.Table, engine: FeatureEngine | None = None) -> pl.DataFrame:
    """The events among `rows` (READ, in order of sequence) with their vectors; `engine` knows what came before.

    KEYS, AMOUNTS, then FEATURES as float64 (missing as NaN). Events in = rows out.
    """
    return framed(events_of(rows), (engine or FeatureEngine()).vectors(rows))


def framed(events: pa.Table, vectors: Vector) -> pl.DataFrame:
    """The frame of events and their vectors, `(events, features)`."""
    known = pl.DataFrame(pl.from_arrow(events.select([*KEYS, *AMOUNTS])))
    columns = pl.DataFrame(vectors, schema=dict.fromkeys(FEATURES, pl.Float64))
    return pl.concat([known, columns], how="horizontal")


def outcomes_of(log: Log) -> pl.DataFrame:
    """The outcomes of a log, in order of arrival."""
    table = pl.DataFrame(pl.from_arrow(log.read(OUTCOME_COLUMNS)))
    return table.filter(pl.col("kind").is_in(list(map(str, OutcomeKind))))


def frames_folder(folder: Path) -> Path:
    """Named after the version of its features: a frame of other features is never read by mistake."""
    return folder / f"frames-{VERSION}"


def read_frame(folder: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """What the backfill left in `folder`, in order of sequence; of the named columns only, if any are named.

    Raises DamagedFrameError, naming the part and the remedy, if one is missing or cut.
    """
    assert_sizes(frames_folder(folder))
    parts = sorted(frames_folder(folder).glob("*.parquet"), key=lambda file: file.name)
    chosen = pl.scan_parquet(parts)
    return (chosen if columns is None else chosen.select(columns)).collect()
