"""What the benchmark of features stands on: its load, its stream, and its eye for a difference."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.fold import Windows
from features.log import SCHEMA
from features.windows import DAY, HOUR, Aggregate
from pipelines.bench import feature_cells, feature_limits, feature_speed
from pipelines.bench.feature_cells import Cells, replayed
from pipelines.bench.feature_handbook import FEATURES, computed, file_of, handbook
from pipelines.bench.feature_stream import Stream
from pipelines.bench.sixty import SIXTY
from pipelines.oracle import vectors

KINDS = {
    "count and sum": {Aggregate.COUNT, Aggregate.SUM},
    "distinct": {Aggregate.DISTINCT},
    "min, max, last": {Aggregate.MIN, Aggregate.MAX, Aggregate.LAST},
    "variance and decay": {Aggregate.VARIANCE, Aggregate.DECAYED},
}


def few(events: int, seed: int = 7, per_day: int = 200) -> pa.Table:
    return pa.concat_tables(Stream(seed, per_day).chunks(events))


def test_the_load_is_sixty_different_features_over_five_entities_in_the_promised_mix() -> None:
    assert len({feature.name for feature in SIXTY}) == 60
    assert len({feature.entity for feature in SIXTY}) == 5
    mix = Counter(name for feature in SIXTY for name, aggregates in KINDS.items() if feature.aggregate in aggregates)
    assert mix == {"count and sum": 24, "distinct": 15, "min, max, last": 9, "variance and decay": 12}


def test_the_stream_is_a_part_of_a_log_stamped_as_a_recorder_stamps() -> None:
    events = few(3000)
    assert all(events.schema.field(name).type == SCHEMA.field(name).type for name in events.column_names)
    assert events["sequence"].to_pylist() == list(range(1, 3001))
    times = events["event_time"].to_numpy()
    assert events["as_of"].to_numpy().tolist() == np.maximum.accumulate(times).tolist()


def test_the_stream_is_late_tied_back_dated_and_has_gaps_among_its_keys() -> None:
    events = few(20_000, per_day=20_000)
    times, as_of = events["event_time"].to_numpy(), events["as_of"].to_numpy()
    assert np.mean(times < as_of) > 0.1
    assert np.mean(as_of - times > 6 * HOUR) > 0.005
    assert (as_of - times).max() <= DAY + HOUR
    assert len(np.unique(times)) < 0.9 * len(times)
    assert events["user_id"].null_count > 500


def test_the_stream_depends_on_its_seed_alone() -> None:
    assert few(500) == few(500)
    assert few(500) != few(500, seed=8)


def test_people_come_and_go_while_as_many_are_alive() -> None:
    chunks = list(Stream(7).chunks(500_000, 250_000))
    early, late = (set(chunk["user_id"].drop_null().to_pylist()) for chunk in chunks)
    assert len(late - early) > 1000
    assert abs(len(late) - len(early)) < 0.1 * len(early)


def test_a_difference_of_one_cell_is_seen() -> None:
    online = replayed(SIXTY, few(300).to_pylist())
    assert Cells.between(SIXTY, online, online.copy()) == Cells(0, 0.0)
    places = [at for at, feature in enumerate(SIXTY) if feature.aggregate is Aggregate.COUNT]
    wrong = online.copy()
    wrong[-1, places[0]] += 1
    assert Cells.between(SIXTY, online, wrong).integer_mismatches == 1
    wrong = online.copy()
    decayed = next(at for at, feature in enumerate(SIXTY) if feature.aggregate is Aggregate.DECAYED)
    known = int(np.flatnonzero(~np.isnan(online[:, decayed]))[-1])
    wrong[known, decayed] = math.nan
    assert Cells.between(SIXTY, online, wrong) == Cells(0, math.inf)


def test_a_small_stream_passes_all_but_the_number_of_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cells, "SAMPLED", 20)
    integer, *others = feature_cells.compare(few(600))
    assert integer.measured.startswith("0 of 36,000")
    assert not integer.passed
    assert [row.passed for row in others] == [True, None, True, True]


def test_the_bare_counters_count_what_the_features_are_about() -> None:
    rows = few(100).to_pylist()
    bare = feature_speed.Bare()
    bare.count(rows)
    counters = [counter for counter, _ in bare._counters]
    assert len(counters) == 60
    assert {sum(counter.values()) for counter in counters} == {sum(row["reward_micros"] or 0 for row in rows)}


def test_a_busy_hour_is_one_address_within_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_limits, "BUSY_EVENTS", 3000)
    events = feature_limits._busy_hour(7)
    assert len(events["ip_key"].unique()) == 1
    assert np.ptp(events["event_time"].to_numpy()) <= HOUR
    monkeypatch.setattr(feature_limits, "BUSY_TIMED", 1000)
    assert len(feature_limits.busy_key(7)) == 2


def test_the_memory_of_a_backfill_is_measured_in_a_process_of_its_own() -> None:
    assert 50 < feature_limits._peak_in_a_process(1000, 7) < 2000


def test_the_handbook_is_computed_as_defined(tmp_path: Path) -> None:
    file = tmp_path / "transactions.parquet"
    columns = {
        "TX_DATETIME": pa.array([0, 3600, 3600, 86_400 * 8, 86_400 * 40], pa.timestamp("s")).cast(pa.timestamp("ns")),
        "CUSTOMER_ID": pa.array([1, 1, 2, 1, 1], pa.int32()),
        "TERMINAL_ID": pa.array([7, 7, 7, 8, 7], pa.int32()),
        "TX_AMOUNT": [10.25, 0.1, 3.0, 7.77, 1.0],
    }
    pq.write_table(pa.table(columns), file)
    rows = [
        {
            "event_time": at.value // 1000,
            "as_of": at.value // 1000,
            "kind": "purchase",
            "user_id": user,
            "partner_id": terminal,
            "amount_micros": amount,
        }
        for at, user, terminal, amount in zip(
            pq.read_table(file)["TX_DATETIME"].to_pandas(),
            "11211",
            "77787",
            [10_250_000, 100_000, 3_000_000, 7_770_000, 1_000_000],
            strict=True,
        )
    ]
    np.testing.assert_array_equal(computed(file), list(vectors(FEATURES, rows)))
    assert handbook(file).passed


def test_an_absent_handbook_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_DATA", str(tmp_path))
    row = handbook(file_of(None))
    assert row.passed is None
    assert "is absent, set ASSAY_DATA" in row.measured


def test_the_table_form_is_the_row_form_on_the_generated_stream() -> None:
    events = few(1500)
    assert Windows(SIXTY).vectors(events).tobytes() == replayed(SIXTY, events.to_pylist()).tobytes()
