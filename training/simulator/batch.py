"""Rows in flight, as structured arrays of small numbers: what is generated, carried to a later day, and judged."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.events import CausedBy, Disposition, IpProvenance, Kind, OutcomeKind, Reason, ReversalKind

Rows = NDArray[Any]
Integers = NDArray[np.int64]
MISSING: Final = -1
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR

KINDS: Final = tuple(Kind)
OUTCOME_KINDS: Final = tuple(OutcomeKind)
IP_PROVENANCES: Final = tuple(IpProvenance)
REVERSAL_KINDS: Final = tuple(ReversalKind)
REASONS: Final = tuple(Reason)
DISPOSITIONS: Final = tuple(Disposition)
CAUSES: Final = tuple(CausedBy)
TOUCHES: Final = (
    "duration_ms",
    "tap_count",
    "tap_interval_mean_ms",
    "tap_interval_spread_ms",
    "touch_pressure_variance",
    "sensor_variance",
)

# Integers default to MISSING and mean a place in the arrays that they name; an address of 0 is none.
EVENT: Final = np.dtype(
    [("event_time", "i8"), ("recorded_at", "i8"), ("kind", "i1"), ("user", "i4"), ("installation", "i4")]
    + [("task", "i4"), ("goal", "i1"), ("click", "i8"), ("conversion", "i8"), ("referrer", "i4")]
    + [("destination", "i4"), ("identity", "i4"), ("address", "u8"), ("ip_provenance", "i1")]
    + [("revenue", "i8"), ("reward", "i8"), ("amount", "i8"), ("attestation", "i1"), ("has_fingerprint", "?")]
    + [(name, "f8") for name in TOUCHES]
)
OUTCOME: Final = np.dtype(
    [("event_time", "i8"), ("recorded_at", "i8"), ("kind", "i1"), ("subject", "i8"), ("user", "i4"), ("task", "i4")]
    + [("conversion", "i8"), ("amount", "i8")]
    + [(name, "i1") for name in ("reversal_kind", "reason", "disposition", "caused_by")]
)
_ZERO_BY_DEFAULT: Final = ("address", "has_fingerprint", "ip_provenance")


def blank(dtype: np.dtype[Any], count: int) -> Rows:
    """`count` rows in which every field is missing."""
    rows = np.zeros(count, dtype)
    for name in dtype.names or ():
        if name in TOUCHES:
            rows[name] = np.nan
        elif name not in _ZERO_BY_DEFAULT:
            rows[name] = MISSING
    return rows


def split_by_arrival(rows: Rows, before: int) -> tuple[Rows, Rows]:
    """`(due, later)`: the rows recorded before the instant, in order of arrival, and the rest."""
    is_due = rows["recorded_at"] < before
    due = rows[is_due]
    return due[np.argsort(due["recorded_at"], kind="stable")], rows[~is_due]


def ranks(groups: Integers) -> Integers:
    """The place of each element within its own group, from 0, in order of appearance."""
    order = np.argsort(groups, kind="stable")
    in_order = groups[order]
    starts = np.flatnonzero(np.r_[True, in_order[1:] != in_order[:-1]]) if len(groups) else np.empty(0, np.int64)
    sizes = np.diff(np.r_[starts, len(groups)])
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return places
