"""The engine against the definition, on streams that a hostile world could send, for tables of any features.

`pipelines.oracle` says what each feature is, in plain Python. The engine must say the same row by row, table by table
in whatever pieces, after any restart, and after forgetting what is idle.
"""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from features.fold import Vector, Windows
from features.log import SCHEMA, Row
from features.windows import DAY, HOPS, HOUR, MINUTE, SECOND, Aggregate, Entity, Ratio, Windowed
from pipelines.oracle import EXACT, tolerance, vectors

Table = list[Windowed | Ratio]
START = 1_700_000_000 * SECOND
OLD, YOUNG = 0, 4_102_444_800 * SECOND  # 1970 and 2100
NUMBERS = ["reward_micros", "amount_micros", "interaction_tap_count", "interaction_sensor_variance", "latitude"]
WORDS = ["user_id", "device_key", "ip_key", "task_id"]


@st.composite
def features(draw: st.DrawFn) -> Windowed:
    aggregate = draw(st.sampled_from(Aggregate))
    measures = [""] if aggregate is Aggregate.COUNT else NUMBERS
    measures = WORDS if aggregate is Aggregate.DISTINCT else measures
    measures = ["", *NUMBERS] if aggregate is Aggregate.SINCE else measures
    # Amounts of both signs can cancel, and then no float is right to a relative 1e-9: latitudes are not decayed.
    measures = ["", *NUMBERS[:-1]] if aggregate is Aggregate.DECAYED else measures
    entity = draw(st.sampled_from([Entity.USER, Entity.USER, Entity.DEVICE, Entity.IDENTITY]))
    over, kind = draw(st.sampled_from(list(HOPS))), draw(st.sampled_from(["", "", "click"]))
    return Windowed(entity, aggregate, draw(st.sampled_from(measures)), over, HOPS[over], kind)


@st.composite
def feature_tables(draw: st.DrawFn) -> Table:
    windowed = draw(st.lists(features(), min_size=1, max_size=8, unique=True))
    ratios = {
        Ratio(top, bottom)
        for top, bottom in draw(st.lists(st.tuples(*[st.sampled_from(windowed)] * 2), max_size=2))
        if top.entity is bottom.entity and _divides_exactly(top, bottom)
    }
    return draw(st.permutations([*windowed, *ratios]))


def _divides_exactly(top: Windowed, bottom: Windowed) -> bool:
    """A rounded number near zero below the line would make any difference large."""
    whole = bottom.aggregate in (Aggregate.COUNT, Aggregate.DISTINCT)
    return whole or {top.aggregate, bottom.aggregate} <= EXACT


def keys(*names: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([names[0], names[0], *names, None])


GAPS = st.sampled_from([0, 0, 0, 1, SECOND, MINUTE - 1, MINUTE, HOUR, 6 * HOUR, DAY, 8 * DAY, 31 * DAY, 400 * DAY])
# Late by up to a day, or ahead of the others by up to five minutes, as a skewed clock has it.
SHIFTS = st.sampled_from([0, 0, 0, -1, -SECOND, -MINUTE, -HOUR, -23 * HOUR, -DAY, 1, 5 * MINUTE])
AMOUNTS = st.none() | st.integers(0, 2_000_000) | st.sampled_from([0, 999, 1000, 2**40 - 1, 2**40, 2**53, -5])
SIZES = st.none() | st.floats(0, 1e13) | st.sampled_from([0.0, -0.0, math.nan, math.inf, 5e-324])
PLACES = SIZES | st.floats(-1e13, 0) | st.sampled_from([-math.inf])

EVENT = st.fixed_dictionaries(
    {
        "gap": GAPS,
        "shift": SHIFTS,
        "repeated": st.sampled_from([1, 1, 1, 2]),
        "kind": st.sampled_from(["click", "ad_viewed"]),
        "user_id": keys("u1", "u2", "\U0001f9ea" * 128, "u" * 128),
        "device_key": keys("web:d1", "web:d2"),
        "identity": keys("ab" * 16),
        "ip_key": keys("10.0.0.1", "fd00::1"),
        "task_id": keys("t1", "t2", "t3", "t4"),
        "reward_micros": AMOUNTS,
        "amount_micros": AMOUNTS,
        "interaction_tap_count": AMOUNTS,
        "interaction_sensor_variance": SIZES,
        "latitude": PLACES,
    }
)
HOSTILE = EVENT | st.tuples(EVENT, st.sampled_from([OLD, OLD + 1, YOUNG])).map(lambda it: {**it[0], "at": it[1]})
STREAMS = st.lists(EVENT, min_size=1, max_size=40) | st.lists(HOSTILE, min_size=1, max_size=15)


def stamped(drawn: list[dict[str, Any]]) -> list[Row]:
    """The events as the recorder stamps them, in the order of arrival."""
    rows: list[Row] = []
    now, as_of = START, 0
    for event in drawn:
        now += event["gap"]
        time = event.get("at", now + event["shift"])
        as_of = max(as_of, time)
        filled = {name: value for name, value in event.items() if name in SCHEMA.names}
        for _ in range(event["repeated"]):
            row = dict.fromkeys(SCHEMA.names) | filled
            rows.append(row | {"sequence": len(rows) + 1, "event_time": time, "as_of": as_of, "recorded_at": as_of})
    return rows


def table_of(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def replayed(windows: Windows, rows: list[Row]) -> Vector:
    matrix = np.empty((len(rows), windows.size))
    for row, into in zip(rows, matrix, strict=True):
        windows.read(row, into)
        windows.fold(row)
    return matrix


def assert_as_defined(table: Table, rows: list[Row], found: Vector) -> None:
    expected = np.array(list(vectors(table, rows)))
    for at, feature in enumerate(table):
        allowed = tolerance(feature)
        np.testing.assert_allclose(found[:, at], expected[:, at], allowed, allowed, err_msg=feature.name)


often = settings(max_examples=150, deadline=None)


@often
@given(table=feature_tables(), drawn=STREAMS)
def test_row_by_row_every_cell_is_as_defined(table: Table, drawn: list[dict[str, Any]]) -> None:
    rows = stamped(drawn)
    assert_as_defined(table, rows, replayed(Windows(table), rows))


@often
@given(table=feature_tables(), drawn=STREAMS, cuts=st.lists(st.integers(0, 80), max_size=5))
def test_a_table_in_any_pieces_gives_the_bytes_of_its_rows(
    table: Table, drawn: list[dict[str, Any]], cuts: list[int]
) -> None:
    rows = stamped(drawn)
    running, pieces, learned = Windows(table), Windows(table), Windows(table)
    whole = table_of(rows)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    parts = [whole.slice(begin, end - begin) for begin, end in pairwise(edges)]
    offline = np.vstack([pieces.vectors(part) for part in parts])
    for part in parts:
        learned.learn(part)
    assert offline.tobytes() == replayed(running, rows).tobytes()
    assert pieces.snapshot() == running.snapshot() == learned.snapshot()


@often
@given(table=feature_tables(), drawn=STREAMS, share=st.floats(0, 1))
def test_a_restart_at_any_point_changes_nothing(table: Table, drawn: list[dict[str, Any]], share: float) -> None:
    rows = stamped(drawn)
    stop = int(share * len(rows))
    running, rebuilt = Windows(table), Windows(table)
    replayed(running, rows[:stop])
    rebuilt.learn(table_of(rows[:stop]))
    restored = Windows.restore(table, running.snapshot())
    assert restored.snapshot() == running.snapshot() == rebuilt.snapshot()
    later = replayed(running, rows[stop:])
    assert replayed(restored, rows[stop:]).tobytes() == later.tobytes()
    assert rebuilt.vectors(table_of(rows[stop:])).tobytes() == later.tobytes()
    assert restored.snapshot() == running.snapshot() == rebuilt.snapshot()


@often
@given(table=feature_tables(), drawn=STREAMS, share=st.floats(0, 1))
def test_the_future_changes_no_earlier_vector(table: Table, drawn: list[dict[str, Any]], share: float) -> None:
    rows = stamped(drawn)
    stop = int(share * len(rows))
    whole = Windows(table).vectors(table_of(rows))
    assert Windows(table).vectors(table_of(rows[:stop])).tobytes() == whole[:stop].tobytes()


@often
@given(table=feature_tables(), drawn=STREAMS, places=st.integers(1, 10_000))
def test_forgetting_what_is_idle_changes_no_value(table: Table, drawn: list[dict[str, Any]], places: int) -> None:
    rows = stamped(drawn)
    forgetful, matrix = Windows(table), np.empty((len(rows), len(table)))
    for row, into in zip(rows, matrix, strict=True):
        forgetful.forget(row["as_of"], places)
        forgetful.read(row, into)
        forgetful.fold(row)
    remembering = Windows(table)
    assert matrix.tobytes() == replayed(remembering, rows).tobytes()
    assert forgetful.keys <= remembering.keys
    assert forgetful.snapshot() == remembering.snapshot()


@settings(max_examples=50, deadline=None)
@given(table=feature_tables(), drawn=STREAMS)
def test_reading_changes_nothing_that_is_known(table: Table, drawn: list[dict[str, Any]]) -> None:
    rows = stamped(drawn)
    windows = Windows(table)
    windows.learn(table_of(rows))
    before, into = windows.snapshot(), np.empty(len(table))
    for row in rows:
        windows.read(row | {"as_of": rows[-1]["as_of"]}, into)
    assert windows.snapshot() == before
