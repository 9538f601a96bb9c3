"""The edge table: the same however the log was cut, bounded against hostile times and keys, and old ties expire."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.graph.joining import WEB_USERS_MAX
from features.graph.layout import DEGREE_MAX
from features.graph.rows import devices_of
from features.log import LogWriter, table_of
from features.rings import days as days_module
from features.rings.days import boil_down, kept_ties, merged_acts, merged_ties, read_day
from features.rings.edges import EXPIRY_DAYS, edges_of, merge_days
from features.rings.ties import MICROS_PER_DAY, Tie

START = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
DAY = date(2026, 3, 1)
NOBODY = pl.Series("user_id", [], pl.String)
HOUR = 3_600_000_000


def event(at: int, user: str | None, **fields: Any) -> dict[str, Any]:
    arrived = START + at
    known = {"kind": "click", "event_time": arrived, "recorded_at": arrived, "event_id": f"e-{at}", "user_id": user}
    return known | fields


def day_of(folder: Path, rows: list[dict[str, Any]]) -> days_module.Day:
    LogWriter(folder).append(table_of(rows))
    return read_day(folder, DAY)


def test_a_tie_has_its_first_and_last_time_and_its_count(tmp_path: Path) -> None:
    rows = [event(at, "u", kind="referral", device_key="web:1", referrer_user_id="r") for at in (0, HOUR, 2 * HOUR)]
    ties = day_of(tmp_path, rows).ties
    assert ties.rows() == [
        ("u", Tie.DEVICE, "web:1", START, START + 2 * HOUR, 1, 3),
        ("u", Tie.REFERRAL, "r", START, START + 2 * HOUR, 1, 3),
    ]


def test_a_time_of_1970_or_2100_is_taken_for_a_day_before_arrival_or_for_arrival(tmp_path: Path) -> None:
    rows = [event(HOUR, "u", device_key="web:1", event_time=at) for at in (0, 4_102_444_800_000_000)]
    ((*_, first, last, _, _),) = day_of(tmp_path, rows).ties.rows()
    assert (first, last) == (START + HOUR - MICROS_PER_DAY, START + HOUR)


def test_what_ties_nobody(tmp_path: Path) -> None:
    rows = [
        event(0, None, device_key="web:1"),
        event(1, "u", device_key="x" * 10_000_000),
        event(2, "u" * 1000, device_key="web:1"),
        event(3, "u", kind="sign_up", referrer_user_id="u"),
        event(4, "u", kind="ban", device_key="web:1"),
    ]
    day = day_of(tmp_path, rows)
    assert day.ties.height == 0
    assert day.acts["user_id"].unique().to_list() == ["u"]


def test_a_day_is_made_anew_only_when_its_log_has_grown(tmp_path: Path) -> None:
    log, kept = tmp_path / "log", tmp_path / "kept"
    writer = LogWriter(log)
    writer.append(table_of([event(0, "u", device_key="web:1")]))
    boil_down(log, DAY, kept)
    file = kept / "ties" / f"day={DAY}.parquet"
    before = file.stat().st_mtime_ns
    boil_down(log, DAY, kept)
    assert file.stat().st_mtime_ns == before
    writer.append(table_of([event(1, "v", device_key="web:1")]))
    boil_down(log, DAY, kept)
    assert kept_ties(kept, DAY)["user_id"].to_list() == ["u", "v"]
    file.write_bytes(b"half of a file")
    boil_down(log, DAY, kept)
    assert kept_ties(kept, DAY).height == 2


TIE = st.tuples(
    st.sampled_from("abc"), st.sampled_from(list(Tie)), st.sampled_from("xyz"), st.integers(0, 50), st.integers(0, 50)
)


def frame(rows: list[tuple[str, Tie, str, int, int]]) -> pl.DataFrame:
    """Ties of one sighting each, `hours` after START, of the sequence given."""
    columns = merged_ties([]).schema
    flat = [(user, int(tie), key, START + at * HOUR, START + at * HOUR, place, 1) for user, tie, key, at, place in rows]
    return pl.DataFrame(flat, schema=columns, orient="row")


@settings(deadline=None)  # the first call starts the engine's threads
@given(st.lists(TIE, max_size=25), st.integers(1, 12))
def test_any_cut_gives_the_same_edges(rows: list[tuple[str, Tie, str, int, int]], size: int) -> None:
    whole, _ = merge_days([merged_ties([frame(rows)])])
    parts = [merged_ties([frame(rows[at : at + size])]) for at in range(0, len(rows), size)]
    cut, _ = merge_days(reversed(parts))
    one, two = (edges_of(ties, START + 100 * HOUR, NOBODY) for ties in (whole, cut))
    assert one.person_ids.to_list() == two.person_ids.to_list()
    for name in ("left", "right", "tie", "first_seen", "last_seen", "count", "tie_of_key"):
        assert getattr(one, name).tolist() == getattr(two, name).tolist()


def test_people_come_before_keys_and_referrers_are_people() -> None:
    ties = frame([("b", Tie.DEVICE, "web:1", 0, 2), ("b", Tie.REFERRAL, "c", 1, 1), ("b", Tie.IP, "web:1", 1, 3)])
    edges = edges_of(ties, START + HOUR, pl.Series(["a"]))
    assert edges.person_ids.to_list() == ["a", "b", "c"]
    assert list(zip(edges.left.tolist(), edges.right.tolist(), strict=True)) == [(1, 2), (1, 3), (1, 4)]
    assert edges.tie_of_key.tolist() == [Tie.DEVICE, Tie.IP]
    assert edges.limit_of_key.tolist() == [WEB_USERS_MAX, DEGREE_MAX]


def test_a_tie_that_was_not_seen_for_a_season_expires() -> None:
    ties = frame([("a", Tie.DEVICE, "x", 0, 1), ("b", Tie.DEVICE, "x", 1, 2)])
    edges = edges_of(ties, START + EXPIRY_DAYS * MICROS_PER_DAY + HOUR, NOBODY)
    assert (edges.person_ids.to_list(), edges.expired) == (["b"], 1)


def test_of_too_many_ties_the_newest_are_kept_and_the_others_counted() -> None:
    ties, left_out = merge_days([frame([("a", Tie.IP, f"k{at}", at, at) for at in range(9)])], limit=4)
    assert (ties["key"].to_list(), left_out) == (["k5", "k6", "k7", "k8"], 5)


def test_of_too_many_acts_the_latest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days_module, "ACTS_PER_DAY_MAX", 2)
    acts = pl.DataFrame({"user_id": ["a", "b", "c"], "act": ["x", "x", "x"], "bucket": [3, 1, 2]})
    assert merged_acts([acts])["bucket"].to_list() == [2, 3]


def test_every_id_that_our_client_read_is_a_device_and_no_other(tmp_path: Path) -> None:
    devices = [
        {"id": "AB-1", "kind": "idfv", "provenance": "client"},
        {"id": "Q", "kind": "install", "provenance": "client"},
        {"id": "00-0", "kind": "gaid", "provenance": "client"},
        {"id": "cd", "kind": "gaid", "provenance": "partner"},
    ]
    rows = [event(0, "u", devices=devices, device_key="idfv:ab-1"), event(1, "v", device_key="web:1")]
    ties = day_of(tmp_path, rows).ties
    assert ties.select("user_id", "key").rows() == [("u", "idfv:ab-1"), ("u", "install:Q"), ("v", "web:1")]
    assert sorted({key for row in rows for key in devices_of(row)}) == sorted(ties["key"].to_list())
