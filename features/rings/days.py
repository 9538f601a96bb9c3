"""One day of the log, boiled down: its ties and its acts, each once, with what is needed to merge days.

A day's files are read one after the other, so memory grows with the day's different ties, not with its events. What
was made is kept with the names and sizes of the files that it was made from, and made anew only when those change.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from features.events import DeviceKind, DeviceProvenance, OutcomeKind
from features.graph.rows import DEVICES_READ_MAX, REFERRALS
from features.rings.ties import COLUMN, MICROS_PER_DAY, Tie

KEY_BYTES_MAX: Final = 256
"""Longer keys tie nobody: no id that a client may send is that long."""
BACKDATED_MAX: Final = MICROS_PER_DAY
"""An event is seen at its own time, but at most this long before its arrival and never after it."""
BUCKET: Final = 15 * 60 * 1_000_000
"""Two people act at the same time when they act in the same quarter of an hour."""
ACTS_PER_DAY_MAX: Final = 20_000_000
FILES_MERGED: Final = 8
"""Files whose ties are held before they are merged."""

HEXADECIMAL: Final = tuple(map(str, (DeviceKind.ANDROID_ID, DeviceKind.IDFV, DeviceKind.GAID)))
"""Kinds of id whose letters are written in lower case."""

SIGN_UP: Final = "sign_up"
WITHDRAWAL: Final = "withdrawal_requested"
_OUTCOMES: Final = tuple(map(str, OutcomeKind))
_COLUMNS: Final = (
    *("sequence", "kind", "user_id", "event_time", "recorded_at", "task_id", "campaign_id"),
    *("devices", *COLUMN.values()),
)
_TIE_KEY: Final = ("user_id", "tie", "key")
VERSION: Final = "1"


@dataclass(frozen=True)
class Day:
    """`ties`: user_id, tie, key, first_seen, last_seen, first_sequence, count. `acts`: user_id, act, bucket."""

    ties: pl.DataFrame
    acts: pl.DataFrame


def day_folder(log: Path, day: date) -> Path:
    return log / f"day={day}"


def days_of(log: Path) -> list[date]:
    """The days on which something arrived, the oldest first."""
    return sorted(date.fromisoformat(place.name.removeprefix("day=")) for place in log.glob("day=*"))


def source_of(log: Path, day: date) -> str:
    """Names the files of a day and their sizes: equal as long as the day's log is the same."""
    files = sorted(day_folder(log, day).glob("*.parquet"))
    return ";".join([VERSION, *(f"{file.name}:{file.stat().st_size}" for file in files)])


def boil_down(log: Path, day: date, kept: Path) -> None:
    """Make the day's two files in the folder `kept`, unless they are there and of the same source."""
    source = source_of(log, day)
    if all(_is_of(file, source) for file in _files(kept, day)):
        return
    boiled = read_day(log, day)
    for file, frame in zip(_files(kept, day), (boiled.ties, boiled.acts), strict=True):
        write_whole(file, frame, {"source": source})


def kept_ties(kept: Path, day: date) -> pl.DataFrame:
    return pl.read_parquet(_files(kept, day)[0])


def kept_acts(kept: Path, day: date) -> pl.DataFrame:
    return pl.read_parquet(_files(kept, day)[1])


def read_day(log: Path, day: date) -> Day:
    """The ties and acts of everything that arrived on the day."""
    ties, acts = [], []
    for frame in _frames(log, day):
        ties.append(_ties(frame))
        acts.append(_acts(frame))
        if len(ties) == FILES_MERGED:
            ties, acts = [merged_ties(ties)], [merged_acts(acts)]
    return Day(merged_ties(ties), merged_acts(acts))


def merged_ties(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Ties of several days or files as one, whatever the order and the cut; sorted by their key."""
    together = pl.concat([_NO_TIES, *frames])
    parts = pl.min("first_seen"), pl.max("last_seen"), pl.min("first_sequence"), pl.sum("count")
    return together.group_by(_TIE_KEY).agg(*parts).sort(_TIE_KEY)


def merged_acts(frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Acts of several days or files, once each, sorted; of too many, the latest."""
    together = pl.concat([_NO_ACTS, *frames]).unique().sort("bucket", "user_id", "act")
    return together.tail(ACTS_PER_DAY_MAX)


def write_whole(file: Path, frame: pl.DataFrame, metadata: dict[str, str]) -> None:
    """Write a parquet file with its metadata, then give it its name: nobody reads half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".part")
    table = frame.to_arrow()
    pq.write_table(table.replace_schema_metadata(metadata), half, compression="zstd")
    half.rename(file)


def metadata_of(file: Path) -> dict[str, str]:
    """What `write_whole` wrote beside the table; empty for a file that is missing or broken."""
    try:
        found = pq.read_schema(file).metadata or {}
    except (OSError, ValueError):
        return {}
    return {name.decode(): value.decode() for name, value in found.items()}


def _files(kept: Path, day: date) -> tuple[Path, Path]:
    return kept / "ties" / f"day={day}.parquet", kept / "acts" / f"day={day}.parquet"


def _is_of(file: Path, source: str) -> bool:
    return metadata_of(file).get("source") == source


def _frames(log: Path, day: date) -> Iterator[pl.DataFrame]:
    for file in sorted(day_folder(log, day).glob("*.parquet")):
        table = pq.read_table(file, columns=list(_COLUMNS), partitioning=None)
        frame = pl.DataFrame(pl.from_arrow(table))
        yield frame.filter(~pl.col("kind").is_in(_OUTCOMES) & _named("user_id")).with_columns(_seen())


def _seen() -> pl.Expr:
    arrived = pl.col("recorded_at")
    return pl.col("event_time").clip(arrived - BACKDATED_MAX, arrived).alias("seen")


def _named(column: str) -> pl.Expr:
    return pl.col(column).is_not_null() & (pl.col(column).str.len_bytes() <= KEY_BYTES_MAX)


def _ties(frame: pl.DataFrame) -> pl.DataFrame:
    return merged_ties([_ties_of(frame, tie) for tie in Tie])


def _ties_of(frame: pl.DataFrame, tie: Tie) -> pl.DataFrame:
    return _keyed(frame, tie).select(
        "user_id",
        pl.lit(int(tie), pl.Int8).alias("tie"),
        "key",
        pl.col("seen").alias("first_seen"),
        pl.col("seen").alias("last_seen"),
        pl.col("sequence").alias("first_sequence"),
        pl.lit(1, pl.Int64).alias("count"),
    )


def _keyed(frame: pl.DataFrame, tie: Tie) -> pl.DataFrame:
    """The rows that name the other end of the tie, as `key`; an event on a device has one row for each of its ids."""
    if tie is Tie.DEVICE:
        rows = _by_device(frame)
    elif tie is Tie.REFERRAL:
        rows = frame.filter(pl.col("kind").is_in(list(REFERRALS)) & (pl.col(COLUMN[tie]) != pl.col("user_id")))
    else:
        rows = frame
    return rows.with_columns(pl.col(COLUMN[tie]).alias("key")).filter(_named("key"))


def _by_device(frame: pl.DataFrame) -> pl.DataFrame:
    """`device_key` for each id that our own client has read, as the online graph has it; else the event's one key."""
    listed = pl.col("devices").list.len().fill_null(0) > 0
    ids = frame.filter(listed).with_columns(pl.col("devices").list.head(DEVICES_READ_MAX)).explode("devices")
    kind, name, provenance = (pl.col("devices").struct.field(part) for part in ("kind", "id", "provenance"))
    spelled = pl.when(kind.is_in(HEXADECIMAL)).then(name.str.to_lowercase()).otherwise(name)
    read = ids.filter((provenance == str(DeviceProvenance.CLIENT)) & (name.str.strip_chars("0-: ") != ""))
    keyed = read.with_columns(pl.concat_str(kind, pl.lit(":"), spelled).alias("device_key"))
    return pl.concat([frame.filter(~listed), keyed.select(pl.exclude("devices"))], how="diagonal")


def _acts(frame: pl.DataFrame) -> pl.DataFrame:
    """What was done, to what: `kind:task`, or the campaign where there is no task, or the kind alone."""
    about = pl.coalesce("task_id", "campaign_id").fill_null("")
    return frame.select(
        "user_id",
        pl.concat_str("kind", pl.lit(":"), about.str.slice(0, KEY_BYTES_MAX)).alias("act"),
        pl.col("seen").floordiv(BUCKET).alias("bucket"),
    ).unique()


_NO_TIES: Final = pl.DataFrame(
    schema={
        "user_id": pl.String(),
        "tie": pl.Int8(),
        "key": pl.String(),
        **dict.fromkeys(("first_seen", "last_seen", "first_sequence", "count"), pl.Int64()),
    }
)
_NO_ACTS: Final = pl.DataFrame(schema={"user_id": pl.String(), "act": pl.String(), "bucket": pl.Int64()})
