"""What the service knows: stamps in the order of arrival, and the same state however it was reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from features.events import Event, Outcome, instant_of
from features.intelligence.lists import Lists
from features.log import Log, LogWriter, Row, row_of, table_of
from features.vector import FEATURES
from features.windows import DAY, HOUR, MINUTE
from serving import records
from serving.database import open_database
from serving.knowledge import AHEAD_MAX, EARLY_MAX, LEAP_MAX, Clock, Knowledge, rows_of
from serving.problems import Problem
from serving.records import Unit

NOW = 20_000 * DAY
COUNT = FEATURES.index("user__count__1d")


def event(number: int, at: int = NOW, **fields: Any) -> Event:
    body = {"event_id": f"e{number}", "kind": "click", "user_id": f"u{number % 3}", "campaign_id": "c"}
    devices = [{"id": f"phone{number % 2}", "kind": "install"}]
    return Event.model_validate(
        body | {"occurred_at": instant_of(at), "ip": {"address": f"10.0.{number}.1"}, "devices": devices} | fields
    )


def outcome(number: int, at: int = NOW) -> Outcome:
    body = {"event_id": f"o{number}", "kind": "clean", "subject_event_id": f"e{number}", "user_id": "u0"}
    return Outcome.model_validate(body | {"occurred_at": instant_of(at)})


@dataclass
class Service:
    """A log, records, and what is known of them."""

    folder: Path
    engine: Engine
    clock: Clock = Clock.WALL

    def __post_init__(self) -> None:
        self.knowledge = self.rebuilt()

    def rebuilt(self) -> Knowledge:
        made = Knowledge(Log(self.folder / "log"), self.clock, Lists(self.folder / "lists"))
        made.rebuild(self.engine)
        return made

    def take(self, source: Event | Outcome, now: int = NOW) -> Row:
        """Stamp, record and learn."""
        row = self.knowledge.stamp(source, now)
        with self.engine.begin() as connection:
            records.record(Unit(connection, now), row, source)
        self.knowledge.learn(row)
        return row

    def log(self, *sources: Event | Outcome) -> Knowledge:
        """Write a log, and begin anew from it."""
        rows = [row_of(source) | {"recorded_at": source.event_time} for source in sources]
        LogWriter(self.folder / "log").append(table_of(rows))
        self.knowledge = self.rebuilt()
        return self.knowledge


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    engine = open_database(tmp_path / "records.db")
    yield Service(tmp_path, engine)
    engine.dispose()


@pytest.fixture
def replayed(tmp_path: Path) -> Iterator[Service]:
    """The same on the clock of the events."""
    engine = open_database(tmp_path / "replayed.db")
    yield Service(tmp_path / "replayed", engine, Clock.EVENTS)
    engine.dispose()


def views(knowledge: Knowledge) -> np.ndarray[Any, Any]:
    """The vectors that the next events of several people would get."""
    now = knowledge.as_of or NOW
    probes = [event(100 + number, now, ip={"address": f"10.0.{number}.1"}) for number in range(6)]
    return np.array([knowledge.vector(knowledge.stamp(probe, now)) for probe in probes])


def assert_same(one: Knowledge, other: Knowledge) -> None:
    assert (one.sequence, one.as_of) == (other.sequence, other.as_of)
    np.testing.assert_array_equal(views(one), views(other))


def test_stamps_count_arrivals_and_as_of_never_falls(service: Service) -> None:
    times = [NOW, NOW + MINUTE, NOW - HOUR, NOW + MINUTE]
    rows = [service.take(event(number, at)) for number, at in enumerate(times)]
    assert [row["sequence"] for row in rows] == [1, 2, 3, 4]
    assert [row["as_of"] for row in rows] == [NOW, NOW + MINUTE, NOW + MINUTE, NOW + MINUTE]
    assert [row["event_time"] for row in rows] == times
    assert {row["recorded_at"] for row in rows} == {NOW}


def test_an_outcome_is_stamped_in_the_same_order_and_learned_by_no_window(service: Service) -> None:
    service.take(event(0))
    before = views(service.knowledge)
    assert service.take(outcome(0))["sequence"] == 2
    np.testing.assert_array_equal(views(service.knowledge), before)
    assert service.take(event(3))["sequence"] == 3


def test_a_late_event_counts_although_it_does_not_move_time(service: Service) -> None:
    service.take(event(0))
    service.take(event(3, NOW - 2 * HOUR))
    assert service.knowledge.vector(service.knowledge.stamp(event(6), NOW))[COUNT] == 2


def test_nothing_is_learned_of_an_event_before_its_own_vector(service: Service) -> None:
    row = service.knowledge.stamp(event(0), NOW)
    assert service.knowledge.vector(row)[COUNT] == 0
    assert service.knowledge.vector(row)[COUNT] == 0


@pytest.mark.parametrize("at", [NOW - EARLY_MAX, NOW, NOW + AHEAD_MAX])
def test_the_wall_takes_what_lies_within_its_bounds(service: Service, at: int) -> None:
    assert (EARLY_MAX, AHEAD_MAX) == (24 * HOUR, 5 * MINUTE)
    assert service.knowledge.stamp(event(0, at), NOW)["event_time"] == at


@pytest.mark.parametrize(("at", "words"), [(NOW - EARLY_MAX - 1, "24 hours"), (NOW + AHEAD_MAX + 1, "future")])
def test_the_wall_refuses_what_lies_one_microsecond_beyond(service: Service, at: int, words: str) -> None:
    service.take(event(0))
    for source in (event(1, at), outcome(1, at)):
        with pytest.raises(Problem, match="Correct occurred_at") as refused:
            service.knowledge.stamp(source, NOW)
        assert refused.value.status == 422
        assert words in refused.value.body.errors[0].message


def test_a_refused_event_advances_nothing(service: Service) -> None:
    service.take(event(0))
    before, state = views(service.knowledge), (service.knowledge.sequence, service.knowledge.as_of)
    service.knowledge.take_changes(100)
    with pytest.raises(Problem):
        service.knowledge.stamp(event(1, NOW + DAY), NOW)
    service.knowledge.stamp(event(2), NOW)  # stamped, but refused by somebody later
    assert (service.knowledge.sequence, service.knowledge.as_of) == state
    assert service.knowledge.take_changes(100) == []
    np.testing.assert_array_equal(views(service.knowledge), before)


def test_on_the_clock_of_events_history_is_not_late_and_is_received_as_it_occurs(replayed: Service) -> None:
    long_ago = NOW - 1000 * DAY
    assert replayed.take(event(0, long_ago))["recorded_at"] == long_ago
    assert replayed.take(event(1, long_ago - HOUR))["recorded_at"] == long_ago
    assert replayed.take(event(2, long_ago + 30 * DAY))["recorded_at"] == long_ago + 30 * DAY


def test_on_the_clock_of_events_lateness_is_measured_against_the_newest(replayed: Service) -> None:
    newest = NOW - 1000 * DAY
    replayed.take(event(0, newest))
    replayed.take(event(1, newest - EARLY_MAX))
    with pytest.raises(Problem, match="occurred_at"):
        replayed.knowledge.stamp(event(2, newest - EARLY_MAX - 1), NOW)
    with pytest.raises(Problem, match="occurred_at"):
        replayed.knowledge.stamp(event(2, newest + LEAP_MAX + 1), NOW)


def test_a_replay_that_has_caught_up_is_judged_by_the_wall(replayed: Service) -> None:
    replayed.take(event(0, NOW - DAY))
    with pytest.raises(Problem, match="occurred_at"):
        replayed.knowledge.stamp(event(1, NOW + AHEAD_MAX + 1), NOW)


STORIES: dict[str, Callable[[Service], object]] = {
    "nothing": lambda _: None,
    "log only": lambda service: service.log(event(0, NOW - HOUR), event(1)),
    "records only": lambda service: [service.take(event(0)), service.take(outcome(0)), service.take(event(1))],
    "log, then late, new and outcome": lambda service: [
        service.log(event(0, NOW - 2 * DAY), outcome(0, NOW - DAY), event(3, NOW - HOUR)),
        service.take(event(6, NOW - 3 * HOUR)),
        service.take(event(4, NOW + MINUTE)),
        service.take(outcome(4)),
        service.take(event(9, NOW - MINUTE)),
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_rebuilding_from_log_and_records_gives_the_running_state(service: Service, story: str) -> None:
    STORIES[story](service)
    assert_same(service.rebuilt(), service.knowledge)


def test_a_rebuild_drops_what_was_learned_but_never_recorded(service: Service) -> None:
    service.take(event(0))
    service.knowledge.learn(service.knowledge.stamp(event(1, NOW + MINUTE), NOW))
    assert service.knowledge.sequence == 2
    service.knowledge.rebuild(service.engine)
    assert (service.knowledge.sequence, service.knowledge.as_of) == (1, NOW)
    assert_same(service.knowledge, service.rebuilt())


def test_what_was_recorded_comes_back_as_rows_of_the_log(service: Service) -> None:
    rows = [service.take(source) for source in (event(0), outcome(0), event(1, NOW - HOUR))]
    with service.engine.begin() as connection:
        assert rows_of(records.recorded_after(connection, 0)) == rows


def test_changes_are_taken_in_bounded_portions_and_each_once(service: Service) -> None:
    for number in range(4):
        service.take(event(number))
    service.take(outcome(0))
    keys = {("user_id", f"u{number}") for number in range(3)}
    keys |= {("device_key", f"install:phone{number}") for number in range(2)}
    keys |= {("ip_key", f"10.0.{number}.1") for number in range(4)}
    keys |= {("network_key", f"10.0.{number}.0/24") for number in range(4)}
    taken = []
    while portion := service.knowledge.take_changes(3):
        assert len(portion) <= 3
        taken += [(str(change.entity), change.key) for change in portion]
    assert len(taken) == len(set(taken))
    assert set(taken) == keys | {("campaign_id", "c")}


def test_a_change_carries_the_values_of_now_and_comes_again_when_it_changes_again(service: Service) -> None:
    service.take(event(0))
    first = {change.key: change for change in service.knowledge.take_changes(100)}
    service.take(event(3, NOW + MINUTE))
    again = {change.key: change for change in service.knowledge.take_changes(100)}
    assert (first["u0"].values[0], again["u0"].values[0]) == (1, 2)
    assert again["u0"].as_of == NOW + MINUTE
    assert "10.0.0.1" not in again


def test_a_rebuild_has_nothing_to_write_behind(service: Service) -> None:
    service.take(event(0))
    assert service.rebuilt().take_changes(100) == []
