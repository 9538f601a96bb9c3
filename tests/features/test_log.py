"""The log: lossless, stamped in the order of arrival, readable from any sequence."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.events import parse
from features.holdback import hold_back
from features.log import SCHEMA, DamagedLogError, Log, LogWriter, Row, record_of, row_of, table_of

FULL: dict[str, Any] = {
    "event_id": "e-1",
    "kind": "task_completed",
    "occurred_at": "2026-03-01T09:30:00.123456Z",
    "user_id": "u",
    "ip": {"address": "2001:db8::1"},
    "devices": [{"id": "AB", "kind": "idfv"}, {"id": "0", "kind": "gaid", "provenance": "opted_out"}],
    "fingerprint": {"model": "M", "is_emulator": False, "price_tier": 3},
    "interaction": {"duration_ms": 1.5, "tap_count": 0},
    "reward_micros": 0,
    "currency": "CNY",
    "extensions": {"a": 1.5, "b": None, "c": "ü"},
}
OUTCOME = {
    "event_id": "o-1",
    "kind": "reversal",
    "subject_event_id": "e-1",
    "occurred_at": "2026-03-02T00:00:00Z",
    "reversal_kind": "advertiser_reversal",
    "reason": "quality",
}
DAY = 86_400_000_000


@pytest.mark.parametrize("body", [FULL, OUTCOME])
def test_a_record_comes_back_from_its_row_and_from_parquet(tmp_path: Path, body: dict[str, Any]) -> None:
    record = parse(body)
    row = row_of(record)
    assert record_of(row) == record
    LogWriter(tmp_path).append(table_of([row | {"recorded_at": row["event_time"]}]))
    (read,) = Log(tmp_path).rows()
    assert record_of(read) == record
    assert {name: read[name] for name in row} == row


def log_of(folder: Path, days: int, per_day: int = 3) -> Log:
    writer, start = LogWriter(folder), parse(FULL).event_time
    for day in range(days):
        rows = [a_row(start + day * DAY + at, f"e-{day}-{at}") for at in range(per_day)]
        writer.append(table_of([*rows, a_row(start + day * DAY + per_day, f"o-{day}", OUTCOME)]))
    return Log(folder)


def a_row(time: int, event_id: str, body: dict[str, Any] = FULL) -> Row:
    return row_of(parse(body | {"event_id": event_id})) | {"event_time": time, "recorded_at": time}


def test_sequences_and_as_of_follow_arrival_across_files(tmp_path: Path) -> None:
    writer, start = LogWriter(tmp_path), parse(FULL).event_time
    late = a_row(start - DAY, "late") | {"recorded_at": start + 2}
    writer.append(table_of([a_row(start, "a"), late]))
    writer.append(table_of([a_row(start + DAY, "b")]))
    table = Log(tmp_path).read(["event_id", "as_of"])
    assert table["sequence"].to_pylist() == [1, 2, 3]
    assert table["as_of"].to_pylist() == [start, start, start + DAY]
    assert Log(tmp_path).last() == (3, start + DAY)


@pytest.mark.parametrize("after", range(14))
def test_a_log_is_read_from_any_sequence(tmp_path: Path, after: int) -> None:
    log = log_of(tmp_path, days=3)
    assert [row["sequence"] for row in log.rows(after=after)] == list(range(after + 1, 13))


def test_a_log_without_a_younger_column_is_read_with_nulls(tmp_path: Path) -> None:
    log = log_of(tmp_path, days=1)
    (file,) = log.files()
    whole = log.read()
    pq.write_table(whole.drop_columns(["wide_network_key"]), file)
    assert whole["wide_network_key"].to_pylist()[0] == "2001:db8::/56"
    assert [row["wide_network_key"] for row in log.rows()] == [None] * 4
    assert log.read(["wide_network_key", "kind"])["wide_network_key"].null_count == 4
    assert log.read().schema == SCHEMA
    assert log.read().drop_columns(["wide_network_key"]).equals(whole.drop_columns(["wide_network_key"]))


def test_an_empty_log_is_empty_and_not_an_error(tmp_path: Path) -> None:
    log = Log(tmp_path / "none")
    assert (log.last(), list(log.rows()), log.read(["kind"]).num_rows) == ((0, 0), [], 0)
    assert log.read().schema == SCHEMA


def test_a_half_written_file_is_never_read(tmp_path: Path) -> None:
    log = log_of(tmp_path, days=1)
    (tmp_path / "day=2026-03-01" / "000000000000099.part").write_bytes(b"half")
    assert len(list(log.rows())) == 4


@pytest.mark.parametrize("newest", [1, 2, 4, 5])
def test_holding_back_moves_the_newest_events_and_what_came_among_them(tmp_path: Path, newest: int) -> None:
    log = log_of(tmp_path / "log", days=4)
    whole = pa.concat_tables(log.tables())
    last = hold_back(log, tmp_path / "aside", newest)
    kept, aside = pa.concat_tables(log.tables()), pa.concat_tables(Log(tmp_path / "aside").tables())
    assert log.last()[0] == last
    assert sum(kind == "task_completed" for kind in aside["kind"].to_pylist()) == newest
    together = pa.concat_tables([kept, aside])
    for name in ("sequence", "event_id", "event_time", "recorded_at"):
        assert together[name].to_pylist() == whole[name].to_pylist(), name


def test_at_most_half_of_the_events_are_held_back(tmp_path: Path) -> None:
    log = log_of(tmp_path / "log", days=2)
    hold_back(log, tmp_path / "aside", 1000)
    assert sum(row["kind"] == "task_completed" for row in log.rows()) == 3


def test_a_file_that_was_cut_is_named_with_the_remedy(tmp_path: Path) -> None:
    log = log_of(tmp_path, days=3)
    file = log.files()[1]
    file.write_bytes(file.read_bytes()[:-50])
    for ask in (log.read, log.assert_whole):
        with pytest.raises(DamagedLogError, match=rf"{file.name} cannot be read .*: restore it from a copy"):
            ask()


def test_a_file_that_is_missing_is_a_gap_with_its_sequences(tmp_path: Path) -> None:
    log = log_of(tmp_path, days=3)
    log.assert_whole()
    log.files()[1].unlink()
    with pytest.raises(DamagedLogError, match=r"has no sequences 5 to 8, between .* restore the missing file"):
        log.assert_whole()


def test_two_files_with_the_same_sequences_are_named(tmp_path: Path) -> None:
    log = log_of(tmp_path, days=2)
    file = log.files()[0]
    shutil.copy(file, file.with_name("000000000000003.parquet"))
    with pytest.raises(DamagedLogError, match=r"reaches into 000000000000003\.parquet"):
        log.assert_whole()
