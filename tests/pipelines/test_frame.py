"""`assay frame`: exact vectors, labels as they were known, nothing of what came later."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal
from pyarrow import feather
from typer.testing import CliRunner

from features.events import micros_of, parse
from features.frame import frame_of
from features.home import Home
from features.log import Log, LogWriter, row_of, table_of
from features.vector import FEATURES, VERSION, events_of
from pipelines.cli_frame import app
from pipelines.console import UserError
from pipelines.frame import Format, export_frame, format_of, labelled

START = micros_of(datetime(2026, 3, 1, tzinfo=UTC))
DAY = 86_400_000_000
DAYS = 20


def row(body: dict[str, Any], day: float) -> dict[str, Any]:
    at = round(START + day * DAY)
    occurred = datetime.fromtimestamp(at / 1e6, UTC).isoformat().replace("+00:00", "Z")
    return row_of(parse(body | {"occurred_at": occurred})) | {"recorded_at": at}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four events a day for twenty days; the first of each is reversed as fraud after two days, the second is clean."""
    rows = []
    for number in range(4 * DAYS):
        day = number / 4
        body = {"event_id": f"e{number}", "kind": "ad_viewed", "user_id": f"u{number % 3}"}
        rows.append((day, row(body | {"devices": [{"id": f"d{number % 2}", "kind": "web"}]}, day)))
        about = {"event_id": f"o{number}", "subject_event_id": f"e{number}"}
        if number % 4 == 0:
            bad = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "fraud"}
            rows.append((day + 2, row(about | bad, day + 2)))
        if number % 4 == 1:
            rows.append((day + 2, row(about | {"kind": "clean"}, day + 2)))
    home = Home(tmp_path_factory.mktemp("frame"))
    home.manifest_file.write_text('{"clock": "events"}')
    LogWriter(home.log).append(table_of([made for _, made in sorted(rows, key=lambda pair: pair[0])]))
    return home


def at(day: float) -> int:
    return round(START + day * DAY)


def test_each_row_is_the_event_as_it_arrived(home: Home) -> None:
    exact = frame_of(events_of(Log(home.log).read()))
    frame = labelled(home, at(100))
    assert_frame_equal(frame.select(exact.columns), exact)
    assert frame.height == 4 * DAYS


def test_labels_are_what_was_known_then_and_unknown_stays_null(home: Home) -> None:
    late, early = labelled(home, at(100)), labelled(home, at(10.1))
    assert late["label__fraud"].to_list()[:4] == [True, False, None, None]
    assert late["label__reversal"].to_list()[:4] == [True, False, None, None]
    by_event = dict(zip(early["event_id"], early["label__fraud"], strict=True))
    assert by_event["e28"] is True  # of day 7
    assert by_event["e36"] is None  # of day 9: its reversal comes on day 11


def test_what_arrives_later_changes_nothing(home: Home, tmp_path: Path) -> None:
    """The same as if the log had ended there."""
    cut = Home(tmp_path)
    cut.manifest_file.write_text('{"clock": "events"}')
    whole = Log(home.log).read()
    end = at(10.1)
    kept = whole.filter(pl.Series(whole["recorded_at"].to_numpy() <= end).to_arrow())
    LogWriter(cut.log).append(kept.drop_columns(["sequence", "as_of"]))
    assert_frame_equal(labelled(home, end), labelled(cut, end))


def test_from_leaves_rows_out_but_not_what_they_teach(home: Home, tmp_path: Path) -> None:
    export_frame(home, tmp_path / "some.parquet", at(12), since=at(8), with_keys=True)
    some, whole = pl.read_parquet(tmp_path / "some.parquet"), labelled(home, at(12))
    assert some["as_of"].min() == at(8)
    assert_frame_equal(some, whole.filter(pl.col("as_of") >= at(8)))


def test_keys_are_digests_that_still_join(home: Home, tmp_path: Path) -> None:
    plain, first, second = (tmp_path / f"{name}.parquet" for name in ("plain", "first", "second"))
    export_frame(home, plain, at(12), with_keys=True)
    export_frame(home, first, at(12))
    export_frame(home, second, at(15))
    ids, digests, later = (pl.read_parquet(file) for file in (plain, first, second))
    assert set(ids["user_id"]) == {"u0", "u1", "u2"}
    assert not set(digests["user_id"]) & set(ids["user_id"])
    assert not set(digests["event_id"]) & set(ids["event_id"])
    assert digests["user_id"].n_unique() == 3
    assert digests["user_id"].to_list() == later["user_id"].to_list()[: digests.height]
    assert (home.root / "export.key").stat().st_mode & 0o077 == 0
    assert_frame_equal(digests.drop("user_id", "event_id"), ids.drop("user_id", "event_id"))


def test_every_column_says_what_it_is(home: Home, tmp_path: Path) -> None:
    for kind, read in ((Format.PARQUET, pq.read_table), (Format.ARROW, feather.read_table)):
        export_frame(home, tmp_path / "frame", at(12), kind=kind)
        schema = read(tmp_path / "frame").schema
        assert all(column.metadata[b"description"] for column in schema)
        assert schema.field("user__count__1d").metadata[b"unit"]
        assert schema.metadata[b"features"].decode() == VERSION
        assert schema.metadata[b"as_of"] == b"2026-03-13T00:00:00+00:00"


def test_csv_holds_the_same_cells(home: Home, tmp_path: Path) -> None:
    for kind in (Format.CSV, Format.PARQUET):
        export_frame(home, tmp_path / kind, at(12), kind=kind)
    exact = pl.read_parquet(tmp_path / "parquet")
    assert_frame_equal(pl.read_csv(tmp_path / "csv", schema_overrides=exact.schema), exact)
    assert math.isnan(exact["partner__count__1d"][0])
    assert set(FEATURES) < set(exact.columns)


def test_nothing_half_written_is_left_and_nothing_is_written_of_nothing(home: Home, tmp_path: Path) -> None:
    export_frame(home, tmp_path / "deep" / "frame.parquet", at(12))
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["frame.parquet"]
    with pytest.raises(UserError, match="holds no events that had arrived by 2026-02-28T00:00:00Z: choose a later"):
        export_frame(home, tmp_path / "none.parquet", at(-1))
    with pytest.raises(UserError, match="holds no events from 2026-04-10T00:00:00Z to 2026-04-11T00:00:00Z: choose"):
        export_frame(home, tmp_path / "none.parquet", at(41), at(40))
    assert not (tmp_path / "none.parquet").exists()


def test_the_command_takes_the_format_from_the_ending(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home.root))
    asked = ["--as-of", "2026-03-10", "--from", "2026-03-05", "--out", str(tmp_path / "f.csv")]
    answer = CliRunner().invoke(app, asked)
    assert answer.exit_code == 0, answer.output
    assert "21 events" in answer.output
    assert "fraud: 7 labelled, 4 of them positive" in answer.output
    assert pl.read_csv(tmp_path / "f.csv").height == 21
    assert CliRunner().invoke(app, [*asked, "--format", "csv"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "asked", "form"), [("a.CSV", "", "csv"), ("a", "arrow", "arrow"), ("a.x", "csv", "csv")]
)
def test_a_format_is_that_of_the_ending_or_the_asked_one(name: str, asked: str, form: str) -> None:
    assert format_of(Path(name), asked) is Format(form)


@pytest.mark.parametrize(
    ("name", "asked", "told"),
    [
        ("a.csv", "parquet", r"ends in \.csv, but --format says parquet"),
        ("a.xlsx", "", r"names no format: end it in \.parquet, \.csv, \.arrow, or add --format"),
        ("a", "", "names no format"),
        ("a.csv", "xlsx", "--format takes parquet, csv, arrow, not 'xlsx'"),
    ],
)
def test_a_format_that_is_unclear_is_refused(name: str, asked: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        format_of(Path(name), asked)
