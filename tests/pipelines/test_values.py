"""The history that a backfill leaves: each day's values, once, and as they were known."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from features.events import micros_of, parse
from features.fold import Windows
from features.log import Log, LogWriter, row_of, table_of
from features.retrieval import retrieve
from features.store.history import History, Stamp
from features.store.registry import Registry
from features.store.settings import Settings
from features.store.shape import window_views
from features.table import TABLE
from features.vector import COLUMNS, events_of
from features.windows import Entity
from pipelines.values import Known, learn_daily

START = micros_of(datetime(2026, 3, 1, tzinfo=UTC))
HOUR = 3_600_000_000
DAY = 24 * HOUR
USER = window_views()[Entity.USER]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Two people, an event of each every day at six; the second one stops after the third day. Five days."""
    rows = []
    for day in range(5):
        for person in ("u1", "u2") if day < 3 else ("u1",):
            at = START + day * DAY + 6 * HOUR
            said = datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            body = {"event_id": f"{person}-{day}", "kind": "ad_viewed", "user_id": person, "occurred_at": said}
            rows.append(row_of(parse(body | {"devices": [{"id": f"d{day}", "kind": "web"}]})) | {"recorded_at": at})
    LogWriter(tmp_path / "log").append(table_of(rows))
    return Log(tmp_path / "log")


def history_of(log: Log, folder: Path) -> tuple[Known, Stamp, History]:
    known, history = Known(), History(folder / "values")
    return known, learn_daily(known, log, history), history


def test_each_day_but_the_last_is_in_the_history_once(log: Log, tmp_path: Path) -> None:
    _, _, history = history_of(log, tmp_path)
    first = {file: file.stat().st_mtime_ns for file in history.files(USER)}
    assert [file.parent.name for file in first] == [f"day=2026-03-0{day}" for day in (1, 2, 3, 4)]
    history_of(log, tmp_path)
    assert {file: file.stat().st_mtime_ns for file in history.files(USER)} == first


def test_a_training_set_sees_each_day_as_it_was(log: Log, tmp_path: Path) -> None:
    settings = Settings(tmp_path)
    registry = Registry(settings)
    registry.apply()
    history_of(log, tmp_path)
    asked = pl.DataFrame({"user_id": ["u1", "u1", "u2", "u2"], "at": [START + n * DAY for n in (1, 4, 4, 20)]})
    answer = retrieve(registry, asked, ["user__count__7d", "graph__user_devices"], "at")
    assert answer["user__count__7d"].to_list() == [1, 4, 3, None]
    assert answer["graph__user_devices"].to_list() == [1, 4, 3, 3]


def test_the_values_at_the_end_are_the_folds(log: Log, tmp_path: Path) -> None:
    known, stamp, _ = history_of(log, tmp_path)
    windows = Windows(TABLE)
    for row in events_of(log.read(COLUMNS)).to_pylist():
        windows.fold(row)
    pieces = {view.name: (view, keys, values) for view, keys, values in known.pieces(stamp.as_of, since=0)}
    for name in ("user", "device"):
        view, keys, values = pieces[name]
        exact = np.array([windows.of_entity(view.entity, key, stamp.as_of) for key in keys])
        np.testing.assert_array_equal(values, exact)
    view, keys, values = pieces["user_graph"]
    devices = values[:, view.names.index("graph__user_devices")]
    assert dict(zip(keys, devices.tolist(), strict=True)) == {"u1": 5.0, "u2": 3.0}


def test_values_are_known_when_their_last_row_was_recorded(log: Log, tmp_path: Path) -> None:
    _, stamp, _ = history_of(log, tmp_path)
    assert (stamp.sequence, stamp.as_of) == log.last()
    assert stamp.created == START + 4 * DAY + 6 * HOUR


def test_keys_of_which_nothing_is_believed_any_more_are_left_out(log: Log, tmp_path: Path) -> None:
    known, stamp, _ = history_of(log, tmp_path)
    long_after = stamp.as_of + 400 * DAY  # a device is remembered for 360 days, and up to 30 more for the edge
    assert list(known.pieces(long_after, since=0)) == []
    today = {key for view, keys, _ in known.pieces(stamp.as_of, stamp.as_of) if view == USER for key in keys}
    assert today == {"u1"}


def test_the_files_of_the_log_make_no_difference(log: Log, tmp_path: Path) -> None:
    """Whether a day came in one file or in many."""
    many = LogWriter(tmp_path / "many")
    for row in log.rows():
        many.append(table_of([{name: value for name, value in row.items() if name not in ("sequence", "as_of")}]))
    one, other = (history_of(kept, tmp_path / str(at))[2] for at, kept in enumerate((log, Log(many.folder))))
    assert len(Log(many.folder).files()) > len(log.files())
    for left, right in zip(one.files(USER), other.files(USER), strict=True):
        assert left.name == right.name
        assert_frame_equal(pl.read_parquet(left), pl.read_parquet(right))
