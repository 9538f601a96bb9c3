"""What the service recorded is appended to the log once, under the stamps that it had."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from features.events import Event, Outcome, instant_of, parse
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log, LogWriter, row_of, table_of
from features.windows import DAY, HOUR
from pipelines.export import append_recorded
from serving.database import open_database
from serving.knowledge import Clock, Knowledge
from serving.records import Unit, record

NOW = 20_000 * DAY


class Live:
    """A service without its doors: stamps and records what arrives."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.engine: Engine = open_database(self.home.records)

    def take(self, *sources: Event | Outcome) -> list[dict[str, Any]]:
        knowledge = Knowledge(Log(self.home.log), Clock.WALL, Lists.of_home(self.home))
        knowledge.rebuild(self.engine)
        rows = []
        for source in sources:
            rows.append(knowledge.stamp(source, NOW))
            with self.engine.begin() as connection:
                record(Unit(connection, NOW), rows[-1], source)
            knowledge.learn(rows[-1])
        return rows


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    live = Live(tmp_path)
    yield live
    live.engine.dispose()


def click(id_: str, at: int = NOW, **fields: Any) -> Event | Outcome:
    body = {"event_id": id_, "kind": "click", "user_id": "u", "occurred_at": instant_of(at)}
    return parse(body | fields)


def clean(id_: str, subject: str) -> Event | Outcome:
    return parse({"event_id": id_, "kind": "clean", "subject_event_id": subject, "occurred_at": instant_of(NOW)})


def test_a_home_that_never_served_has_nothing_to_append(tmp_path: Path) -> None:
    assert append_recorded(Home(tmp_path)) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_was_recorded_is_in_the_log_as_the_service_stamped_it(live: Live) -> None:
    rows = live.take(click("a"), clean("o", "a"), click("late", NOW - HOUR, extensions={"x": 1}), click("b"))
    assert append_recorded(live.home) == 4
    assert list(Log(live.home.log).rows()) == rows


def test_it_continues_the_log_and_appends_only_what_is_new(live: Live) -> None:
    old = row_of(click("old", NOW + HOUR // 60)) | {"recorded_at": NOW}
    LogWriter(live.home.log).append(table_of([old]))
    first = live.take(click("a"))
    assert append_recorded(live.home) == 1
    assert append_recorded(live.home) == 0
    second = live.take(click("b"), click("c"))
    assert append_recorded(live.home) == 2
    logged = list(Log(live.home.log).rows())
    assert logged[1:] == first + second
    assert [row["sequence"] for row in logged] == [1, 2, 3, 4]
    assert {row["as_of"] for row in logged} == {NOW + HOUR // 60}
