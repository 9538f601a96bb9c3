"""The point-in-time frame: one row an event, with exactly what was known when it arrived."""

from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from features.events import OutcomeKind
from features.log import Log
from features.vector import COLUMNS, FEATURES, VERSION, backfill, events_of

KEYS: Final = ("sequence", "event_id", "kind", "user_id", "event_time", "as_of")
AMOUNTS: Final = ("reward_micros", "revenue_micros")
OUTCOME_COLUMNS: Final = (
    "event_id subject_event_id kind user_id event_time recorded_at reversal_kind reason disposition caused_by "
    "amount_micros"
).split()


def event_rows(log: Log) -> pa.Table:
    """The events of a log with the columns that features read, in order of sequence."""
    return events_of(log.read([*KEYS, *AMOUNTS, *COLUMNS]))


def frame_of(events: pa.Table) -> pl.DataFrame:
    """`events` with their vectors: KEYS, AMOUNTS, then FEATURES as float64 (missing as NaN). Rows in = rows out."""
    known = pl.DataFrame(pl.from_arrow(events.select([*KEYS, *AMOUNTS])))
    vectors = pl.DataFrame(backfill(events), schema=dict.fromkeys(FEATURES, pl.Float64))
    return pl.concat([known, vectors], how="horizontal")


def outcomes_of(log: Log) -> pl.DataFrame:
    """The outcomes of a log, in order of arrival."""
    table = pl.DataFrame(pl.from_arrow(log.read(OUTCOME_COLUMNS)))
    return table.filter(pl.col("kind").is_in(list(map(str, OutcomeKind))))


def frame_file(folder: Path) -> Path:
    """Named after the version of its features: a frame of other features is never read by mistake."""
    return folder / f"frame-{VERSION}.parquet"
