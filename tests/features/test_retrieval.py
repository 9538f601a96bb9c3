"""Point-in-time retrieval: rows in = rows out, nothing of the future, nothing that is dead."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import instant_of
from features.retrieval import retrieve
from features.store.history import Adding, Stamp
from features.store.registry import Registry
from features.store.settings import Settings
from features.store.shape import View
from features.windows import DAY, HOUR

AT = 1_772_000_000_000_000
WEEK, BRIEF = "user__count__7d", "user__count__1h"


def write(registry: Registry, view: View, values: dict[str, float], stamp: Stamp) -> None:
    with Adding(registry.history, stamp) as adding:
        adding.add(view, list(values), np.array([[value] * len(view.fields) for value in values.values()]))


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """u1 is 1 at AT, 2 at AT + 1 d (known two hours late), 3 at AT + 2 d; a later word on AT + 2 d says 4."""
    made = Registry(Settings(tmp_path_factory.mktemp("history")))
    made.apply()
    user, partner = made.views["user"], made.views["partner"]
    write(made, user, {"u1": 1.0, "u2": 10.0}, Stamp(AT, 1, AT))
    write(made, user, {"u1": 2.0}, Stamp(AT + DAY, 2, AT + DAY + 2 * HOUR))
    write(made, user, {"u1": 3.0}, Stamp(AT + 2 * DAY, 3, AT + 2 * DAY))
    write(made, user, {"u1": 4.0}, Stamp(AT + 2 * DAY, 4, AT + 2 * DAY + HOUR))
    write(made, partner, {"p1": 7.0}, Stamp(AT, 1, AT))
    return made


def ask(registry: Registry, rows: list[tuple[str | None, int]], feature: str = WEEK) -> list[float | None]:
    frame = pl.DataFrame(rows, schema={"user_id": pl.String, "as_of": pl.Int64}, orient="row")
    return retrieve(registry, frame, [feature], "as_of")[feature].to_list()


def test_the_newest_value_of_before_each_instant_is_found(registry: Registry) -> None:
    assert ask(registry, [("u1", AT - 1), ("u1", AT), ("u1", AT + DAY - 1), ("u2", AT + DAY)]) == [None, 1, 1, 10]


def test_a_value_is_seen_from_when_it_was_known_not_from_when_it_is_about(registry: Registry) -> None:
    known = AT + DAY + 2 * HOUR
    assert ask(registry, [("u1", AT + DAY), ("u1", known - 1), ("u1", known), ("u1", known + 1)]) == [1, 1, 2, 2]


def test_of_two_words_on_one_instant_the_later_one_counts_once_it_is_known(registry: Registry) -> None:
    at = AT + 2 * DAY
    assert ask(registry, [("u1", at), ("u1", at + HOUR - 1), ("u1", at + HOUR)]) == [3, 3, 4]


def test_rows_come_back_in_their_order_and_number_however_they_repeat(registry: Registry) -> None:
    rows = [("u1", AT), ("u2", AT), ("u1", AT), (None, AT), ("nobody", AT), ("u1", AT), ("u1", AT - 9)]
    assert ask(registry, rows) == [1, 10, 1, None, None, 1, None]


def test_a_value_that_is_too_old_is_null_and_its_row_stays(registry: Registry) -> None:
    far = AT + 400 * DAY
    assert ask(registry, [("u1", far), ("u2", AT)]) == [None, 10]
    # Each feature lives as long as its own window, not as long as the widest one of its view.
    assert ask(registry, [("u2", AT + HOUR), ("u2", AT + DAY)], BRIEF) == [10, None]
    assert ask(registry, [("u2", AT + DAY)], WEEK) == [10]


def test_time_zones_are_one_instant(registry: Registry) -> None:
    local = instant_of(AT + DAY + 2 * HOUR).astimezone(timezone(timedelta(hours=8)))
    for unit in ("us", "ms", "ns"):
        frame = pl.DataFrame(
            {"user_id": ["u1", "u1"], "at": [local, local - timedelta(milliseconds=1)]},
            schema_overrides={"at": pl.Datetime(unit, "Asia/Shanghai")},  # type: ignore[arg-type]  # one of three
        )
        assert retrieve(registry, frame, [WEEK], "at")[WEEK].to_list() == [2.0, 1.0]


def test_times_without_a_zone_are_refused(registry: Registry) -> None:
    naive = pl.DataFrame({"user_id": ["u1"], "at": [datetime(2026, 3, 1)]})  # noqa: DTZ001  # what is refused
    with pytest.raises(ValueError, match="time zone"):
        retrieve(registry, naive, [WEEK], "at")
    with pytest.raises(ValueError, match="every row"):
        ask(registry, [("u1", None)])  # type: ignore[list-item]  # what is refused


def test_entities_are_asked_side_by_side_and_other_columns_stay(registry: Registry) -> None:
    frame = pl.DataFrame(
        {"label": [True, None], "user_id": ["u1", "u2"], "partner_id": ["p1", None], "as_of": [AT, AT]}
    )
    answer = retrieve(registry, frame, ["partner__count__1d", WEEK], "as_of")
    assert answer.columns == [*frame.columns, "partner__count__1d", WEEK]
    assert answer.rows() == [(True, "u1", "p1", AT, 7.0, 1.0), (None, "u2", None, AT, None, 10.0)]


def test_a_view_without_any_history_is_null(registry: Registry) -> None:
    frame = pl.DataFrame({"user_id": ["u1"], "device_key": ["d"], "as_of": [AT]})
    answer = retrieve(registry, frame, [WEEK, "device__count__1d"], "as_of")
    assert answer.rows() == [("u1", "d", AT, 1.0, None)]
    nothing = frame.filter(pl.col("as_of") < 0)
    assert retrieve(registry, nothing, [WEEK], "as_of").shape == (0, 4)


def test_what_cannot_be_answered_is_named(registry: Registry) -> None:
    frame = pl.DataFrame({"user_id": ["u1"], "as_of": [AT], WEEK: [1.0]})
    with pytest.raises(ValueError, match="no view has the features nonsense"):
        retrieve(registry, frame, ["nonsense"], "as_of")
    with pytest.raises(ValueError, match="lacks the columns partner_id"):
        retrieve(registry, frame, ["partner__count__1d"], "as_of")
    with pytest.raises(ValueError, match=f"{WEEK} already"):
        retrieve(registry, frame, [WEEK], "as_of")


def test_missing_that_was_known_stays_apart_from_unknown(registry: Registry, tmp_path: Path) -> None:
    own = Registry(Settings(tmp_path))
    own.apply()
    write(own, own.views["user"], {"u1": float("nan")}, Stamp(AT, 1, AT))
    value, unknown = ask(own, [("u1", AT), ("u2", AT)])
    assert unknown is None
    assert value is not None
    assert np.isnan(value)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["u1", "u2", "u3", None]), st.integers(-HOUR, 3 * DAY)), max_size=30))
def test_no_instant_ever_sees_what_was_known_later(registry: Registry, asked: list[tuple[str | None, int]]) -> None:
    written = [("u1", 0, 0, 1.0), ("u2", 0, 0, 10.0), ("u1", DAY, DAY + 2 * HOUR, 2.0), ("u1", 2 * DAY, 2 * DAY, 3.0)]
    written.append(("u1", 2 * DAY, 2 * DAY + HOUR, 4.0))
    expected = []
    for who, when in asked:
        seen = [(about, known, value) for key, about, known, value in written if key == who and known <= when]
        expected.append(max(seen)[2] if seen else None)
    assert ask(registry, [(who, AT + when) for who, when in asked]) == expected


def test_partitions_and_entities_agree_on_a_thousand_rows(registry: Registry) -> None:
    rows = [(f"u{at % 4}", AT + at * HOUR // 10) for at in range(1_000)]
    together = ask(registry, rows)
    assert together == [one for at in range(0, 1_000, 250) for one in ask(registry, rows[at : at + 250])]
