"""Rows and tables of the log as the integers that the compiled loops read."""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.digests import digests_of
from features.events import Kind
from features.state.heap import Words
from features.state.program import MISSING, Compiled
from features.state.seen import Rows, blank_rows, complete
from features.windows import AMOUNT_MAX, Measure

_KINDS: Final = pa.array(list(map(str, Kind)))


def number_of(value: Any, measure: Measure) -> int:
    """A measured value as an integer, MISSING for none and for what is not a number."""
    if value is None or value != value:  # noqa: PLR0124  # the one value that differs from itself is NaN
        return MISSING
    if measure.scale != 1 or value.__class__ is float:
        return round(max(-AMOUNT_MAX, min(AMOUNT_MAX, value * measure.scale)))
    return max(-AMOUNT_MAX, min(AMOUNT_MAX, int(value)))


def numbers_of(values: pa.ChunkedArray, measure: Measure) -> Words:
    """The same for a column."""
    missing = pc.is_null(values, nan_is_null=True).to_numpy()
    if pa.types.is_floating(values.type) or measure.scale != 1:
        scaled = np.nan_to_num(pc.fill_null(pc.cast(values, pa.float64()), 0).to_numpy() * float(measure.scale))
        numbers = np.rint(np.clip(scaled, -AMOUNT_MAX, AMOUNT_MAX)).astype(np.int64)
    else:
        filled = pc.fill_null(pc.cast(values, pa.int64()), 0).to_numpy()
        numbers = np.clip(filled, -AMOUNT_MAX, AMOUNT_MAX)
    return np.asarray(np.where(missing, MISSING, numbers), np.int64)


def rows_of(events: pa.Table, wanted: Compiled) -> Rows:
    """A table of events; a column that it lacks is missing throughout."""
    count = events.num_rows
    digests: dict[str, Words] = {}

    def of_column(name: str) -> Words:
        if name not in digests:
            known = name in events.column_names
            digests[name] = digests_of(events[name]) if known else np.zeros(count, np.int64)
        return digests[name]

    def measured(measure: Measure) -> Words:
        known = measure.column in events.column_names
        return numbers_of(events[measure.column], measure) if known else np.full(count, MISSING)

    rows = blank_rows(wanted.program, count, len(wanted.measures), len(wanted.columns))
    rows.times[:] = events["event_time"].to_numpy()
    rows.as_of[:] = events["as_of"].to_numpy()
    rows.kinds[:] = pc.index_in(events["kind"], _KINDS).to_numpy()
    for at, measure in enumerate(wanted.measures):
        rows.numbers[:, at] = measured(measure)
    for at, column in enumerate(wanted.columns):
        rows.values[:, at] = of_column(column)
    for at, entity in enumerate(wanted.entities):
        rows.keys[:, at] = of_column(entity.value)
    complete(wanted.program, rows)
    return rows


def rows_at(as_of: int, wanted: Compiled) -> Rows:
    """One row without keys: an instant."""
    rows = blank_rows(wanted.program, 1, len(wanted.measures), len(wanted.columns))
    rows.as_of[0] = as_of
    complete(wanted.program, rows)
    return rows
