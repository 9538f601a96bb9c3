"""The nightly table of a home: one file a day, made from the log as it stood at the end of that day.

A file holds what had arrived by midnight (UTC) after its day and nothing later. It may be used from its
`created_timestamp` on, READY_AFTER later, so an event of a day never reads that day's own table: training then sees
what serving saw, also while a night's work was still running. `rings_as_of` keeps this rule.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from features.home import Home
from features.rings.acts import ACT_DAYS, acts_of
from features.rings.days import (
    boil_down,
    days_of,
    kept_acts,
    kept_ties,
    merged_acts,
    metadata_of,
    source_of,
    write_whole,
)
from features.rings.edges import EXPIRY_DAYS, edges_of, merge_days
from features.rings.engines import Engine
from features.rings.persons import Night, person_features
from features.rings.table import RING_VERSION
from features.rings.ties import MICROS_PER_DAY, Floats

READY_AFTER: Final = timedelta(hours=2)
AGE_MAX: Final = timedelta(days=7)
"""An older table is not used: a nightly run that stopped must not go unnoticed."""

Verdicts = Callable[[int], pl.DataFrame]
"""At an instant, microseconds, the people of whom something is known: `user_id` and `bad` (bool). It must count an
outcome only when it had arrived, and had been on record for its maturity, by that instant."""


@dataclass(frozen=True)
class Made:
    """One night: what was written, and how many ties were kept, had expired, or were too many."""

    file: Path
    persons: int
    edges: int
    expired: int
    left_out: int
    is_new: bool


def folder_of(home: Home) -> Path:
    return home.features / "rings"


def file_of(home: Home, day: date) -> Path:
    return folder_of(home) / f"as_of={day}.parquet"


def end_of(day: date) -> int:
    """Midnight after the day, microseconds since 1970."""
    return (day - date(1970, 1, 1)).days * MICROS_PER_DAY + MICROS_PER_DAY


def last_whole_day(as_of: int) -> date:
    """The last day that had ended at `as_of`, microseconds."""
    return date(1970, 1, 1) + timedelta(days=as_of // MICROS_PER_DAY - 1)


def prepare_days(
    home: Home, days: Sequence[date], engine: Engine, advance: Callable[[int], object] = lambda _: None
) -> None:
    """Boil down every day of the log that the nights of `days` read."""
    read = sorted({day for night in days for day in _window(home, night, EXPIRY_DAYS)})
    engine.map_each(partial(_boil_down, home.log, folder_of(home)), read, advance)


def make_night(home: Home, day: date, verdicts: Verdicts, engine: Engine) -> Made:
    """The table as of the end of `day`; one of the same log, version and people known is left as it is.

    `prepare_days` has run for the day before.
    """
    as_of, file = end_of(day), file_of(home, day)
    known = verdicts(as_of).sort("user_id")
    source = _source(home, day, known)
    before = metadata_of(file)
    if before.get("source") == source:
        return Made(file, **{name: int(before[name]) for name in _COUNTED}, is_new=False)
    night, left_out = _night(home, day, known)
    rows = _stamped(person_features(night, engine), as_of)
    made = Made(file, rows.height, len(night.edges.left), night.edges.expired, left_out, is_new=True)
    write_whole(file, rows, {"source": source} | {name: str(getattr(made, name)) for name in _COUNTED})
    return made


def rings_as_of(home: Home, as_of: int) -> pl.DataFrame:
    """The newest table that may be used at `as_of`, microseconds; never one that was made of anything later.

    Raises LookupError where there is none, or none that is at most AGE_MAX old.
    """
    newest = last_whole_day(as_of - READY_AFTER // timedelta(microseconds=1))
    for back in range(AGE_MAX.days):
        file = file_of(home, newest - timedelta(days=back))
        if file.exists():
            return _read(file, as_of)
    raise LookupError(
        f"there is no table of rings in {folder_of(home)} for {newest} or the {AGE_MAX.days - 1} days before it: "
        f"run `assay graph nightly`"
    )


def _read(file: Path, as_of: int) -> pl.DataFrame:
    rows = pl.read_parquet(file)
    instant = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=as_of)
    if rows.height and rows["created_timestamp"].max() > instant:  # type: ignore[operator]  # a column of instants
        raise LookupError(f"{file} holds what was not known at {instant}: remove it and run `assay graph nightly`")
    return rows


_COUNTED: Final = ("persons", "edges", "expired", "left_out")


def _night(home: Home, day: date, known: pl.DataFrame) -> tuple[Night, int]:
    kept, as_of = folder_of(home), end_of(day)
    ties, left_out = merge_days(kept_ties(kept, one) for one in _window(home, day, EXPIRY_DAYS))
    acts = merged_acts([kept_acts(kept, one) for one in _window(home, day, ACT_DAYS)])
    edges = edges_of(ties, as_of, acts["user_id"].unique())
    night = Night(edges, acts_of(acts, edges.person_ids), _bad(edges.person_ids, known), as_of)
    return night, left_out


def _bad(person_ids: pl.Series, known: pl.DataFrame) -> Floats:
    joined = pl.DataFrame({"user_id": person_ids}).join(known, on="user_id", how="left", maintain_order="left")
    return joined["bad"].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _stamped(rows: pl.DataFrame, as_of: int) -> pl.DataFrame:
    ready = as_of + READY_AFTER // timedelta(microseconds=1)
    stamps = [
        pl.lit(instant).cast(pl.Datetime("us", "UTC")).alias(name)
        for name, instant in (("event_timestamp", as_of), ("created_timestamp", ready))
    ]
    return rows.select("user_id", *stamps, pl.exclude("user_id"))


def _window(home: Home, day: date, days: int) -> list[date]:
    return [one for one in days_of(home.log) if day - timedelta(days=days) < one <= day]


def _boil_down(log: Path, kept: Path, day: date) -> None:
    boil_down(log, day, kept)


def _source(home: Home, day: date, known: pl.DataFrame) -> str:
    read = (f"{one}={source_of(home.log, one)}" for one in _window(home, day, EXPIRY_DAYS))
    people = known.select("user_id", pl.col("bad").cast(pl.Int8)).write_csv()
    return sha256("\n".join([RING_VERSION, people, *read]).encode()).hexdigest()
