"""One chunk of cells -> one table of log rows, ready to be sorted. Pure, so that chunks can go to several processes."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from features.events import Event, Outcome
from features.ingest.emit import Emitter
from features.ingest.errors import Refused
from features.ingest.mapping import Mapping
from features.ingest.refusals import Refusal
from features.log import PAYLOAD, Row, row_of

Chunk = tuple[pa.Table, list[Refusal], int]
"""Rows of the log, the rows that were refused, and the number of rows read."""


_ALWAYS: Final = ("event_id", "kind", "schema_version")
_OF_OUTCOMES: Final = (
    "subject_event_id",
    "reversal_kind",
    "reason",
    "disposition",
    "caused_by",
)
_WHENCE: Final = {"position": pa.int64(), "file": pa.string(), "number": pa.int64()}
_TIMES: Final = {"event_time": pa.int64(), "recorded_at": pa.int64()}


def staged_schema(mapping: Mapping) -> pa.Schema:
    """The columns of the log that this mapping can fill (the rest would be null), the times, and whence a row came."""
    fields = [field for event in mapping.events for field in event.fields]
    names = {*_ALWAYS, *_OF_OUTCOMES}.union(*(_columns_of(field) for field in fields))
    payload = {name: PAYLOAD.field(name).type for name in PAYLOAD.names if name in names}
    return pa.schema(_TIMES | payload | _WHENCE)


def _columns_of(field: str) -> set[str]:
    part, _, name = field.partition(".")
    if part == "ip":
        return {"ip_address", "ip_provenance", "ip_key", "network_key", "wide_network_key"}
    if part == "device":
        return {"devices", "device_key"}
    if part == "extensions":
        return {part}
    return {f"{part}_{name}" if name else part}


def emit_chunk(emitter: Emitter, cells: pa.Table) -> Chunk:
    """The rows of a chunk of `Source.chunks()`, in its order, and the rows that were refused."""
    refusals: list[Refusal] = []
    rows = list(_rows(emitter, cells, refusals))
    schema = staged_schema(emitter.mapping)
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.table(columns, schema=schema), refusals, cells.num_rows


def _rows(emitter: Emitter, cells: pa.Table, refusals: list[Refusal]) -> Iterator[Row]:
    for file, number, position, *row in zip(*(column.to_pylist() for column in cells.columns), strict=True):
        try:
            records = emitter.records(position, row)
        except Refused as refused:
            refusals.append(Refusal(file, number, refused.field, refused.message, refused.value))
            continue
        for record in records:
            yield _staged(record) | {"position": position, "file": file, "number": number}


def _staged(record: Event | Outcome) -> Row:
    """History is taken to have been recorded when it occurred, and an outcome when it became known."""
    row = row_of(record)
    row["recorded_at"] = row["event_time"]
    return row
