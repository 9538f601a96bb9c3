"""The event log: the truth from which every state is rebuilt.

One row an event, in the order of arrival, in parquet files under `day=YYYY-MM-DD/` (the day of arrival, UTC), each
named after its first sequence. A row is a flattened event plus the recorder's stamps and the entity keys; it is
lossless: `record_of(row_of(event)) == event`.
"""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.events import Event, Outcome, OutcomeKind, instant_of, micros_of, parse

Row = dict[str, Any]

ROWS_PER_FILE_MAX: Final = 250_000
_STAMPS: Final = {"sequence": pa.int64(), "recorded_at": pa.int64(), "event_time": pa.int64(), "as_of": pa.int64()}
_KEYS: Final = {name: pa.string() for name in ("device_key", "ip_key", "network_key", "wide_network_key")}
_TEXT: Final = (
    "event_id kind user_id task_id goal_id campaign_id partner_id partner_transaction_id click_id offer_id "
    "referrer_user_id payout_destination identity email_domain country attestation revenue_state currency "
    "subject_event_id reversal_kind reason disposition caused_by note"
).split()
_NUMBERS: Final = {
    "schema_version": pa.int8(),
    "city_tier": pa.int8(),
    "latitude": pa.float64(),
    "longitude": pa.float64(),
    "revenue_micros": pa.int64(),
    "reward_micros": pa.int64(),
    "amount_micros": pa.int64(),
}
# Nested parts of an event become columns with the part's name in front.
_PARTS: Final = {
    "ip": {"address": pa.string(), "provenance": pa.string()},
    "fingerprint": {
        "model": pa.string(),
        "os": pa.string(),
        "os_version": pa.string(),
        "browser": pa.string(),
        "app_version": pa.string(),
        "is_emulator": pa.bool_(),
        "is_rooted": pa.bool_(),
        "screen": pa.string(),
        "time_zone": pa.string(),
        "locale": pa.string(),
        "price_tier": pa.int8(),
    },
    "interaction": {
        "duration_ms": pa.float64(),
        "tap_count": pa.int64(),
        "tap_interval_mean_ms": pa.float64(),
        "tap_interval_spread_ms": pa.float64(),
        "touch_pressure_variance": pa.float64(),
        "sensor_variance": pa.float64(),
    },
}
_DEVICES: Final = pa.list_(pa.struct({"id": pa.string(), "kind": pa.string(), "provenance": pa.string()}))
PAYLOAD: Final = pa.schema(
    {name: pa.string() for name in _TEXT}
    | _NUMBERS
    | {f"{part}_{name}": kind for part, fields in _PARTS.items() for name, kind in fields.items()}
    | {"devices": _DEVICES, "extensions": pa.string()}
    | _KEYS
)
"""What a producer of events hands over, beside `event_time` and `recorded_at`."""

SCHEMA: Final = pa.schema(_STAMPS | {field.name: field.type for field in PAYLOAD})


def row_of(record: Event | Outcome) -> Row:
    """The flat row of one record, without stamps other than its event time."""
    body = record.model_dump(mode="json", exclude_none=True, exclude={"occurred_at", "extensions", *_PARTS})
    row: Row = dict.fromkeys(PAYLOAD.names)
    row.update(body, event_time=record.event_time)
    row["devices"] = row["devices"] or None
    if record.extensions:
        row["extensions"] = json.dumps(record.extensions, sort_keys=True, ensure_ascii=False)
    if isinstance(record, Event):
        row.update(_flat_parts(record))
        row.update({name: getattr(record, name) for name in _KEYS})
    return row


def _flat_parts(event: Event) -> Row:
    return {
        f"{part}_{name}": value
        for part in _PARTS
        if (nested := getattr(event, part)) is not None
        for name, value in nested.model_dump(mode="json").items()
    }


def body_of(row: Mapping[str, Any]) -> Row:
    """The event's body as a client would send it: absent fields left out, nested parts put back together."""
    body: Row = {"occurred_at": instant_of(row["event_time"]).isoformat().replace("+00:00", "Z")}
    for name in (*_TEXT, *_NUMBERS):
        if row.get(name) is not None:
            body[name] = row[name]
    for part, fields in _PARTS.items():
        nested = {name: row[f"{part}_{name}"] for name in fields if row.get(f"{part}_{name}") is not None}
        if nested:
            body[part] = nested
    if row.get("devices"):
        body["devices"] = [dict(device) for device in row["devices"]]
    if row.get("extensions"):
        body["extensions"] = json.loads(row["extensions"])
    return body


def record_of(row: Mapping[str, Any]) -> Event | Outcome:
    """The inverse of `row_of`. Raises pydantic.ValidationError if the row is not a valid record."""
    return parse(body_of(row))


def is_outcome(row: Mapping[str, Any]) -> bool:
    return row["kind"] in _OUTCOME_KINDS


_OUTCOME_KINDS: Final = frozenset(map(str, OutcomeKind))


@dataclass
class LogWriter:
    """Stamps rows with sequence and as-of in the order in which they are appended, and writes them by day of arrival.

    Files are written whole and then renamed, so that a reader never sees half of one.
    """

    folder: Path
    next_sequence: int = 1
    as_of: int = 0

    def append(self, payload: pa.Table) -> None:
        """`payload`: any columns of PAYLOAD (missing ones are null) plus `event_time` and `recorded_at`, by arrival."""
        if payload.num_rows == 0:
            return
        stamped = self._stamp(payload)
        days = pc.floor(pc.divide(pc.cast(stamped["recorded_at"], pa.float64()), 86_400e6)).to_numpy()
        cuts = np.flatnonzero(np.diff(days)) + 1
        for start, stop in zip([0, *cuts], [*cuts, len(days)], strict=True):
            for piece in range(start, stop, ROWS_PER_FILE_MAX):
                self._write(stamped.slice(piece, min(ROWS_PER_FILE_MAX, stop - piece)))

    def _stamp(self, payload: pa.Table) -> pa.Table:
        times = payload["event_time"].to_numpy()
        as_of = np.maximum(np.maximum.accumulate(times), self.as_of)
        sequence = np.arange(self.next_sequence, self.next_sequence + len(times))
        self.next_sequence += len(times)
        self.as_of = int(as_of[-1])
        stamps = {"sequence": pa.array(sequence), "as_of": pa.array(as_of)}
        columns = [stamps[name] if name in stamps else _column(payload, name) for name in SCHEMA.names]
        return pa.table(columns, schema=SCHEMA)

    def _write(self, rows: pa.Table) -> None:
        day = datetime.fromtimestamp(rows["recorded_at"][0].as_py() / 1e6, UTC).date()
        place = self.folder / f"day={day}"
        place.mkdir(parents=True, exist_ok=True)
        target = place / f"{rows['sequence'][0].as_py():015d}.parquet"
        half = target.with_suffix(".part")
        pq.write_table(rows, half, compression="zstd")
        half.rename(target)


class DamagedLogError(ValueError):
    """A file of the log is cut, or missing between others."""


def _column(payload: pa.Table, name: str) -> Any:
    kind = SCHEMA.field(name).type
    return payload[name].cast(kind) if name in payload.column_names else pa.nulls(payload.num_rows, kind)


def read_file(file: Path, columns: Sequence[str] | None) -> pa.Table:
    """`columns` of one file, by default all. A column that is younger than the file is read as nulls.

    Raises DamagedLogError, naming the file, for one that is cut or changed.
    """
    wanted = SCHEMA.names if columns is None else list(columns)
    with _named(file):
        written = set(pq.read_schema(file).names)
        table = pq.read_table(file, columns=[name for name in wanted if name in written], partitioning=None)
    return pa.table({name: _column(table, name) for name in wanted})


def rows_in(file: Path) -> int:
    """How many rows a file has, by its footer alone. Raises DamagedLogError, naming the file."""
    with _named(file):
        return int(pq.read_metadata(file).num_rows)


@contextmanager
def _named(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as failure:
        reason = str(failure).partition("\n")[0].rstrip(".")
        raise DamagedLogError(f"{file} cannot be read ({reason}): restore it from a copy") from failure


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows made by `row_of`, with `recorded_at` set, as a table that `LogWriter.append` takes."""
    schema = pa.schema({"event_time": pa.int64(), "recorded_at": pa.int64()} | {f.name: f.type for f in PAYLOAD})
    return pa.Table.from_pylist(list(rows), schema=schema)


@dataclass(frozen=True)
class Log:
    """Reads a log folder. Rows come in the order of their sequence; nothing is held in memory beyond one file."""

    folder: Path

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("day=*/*.parquet"), key=lambda file: file.name)

    def assert_whole(self) -> None:
        """Raises DamagedLogError, with the gap, unless each file begins where the one before it ends. Reads footers."""
        files = self.files()
        for file, following in itertools.pairwise(files):
            after = int(file.stem) + rows_in(file)
            if after != int(following.stem):
                raise DamagedLogError(
                    f"{self.folder} has no sequences {after} to {int(following.stem) - 1}, between {file.name} and "
                    f"{following.name}: restore the missing file from a copy"
                    if after < int(following.stem)
                    else f"{file} reaches into {following.name}: remove the one that does not belong to this log"
                )
        if files:
            rows_in(files[-1])

    def tables(self, columns: Sequence[str] | None = None, *, after: int = 0) -> Iterator[pa.Table]:
        """One table a file, rows with sequence above `after` only."""
        files = self.files()
        for at, file in enumerate(files):
            if files[at + 1 :] and int(files[at + 1].stem) <= after + 1:
                continue
            needed = None if columns is None else list(dict.fromkeys(["sequence", *columns]))
            table = read_file(file, needed)
            yield table.filter(pc.field("sequence") > after) if int(file.stem) <= after else table

    def read(self, columns: Sequence[str] | None = None, *, after: int = 0) -> pa.Table:
        """The whole log in one table, of the named columns."""
        chosen = (
            SCHEMA
            if columns is None
            else pa.schema([SCHEMA.field(name) for name in dict.fromkeys(["sequence", *columns])])
        )
        tables = [table.select(chosen.names).cast(chosen) for table in self.tables(columns, after=after)]
        return pa.concat_tables(tables) if tables else chosen.empty_table()

    def rows(self, columns: Sequence[str] | None = None, *, after: int = 0) -> Iterator[Row]:
        """Every row as a dict, as `row_of` made it, plus its stamps; of the named columns only, if any are named."""
        for table in self.tables(columns, after=after):
            for batch in table.to_batches(max_chunksize=10_000):
                yield from batch.to_pylist()

    def last(self) -> tuple[int, int]:
        """`(sequence, as_of)` of the newest row; `(0, 0)` for an empty log."""
        files = self.files()
        if not files:
            return 0, 0
        newest = pq.read_table(files[-1], columns=["sequence", "as_of"], partitioning=None)
        return newest["sequence"][-1].as_py(), newest["as_of"][-1].as_py()


def recorded_now() -> int:
    """The wall clock, in microseconds: for the edges that receive events, and for nobody else."""
    return micros_of(datetime.now(UTC))
