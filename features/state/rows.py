"""Rows and tables of the log as the integers that the compiled loops read."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.digests import digest_in, digests_of
from features.events import Kind
from features.state.facts import blank_facts, complete
from features.state.heap import Words
from features.state.program import AS_OF, KIND, MISSING, TIME, Compiled
from features.windows import AMOUNT_MAX, Measure

_KINDS: Final = pa.array(list(map(str, Kind)))
_KIND_OF: Final = {str(kind): at for at, kind in enumerate(Kind)}


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


def facts_of(events: pa.Table, wanted: Compiled) -> Words:
    """The facts of a table of events; a column that it lacks is missing throughout."""
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

    facts, where = blank_facts(wanted, count), wanted.facts
    facts[TIME] = events["event_time"].to_numpy()
    facts[AS_OF] = events["as_of"].to_numpy()
    facts[KIND] = pc.index_in(events["kind"], _KINDS).to_numpy()
    for at, measure in enumerate(wanted.measures):
        facts[where.numbers + at] = measured(measure)
    for at, column in enumerate(wanted.columns):
        facts[where.values + at] = of_column(column)
    for at, entity in enumerate(wanted.entities):
        facts[where.keys + at] = of_column(entity.value)
    complete(wanted, facts)
    return facts


def facts_of_row(row: Mapping[str, Any], wanted: Compiled, into: Words) -> None:
    """The same for one row, into `into`, `(columns, 1)`."""
    one, where = into[:, 0], wanted.facts
    one[TIME], one[AS_OF], one[KIND] = row["event_time"], row["as_of"], _KIND_OF[row["kind"]]
    said = [number_of(row.get(measure.column), measure) for measure in wanted.measures]
    said += [digest_in(row, column) for column in wanted.columns]
    said += [digest_in(row, entity) for entity in wanted.entities]
    one[where.numbers : where.floors] = said
    complete(wanted, into)


def facts_at(as_of: int, wanted: Compiled) -> Words:
    """One row without keys: an instant."""
    facts = blank_facts(wanted, 1)
    facts[AS_OF, 0] = as_of
    complete(wanted, facts)
    return facts
