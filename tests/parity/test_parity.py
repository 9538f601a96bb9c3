"""Offline equals online: every cell of the product's own vector, with late, tied, back-dated and missing values."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import Kind, OutcomeKind
from features.log import SCHEMA, Row, is_outcome
from features.vector import FEATURES, FeatureEngine
from features.windows import DAY, HOUR

START = 1_700_000_000_000_000
KINDS = [str(kind) for kind in Kind]
OUTCOMES = [str(kind) for kind in OutcomeKind]


def stream(seed: int, events: int, *, days: float = 12, keys: int = 6) -> list[Row]:
    """Stamped rows in order of arrival: a fifth late by up to a day, many at the same instant, some keys missing."""
    dice = np.random.default_rng(seed)
    arrivals = np.sort(START + dice.integers(0, int(days * DAY), events) // HOUR * HOUR)
    late = np.where(dice.random(events) < 0.2, dice.integers(0, DAY, events), 0)
    times = arrivals - late
    rows, as_of = [], 0
    for at in range(events):
        as_of = max(as_of, int(times[at]))
        rows.append(a_row(dice, at + 1, int(times[at]), as_of, keys))
    return rows


def a_row(dice: np.random.Generator, sequence: int, event_time: int, as_of: int, keys: int) -> Row:
    def key(prefix: str) -> str | None:
        return None if dice.random() < 0.15 else f"{prefix}{dice.integers(keys)}"

    row: Row = dict.fromkeys(SCHEMA.names)
    row.update(sequence=sequence, event_id=f"e{sequence}", event_time=event_time, recorded_at=as_of, as_of=as_of)
    row.update(kind=str(dice.choice(KINDS)), user_id=key("u"), device_key=key("web:d"), ip_key=key("10.0.0."))
    row.update(network_key=row["ip_key"] and "10.0.0.0/24", campaign_id=key("c"), partner_id=key("p"))
    row.update(task_id=key("t"), payout_destination=key("ab" * 16), fingerprint_model=key("m"))
    row["reward_micros"] = int(dice.integers(0, 2**53)) if dice.random() < 0.7 else None
    row["interaction_duration_ms"] = float(dice.random() * 1e6) if dice.random() < 0.5 else None
    row["fingerprint_is_rooted"] = bool(dice.random() < 0.5) if dice.random() < 0.5 else None
    return row


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def replayed(rows: list[Row]) -> np.ndarray[Any, Any]:
    """The vectors of the events; outcomes are learned only."""
    engine, vectors = FeatureEngine(), []
    for row in rows:
        if not is_outcome(row):
            vectors.append(engine.vector(row))
        engine.fold(row)
    return np.array(vectors)


def backfilled(rows: list[Row]) -> np.ndarray[Any, Any]:
    """The same from a table."""
    return FeatureEngine().vectors(table(rows))


def with_outcomes(rows: list[Row]) -> list[Row]:
    """Every fifth row becomes what was said of the one before."""
    for at, row in enumerate(rows):
        if at % 5 == 4:
            kind = OUTCOMES[at // 5 % len(OUTCOMES)]
            row.update(kind=kind, subject_event_id=f"e{at}", reason="fraud", disposition="fraud", caused_by="person")
    return rows


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), keys=st.sampled_from([1, 3, 40]), days=st.sampled_from([0.05, 3, 70]))
def test_every_cell_of_the_backfill_equals_the_fold(seed: int, keys: int, days: float) -> None:
    rows = stream(seed, 150, days=days, keys=keys)
    assert backfilled(rows).tobytes() == replayed(rows).tobytes()


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), keys=st.sampled_from([1, 6]))
def test_outcomes_among_the_events_teach_both_sides_the_same(seed: int, keys: int) -> None:
    rows = with_outcomes(stream(seed, 150, days=60, keys=keys))
    assert backfilled(rows).tobytes() == replayed(rows).tobytes()


def test_the_limit_of_a_distinct_count_is_the_same_on_both_sides() -> None:
    rows = stream(7, 900, days=1, keys=700)
    for row in rows:
        row["ip_key"] = "10.0.0.1"
    offline = backfilled(rows)
    assert offline[:, FEATURES.index("ip__distinct_device_key__1d")].max() == 256
    np.testing.assert_array_equal(offline, replayed(rows))


def test_truncating_the_future_changes_no_earlier_vector() -> None:
    rows = stream(3, 400)
    assert backfilled(rows)[:250].tobytes() == backfilled(rows[:250]).tobytes()


def test_a_burst_at_one_instant_is_counted_in_full() -> None:
    rows = stream(1, 30, keys=1)
    for row in rows:
        row.update(event_time=START, as_of=START, user_id="u0")
    counts = backfilled(rows)[:, FEATURES.index("user__count__1h")]
    np.testing.assert_array_equal(counts, np.arange(30))


def test_back_dating_does_not_hide_a_burst_from_the_day() -> None:
    rows = stream(1, 30, keys=1)
    for at, row in enumerate(rows):
        row.update(event_time=START - at * HOUR // 2, as_of=START, user_id="u0")
    assert backfilled(rows)[-1, FEATURES.index("user__count__1d")] == 29


def test_a_history_learned_from_tables_knows_what_the_running_fold_knew() -> None:
    rows = stream(5, 400, days=90)
    running, learned = FeatureEngine(), FeatureEngine()
    for row in rows[:-1]:
        running.fold(row)
    learned.learn(table(rows[:250]))
    learned.learn(table(rows[250:-1]))
    assert learned.vector(rows[-1]).tobytes() == running.vector(rows[-1]).tobytes()
