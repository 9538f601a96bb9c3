"""Files become a log in the order of arrival; what cannot be read is written aside or refused in a sentence."""

import csv
import gzip
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.events import Event, Outcome
from features.ingest import parallel, reading
from features.ingest.errors import IngestError
from features.ingest.ingest import IngestReport, ingest
from features.ingest.load import parse_mapping
from features.log import Log, record_of

MAPPING = """
name: shop
target: fraud
{read}
events:
  - kind: purchase
    id: "{{order}}"
    occurred_at: time
    fields:
      user_id: user
      amount_micros: price
      currency: {{value: USD}}
outcome:
  of: purchase
  column: fate
  bad: bad
  clean: ok
  meaning: {{kind: reversal, reversal_kind: card_chargeback, reason: fraud}}
  delay: 1d
  at: told
"""
HEADER = "order,time,user,price,fate,told\n"


def run(tmp_path: Path, text: str | bytes, *, name: str = "a.csv", read: str = "") -> tuple[IngestReport, list[Any]]:
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_files(tmp_path, [file], MAPPING.format(read=read))


def run_files(tmp_path: Path, files: Sequence[Path], mapping: str) -> tuple[IngestReport, list[Any]]:
    out = tmp_path / "home" / "log"
    report = ingest(parse_mapping(mapping, "test"), files, out)
    return report, [record_of(row) for row in Log(out).rows()]


def rejected(report: IngestReport) -> list[tuple[str, ...]]:
    assert report.rejected_file is not None
    with report.rejected_file.open(newline="") as file:
        return [tuple(row) for row in csv.reader(file)][1:]


def test_outcomes_are_interleaved_by_the_time_at_which_they_were_known(tmp_path: Path) -> None:
    report, records = run(
        tmp_path,
        HEADER
        + "A,2026-03-02 00:00,u1,1.5,ok,\n"
        + "B,2026-03-01 00:00,u2,2,bad,2026-03-01T08:00:00Z\n"
        + "C,2026-03-01 00:00,u3,3,,\n",
    )
    assert [record.event_id for record in records] == ["B", "C", "B-outcome", "A", "A-outcome"]
    assert isinstance(records[2], Outcome)
    assert (records[2].kind, records[2].user_id, records[2].subject_event_id) == ("reversal", "u2", "B")
    assert records[4].occurred_at == datetime(2026, 3, 3, tzinfo=UTC)
    assert (report.rows, report.events, report.outcomes, report.rejected) == (3, 3, 2, 0)
    assert report.label_coverage == pytest.approx(2 / 3)
    assert (report.first, report.last) == (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC))


def test_equal_times_keep_the_order_of_the_files_over_several_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK_ROWS", 7)
    lines = [f"{number},2026-03-01 00:00,u,1,," for number in range(100)]
    for name, part in (("a.csv", lines[:60]), ("b.csv", lines[60:])):
        (tmp_path / name).write_text(HEADER + "\n".join(part))
    _, records = run_files(tmp_path, [tmp_path / "a.csv", tmp_path / "b.csv"], MAPPING.format(read=""))
    assert [record.event_id for record in records] == [str(number) for number in range(100)]


def test_a_bad_row_is_written_aside_with_its_field_and_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    report, records = run(
        tmp_path,
        HEADER
        + "A,2026-03-01 00:00,u1,1,ok,\n"
        + "B,yesterday,u1,1,ok,\n"
        + "C,2026-03-01 00:00,u1,ten,ok,\n"
        + "D,2026-03-01 00:00,u1\n"
        + "E,2026-03-01 00:00,u1,-1,ok,\n"
        + ",2026-03-01 00:00,u1,1,ok,\n"
        + "F,2026-03-01 00:00,u1,1,perhaps,\n"
        + "A,2026-03-02 00:00,u9,1,ok,\n"
        + "G,1999-03-01 00:00,u1,1,ok,\n"
        + "H,2026-03-01 00:00,u1,1,ok,\n",
    )
    assert [record.event_id for record in records] == ["A", "H", "A-outcome", "H-outcome"]
    assert [(row, field, value) for _, row, field, _, value in rejected(report)] == [
        ("4", "(row)", "3 cells"),
        ("2", "occurred_at", "yesterday"),
        ("3", "amount_micros", "ten"),
        ("5", "amount_micros", "-1000000"),
        ("6", "id", ""),
        ("7", "outcome.column", "perhaps"),
        ("9", "occurred_at", "1999-03-01 00:00:00+00:00"),
        ("8", "id", "A"),
    ]
    assert report.rejected == sum(report.by_reason.values()) == 8
    assert report.by_reason["amount_micros: must be a number"] == 1
    assert report.rows == 9


def test_a_later_run_without_refusals_removes_the_file_of_the_earlier(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "rejected.csv").write_text("old")
    report, _ = run(tmp_path, HEADER + "A,2026-03-01 00:00,u1,1,ok,\n")
    assert report.rejected_file is None
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["log"]


LINES = HEADER + "A,2026-03-01 00:00,张三,1,ok,\n"


@pytest.mark.parametrize(
    ("name", "body", "read"),
    [
        ("bom.csv", LINES.encode("utf-8-sig"), ""),
        ("windows.csv", LINES.replace("\n", "\r\n").encode(), ""),
        ("chinese.csv", LINES.encode("gb18030"), "read: {encoding: gb18030}"),
        ("zipped.csv.gz", gzip.compress(LINES.encode(), mtime=0), ""),
        ("tabs.tsv", LINES.replace(",", "\t").encode(), ""),
        ("semicolons.csv", LINES.replace(",", ";").encode(), 'read: {delimiter: ";"}'),
        ("spaces.csv", LINES.replace(",", " , ").encode(), ""),
        ("nulls.csv", LINES.replace("ok,\n", "ok,NULL\n").encode(), ""),
    ],
)
def test_files_may_be_written_in_many_ways(tmp_path: Path, name: str, body: bytes, read: str) -> None:
    report, records = run(tmp_path, body, name=name, read=read)
    assert report.rejected == 0
    assert records[0].user_id == "张三"
    assert len(records) == 2


def test_parquet_is_read_by_its_own_types(tmp_path: Path) -> None:
    when = datetime(2026, 3, 1, 9, 30, 0, 250_000, tzinfo=UTC)
    columns = {
        "order": pa.array([1, 2]),
        "time": pa.array([when, when + timedelta(days=3)], pa.timestamp("us", "UTC")),
        "user": pa.array(["u", None]),
        "price": pa.array([1.25, 2.0]),
        "fate": pa.array(["ok", None]),
        "told": pa.array([None, None], pa.timestamp("ms")),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    report, records = run_files(tmp_path, [tmp_path / "a.parquet"], MAPPING.format(read=""))
    assert report.rejected == 0
    assert isinstance(records[0], Event)
    assert (records[0].event_id, records[0].occurred_at, records[0].amount_micros) == ("1", when, 1_250_000)
    assert records[2].user_id is None


JOINED = """
name: joined
target: fraud
join:
  - {file: "people*.csv", name: person, on: {user: id}}
events:
  - name: start
    kind: task_started
    occurred_at: time
    fields: {user_id: user, country: person.country}
  - name: end
    kind: task_completed
    occurred_at: {column: ended, format: epoch_seconds}
    when: {column: state, is_not: [open, lost]}
    fields: {user_id: user, country: {column: person.country, as: upper}, device.gaid: device, device.web: cookie}
"""


def joined_files(tmp_path: Path, people: str) -> list[Path]:
    (tmp_path / "tasks.csv").write_text(
        "user,time,ended,state,device,cookie\n"
        "u2,2026-03-01 00:00,1772323200,done,g2,c2\n"
        "u1,2026-03-01 00:00,1772323200,open,g1,\n"
        "u3,2026-03-01 00:00,1772323200,done,,c3\n"
    )
    (tmp_path / "people-2026.csv").write_text("id,country,age\n" + people)
    return [tmp_path / "people-2026.csv", tmp_path / "tasks.csv"]


def test_a_row_may_tell_of_several_events_with_what_a_joined_file_knows(tmp_path: Path) -> None:
    report, records = run_files(tmp_path, joined_files(tmp_path, "u1,CN,30\nu2,US,40\n,DE,1\n,FR,1\n"), JOINED)
    told = [(record.event_id, record.user_id, record.country, record.device_key) for record in records]
    assert told == [
        ("joined-start-1", "u2", "US", None),
        ("joined-end-1", "u2", "US", "gaid:g2"),
        ("joined-start-2", "u1", "CN", None),
        ("joined-start-3", "u3", None, None),
        ("joined-end-3", "u3", None, "web:c3"),
    ]
    assert (report.rows, report.events, report.outcomes, report.label_coverage) == (3, 5, 0, 0.0)


def test_a_refused_event_takes_its_whole_row_along_and_names_itself(tmp_path: Path) -> None:
    files = joined_files(tmp_path, "u1,CN,30\nu2,usa,40\n")
    report, records = run_files(tmp_path, files, JOINED)
    assert {record.user_id for record in records} == {"u1", "u3"}
    assert rejected(report)[0][:3] == ("tasks.csv", "1", "start.country")


def test_a_joined_file_with_two_rows_for_a_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"people\*\.csv holds id = u1 more than once"):
        run_files(tmp_path, joined_files(tmp_path, "u1,CN,30\nu1,CN,30\n"), JOINED)


def test_a_joined_file_that_was_not_given_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="which is not among the files; add it after --from"):
        run_files(tmp_path, joined_files(tmp_path, "")[1:], JOINED)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "is empty; its first line must name the columns"),
        (HEADER.encode(), "no rows; is this the whole file?"),
        (
            HEADER.replace("price", "prize").encode(),
            r"has no column price; did you mean prize\?.*order, time, user, prize",
        ),
        (HEADER.replace("user", "time").encode(), "has two columns called time"),
        (HEADER.encode() + b'A,2026-03-01,"u1,1,ok,\n', "is not well-formed CSV"),
        (HEADER.encode() + "A,2026-03-01,é,1,ok,\n".encode("latin-1"), "is not in the encoding of the mapping"),
        (HEADER.encode() + b"A,now,u,1,ok,\nB,now,u,1,ok,\n", "all 2 rows were refused, 2 of them because occurred_at"),
    ],
)
def test_files_that_cannot_be_taken_in_are_refused_in_a_sentence_and_leave_nothing(
    tmp_path: Path, body: bytes, message: str
) -> None:
    with pytest.raises(IngestError, match=message):
        run(tmp_path, body)
    assert not (tmp_path / "home" / "log").exists()
    assert not list((tmp_path / "home").glob(".ingest-*"))


def test_missing_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"nowhere.csv does not exist"):
        run_files(tmp_path, [tmp_path / "nowhere.csv"], MAPPING.format(read=""))
    with pytest.raises(IngestError, match=r"a.parquet cannot be read"):
        run(tmp_path, b"no parquet", name="a.parquet")
    with pytest.raises(IngestError, match=r"a.csv.gz cannot be read"):
        run(tmp_path, b"no gzip", name="a.csv.gz")


def test_a_log_is_never_written_over(tmp_path: Path) -> None:
    run(tmp_path, HEADER + "A,2026-03-01 00:00,u1,1,ok,\n")
    with pytest.raises(IngestError, match="already holds a log"):
        run(tmp_path, HEADER + "B,2026-03-01 00:00,u1,1,ok,\n")


def test_the_same_files_make_the_same_log_with_one_process_or_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"{number},2026-03-0{1 + number % 5} 00:00,u{number % 7},1,ok," for number in range(300)]
    text = HEADER + "\n".join(lines) + "\nbad,row\nX,now,u,1,ok,\n"
    monkeypatch.setattr(reading, "CHUNK_ROWS", 50)
    monkeypatch.setattr("features.ingest.source.CHUNK_ROWS", 50)
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    alone, _ = run(tmp_path / "one", text)
    monkeypatch.setattr(parallel, "ROWS_WORTH_IT", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    together, _ = run(tmp_path / "many", text)
    logs = [Log(tmp_path / name / "home" / "log").read() for name in ("one", "many")]
    assert logs[0].equals(logs[1])
    assert rejected(alone) == rejected(together)


def test_rows_arrive_in_order_and_progress_is_told_by_the_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("features.ingest.source.CHUNK_ROWS", 2048)
    lines = [f"{number},2026-03-{1 + number * 17 % 28:02d} 00:00,u,1,ok," for number in range(5000)]
    (tmp_path / "a.csv").write_text(HEADER + "\n".join(lines))
    told: list[int] = []
    mapping = parse_mapping(MAPPING.format(read=""), "test")
    ingest(mapping, [tmp_path / "a.csv"], tmp_path / "home" / "log", told.append)
    assert sum(told) == 5000
    assert max(told) <= 2048
    arrived = Log(tmp_path / "home" / "log").read(["recorded_at"])["recorded_at"].to_pylist()
    assert all(earlier <= later for earlier, later in pairwise(arrived))
