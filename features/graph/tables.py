"""A table of the event log as rows of numbers: each different key is looked up once, not once an event."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.graph.layout import (
    NONE,
    R_AS_OF,
    R_ATTESTED,
    R_DESTINATION,
    R_DEVICE,
    R_DEVICES,
    R_IDENTITY,
    R_IS_OUTCOME,
    R_IS_REFERRAL,
    R_NETWORK,
    R_REFERRER,
    R_SEQUENCE,
    R_TIME,
    R_USER,
    R_VERDICT,
    ROW_WIDTH,
    Integers,
)
from features.graph.rows import ATTESTED, DEVICES_READ_MAX, OUTCOMES, REFERRALS, SAYING, device_key, verdict_of

Number = Callable[[str], int]

KEYS: Final = (
    (R_USER, "user_id", "user:"),
    (R_DEVICE, "device_key", "device:"),
    (R_DESTINATION, "payout_destination", "destination:"),
    (R_IDENTITY, "identity", "identity:"),
    (R_NETWORK, "network_key", "network:"),
    (R_REFERRER, "referrer_user_id", "user:"),
)
"""Place in a row, column of the log, prefix of the node's name."""

_STAMPS: Final = ((R_SEQUENCE, "sequence"), (R_TIME, "event_time"), (R_AS_OF, "as_of"))
_DEVICE: Final = ("kind", "id", "provenance")
_GLUE: Final = "\x1f"


def rows_of(events: pa.Table, number: Number) -> Integers:
    """`(events, ROW_WIDTH)`. `number` gives the node number of a name; columns that `events` lacks are missing."""
    rows = np.zeros((events.num_rows, ROW_WIDTH), np.int64)
    rows[:, R_DEVICES:] = NONE
    for place, column in _STAMPS:
        rows[:, place] = events[column].to_numpy()
    for place, column, prefix in KEYS:
        rows[:, place] = _mapped(_column(events, column), partial(_numbered, number, prefix), NONE)
    kinds = _column(events, "kind")
    rows[:, R_IS_OUTCOME] = _mapped(kinds, lambda kind: int(kind in OUTCOMES), 0)
    rows[:, R_IS_REFERRAL] = _mapped(kinds, lambda kind: int(kind in REFERRALS), 0)
    rows[:, R_ATTESTED] = _mapped(_column(events, "attestation"), lambda verdict: int(verdict in ATTESTED), 0)
    _fill_verdicts(rows, events)
    _fill_devices(rows, events, number)
    return rows


def _column(events: pa.Table, name: str) -> pa.Array:
    if name not in events.column_names:
        return pa.nulls(events.num_rows, pa.string())
    column = events[name]
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _mapped(column: Any, of: Callable[[str], int], missing: int) -> Integers:
    """`of` each value, asked once for each different one, in the order of their first appearance."""
    coded = (column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column).dictionary_encode()
    values = np.array([*map(of, coded.dictionary.to_pylist()), missing], np.int64)
    places = coded.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False)
    chosen: Integers = values[places]
    return chosen


def _numbered(number: Number, prefix: str, key: str) -> int:
    return number(prefix + key)


def _fill_verdicts(rows: Integers, events: pa.Table) -> None:
    outcomes = np.flatnonzero(rows[:, R_IS_OUTCOME])
    if len(outcomes):
        said = [_column(events, name).take(pa.array(outcomes)).to_pylist() for name in SAYING]
        rows[outcomes, R_VERDICT] = [verdict_of(*words) for words in zip(*said, strict=True)]


def _fill_devices(rows: Integers, events: pa.Table, number: Number) -> None:
    """The ids that an event lists, or else its one device key."""
    if "devices" not in events.column_names:
        rows[:, R_DEVICES] = rows[:, R_DEVICE]
        return
    lists = _column(events, "devices")
    counts = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    at = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(at)) - np.repeat(np.cumsum(counts) - counts, counts)
    parts = [pc.struct_field(lists.flatten(), name) for name in _DEVICE]
    glued = pc.binary_join_element_wise(*parts, _GLUE)
    read = place < DEVICES_READ_MAX
    rows[at[read], R_DEVICES + place[read]] = _mapped(glued, lambda text: _device(text, number), NONE)[read]
    rows[counts == 0, R_DEVICES] = rows[counts == 0, R_DEVICE]


def _device(glued: str, number: Number) -> int:
    kind, _, rest = glued.partition(_GLUE)
    identifier, _, provenance = rest.rpartition(_GLUE)
    key = device_key(kind, identifier, provenance)
    return NONE if key is None else number(f"device:{key}")
