"""The writer: everybody gets their own answer, after the commit; nobody is refused or lost for another's sake."""

import asyncio
import json
import math
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from features.events import Event, Outcome, parse
from features.log import row_of
from serving import records
from serving.database import open_database, reading
from serving.problems import Problem
from serving.records import SHARED_COMMIT_MAX, Unit, Writer, body_hash, is_known, packed, record, unpacked

NOW = 1_000_000
BODY = {"event_id": "e", "kind": "click", "occurred_at": "2026-03-01T12:00:00Z", "user_id": "u"}


class Refused(Exception):  # noqa: N818  # what a rule says no to
    pass


class Desk:
    """A writer on a small table, and the memory of what it learned; it counts commits and rebuildings."""

    sequence = 0
    disk_is_well = True

    def __init__(self, folder: Path) -> None:
        self.engine = open_database(folder / "records.db")
        self.commits = self.rebuilt = 0
        with self.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE note (text TEXT PRIMARY KEY)")
            # Checked at the commit only: the way in which a commit, and nothing before it, can fail.
            connection.exec_driver_sql(
                "CREATE TABLE late (text TEXT REFERENCES note (text) DEFERRABLE INITIALLY DEFERRED)"
            )
        event.listen(self.engine, "commit", self._committed)
        self.writer = Writer(self.engine, lambda: NOW, self)

    def _committed(self, _: object) -> None:
        self.commits += 1

    def rebuild(self, engine: Engine) -> None:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT text FROM note")
        if not self.disk_is_well:
            raise OSError("the log cannot be read")
        self.sequence, self.rebuilt = 0, self.rebuilt + 1

    def learns(self, work: Callable[[Unit], Any]) -> Callable[[Unit], Any]:
        """The same work, after which something is remembered."""

        def learning(unit: Unit) -> Any:
            result = work(unit)
            self.sequence += 1
            return result

        return learning

    def notes(self) -> set[str]:
        with reading(self.engine) as connection:
            return set(connection.exec_driver_sql("SELECT text FROM note").scalars())

    def together(self, *works: Callable[[Unit], Any]) -> list[Any]:
        """Let all wait before the writer begins, so that they share a commit; results or errors, in their order."""

        async def run() -> list[Any]:
            waiting = [asyncio.ensure_future(self.writer.do(work)) for work in works]
            await asyncio.sleep(0)
            self.writer.start()
            return await asyncio.gather(*waiting, return_exceptions=True)

        return asyncio.run(run())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    if desk.writer._thread.is_alive():
        desk.writer.stop()
    desk.engine.dispose()


def note(text: str, *, then: Exception | None = None, into: str = "note") -> Callable[[Unit], str]:
    def work(unit: Unit) -> str:
        unit.connection.exec_driver_sql(f"INSERT INTO {into} VALUES (?)", (text,))  # noqa: S608  # two names of ours
        if then is not None:
            raise then
        return text

    return work


def test_those_who_wait_together_share_a_commit_and_get_their_own_results_in_order(desk: Desk) -> None:
    order: list[int] = []

    def work(at: int) -> Callable[[Unit], int]:
        return lambda _: order.append(at) or at  # type: ignore[func-returns-value]  # both in one expression

    assert desk.together(*map(work, range(SHARED_COMMIT_MAX + 1))) == list(range(SHARED_COMMIT_MAX + 1))
    assert order == list(range(SHARED_COMMIT_MAX + 1))
    assert desk.commits == 2


def test_nobody_is_answered_before_the_commit(desk: Desk) -> None:
    desk.writer.start()
    assert desk.writer.do_now(note("a")) == "a"
    assert desk.notes() == {"a"}


def test_the_work_is_given_the_instant_of_the_clock(desk: Desk) -> None:
    desk.writer.start()
    assert desk.writer.do_now(lambda unit: unit.now) == NOW


def test_one_that_fails_in_a_shared_commit_takes_only_its_own_writes_with_it(desk: Desk) -> None:
    a, error, b = desk.together(note("a"), note("bad", then=Refused()), note("b"))
    assert (a, b, type(error)) == ("a", "b", Refused)
    assert desk.notes() == {"a", "b"}
    assert (desk.commits, desk.rebuilt) == (1, 0)


def test_one_that_fails_alone_is_rolled_back_and_the_next_is_served(desk: Desk) -> None:
    desk.writer.start()
    with pytest.raises(Refused):
        desk.writer.do_now(note("bad", then=Refused()))
    assert desk.writer.do_now(note("good")) == "good"
    assert desk.notes() == {"good"}
    assert desk.rebuilt == 0


def test_a_commit_that_fails_is_told_to_all_who_shared_it(desk: Desk) -> None:
    answers = desk.together(note("a"), note("nowhere", into="late"), note("b"))
    assert [answer.status for answer in answers] == [503] * 3
    assert all(answer.body.retry for answer in answers)
    assert desk.notes() == set()
    assert desk.writer.do_now(note("a")) == "a"
    assert desk.notes() == {"a"}


def test_nothing_is_rebuilt_where_nothing_was_learned(desk: Desk) -> None:
    desk.writer.start()
    with pytest.raises(Problem):
        desk.writer.do_now(note("nowhere", into="late"))
    assert desk.writer.do_now(note("good")) == "good"
    assert desk.rebuilt == 0


def test_what_was_learned_of_a_failed_commit_is_forgotten_before_the_next_is_served(desk: Desk) -> None:
    desk.writer.start()
    with pytest.raises(Problem):
        desk.writer.do_now(desk.learns(note("nowhere", into="late")))
    assert (desk.sequence, desk.writer.is_well) == (1, False)
    assert desk.writer.do_now(lambda _: desk.sequence) == 0
    assert (desk.rebuilt, desk.writer.is_well) == (1, True)


def test_a_memory_that_cannot_be_rebuilt_refuses_until_it_can(desk: Desk) -> None:
    desk.writer.start()
    desk.disk_is_well = False
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            desk.writer.do_now(desk.learns(note("nowhere", into="late")))
        assert (refused.value.status, desk.writer.is_well) == (503, False)
    desk.disk_is_well = True
    assert desk.writer.do_now(note("good")) == "good"
    assert (desk.notes(), desk.rebuilt) == ({"good"}, 1)


def test_stopping_finishes_what_waits(desk: Desk) -> None:
    async def run() -> list[str]:
        waiting = [asyncio.ensure_future(desk.writer.do(note(str(at)))) for at in range(3 * SHARED_COMMIT_MAX)]
        await asyncio.sleep(0)
        desk.writer.start()
        await asyncio.to_thread(desk.writer.stop)
        return await asyncio.gather(*waiting)

    texts = asyncio.run(run())
    assert desk.notes() == set(texts) == {str(at) for at in range(3 * SHARED_COMMIT_MAX)}
    assert not desk.writer._thread.is_alive()


def test_one_that_no_longer_waits_harms_nobody(desk: Desk) -> None:
    complaints: list[dict[str, Any]] = []

    async def run() -> str:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        gone = asyncio.ensure_future(desk.writer.do(note("a")))
        stays = asyncio.ensure_future(desk.writer.do(note("b")))
        await asyncio.sleep(0)
        gone.cancel()
        desk.writer.start()
        return await stays

    assert asyncio.run(run()) == "b"
    assert complaints == []
    assert desk.notes() == {"a", "b"}


def test_too_many_waiting_are_asked_to_come_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "WAITING_MAX", 2)
    writer = Writer(desk.engine, lambda: NOW, desk)
    for _ in range(2):
        writer._enqueue(records._Job(note("a"), lambda *_: None))
    with pytest.raises(Problem) as refused:
        writer.do_now(note("b"))
    assert refused.value.status == 503
    assert refused.value.body.retry
    assert refused.value.headers()["retry-after"] == "1"


def test_one_thread_does_all_the_writing(desk: Desk) -> None:
    desk.writer.start()
    names = {desk.writer.do_now(lambda _: threading.current_thread().name) for _ in range(3)}
    assert names == {"assay-writer"}


def recorded(engine: Engine, source: Event | Outcome) -> None:
    with engine.begin() as connection:
        stamps = {"sequence": 1, "as_of": source.event_time, "recorded_at": NOW}
        record(Unit(connection, NOW), row_of(source) | stamps, source)


def known(engine: Engine, source: Event | Outcome) -> bool:
    with reading(engine) as connection:
        return is_known(Unit(connection, NOW), source, "[3].event_id")


def test_the_same_id_with_the_same_body_is_known_and_with_another_a_conflict(desk: Desk) -> None:
    assert not known(desk.engine, parse(BODY))
    recorded(desk.engine, parse(BODY))
    assert known(desk.engine, parse(dict(reversed(BODY.items()))))
    assert not known(desk.engine, parse(BODY | {"event_id": "other"}))
    with pytest.raises(Problem) as refused:
        known(desk.engine, parse(BODY | {"user_id": "v"}))
    assert (refused.value.status, refused.value.body.errors[0].field) == (409, "[3].event_id")


def test_an_outcome_cannot_take_the_id_of_an_event(desk: Desk) -> None:
    recorded(desk.engine, parse(BODY))
    with pytest.raises(Problem):
        known(desk.engine, parse({**BODY, "kind": "clean", "subject_event_id": "s"}))


def test_what_was_recorded_comes_back_as_it_was(desk: Desk) -> None:
    source = parse(BODY | {"extensions": {"b": 1, "a": "ä"}, "reward_micros": 7, "currency": "CNY"})
    recorded(desk.engine, source)
    with reading(desk.engine) as connection:
        assert records.source_of(Unit(connection, NOW), "e") == source
        (found,) = records.recorded_after(connection, 0)
        assert parse(json.loads(found.body)) == source
        assert records.recorded_after(connection, 1) == []


@given(st.permutations(list(BODY)), st.sampled_from([None, 1, 4]))
def test_the_hash_of_a_body_ignores_how_it_was_written(names: list[str], indent: int | None) -> None:
    defaults = {"schema_version": 1, "devices": [], "task_id": None}
    own = {"extensions": dict.fromkeys(names, "x")}
    text = json.dumps({name: BODY[name] for name in names} | defaults | own, indent=indent)
    assert body_hash(Event.model_validate_json(text)) == body_hash(
        parse(BODY | {"extensions": dict.fromkeys(BODY, "x")})
    )


@pytest.mark.parametrize(
    "change",
    [{"user_id": "v"}, {"occurred_at": "2026-03-01T12:00:00.000001Z"}, {"kind": "login"}, {"extensions": {"a": 1}}],
)
def test_the_hash_of_a_body_changes_with_what_it_says(change: dict[str, Any]) -> None:
    assert body_hash(parse(BODY | change)) != body_hash(parse(BODY))


def test_only_what_a_body_says_is_kept_so_that_fields_of_a_later_release_change_no_hash() -> None:
    assert json.loads(records.canonical(parse(BODY))) == BODY


@given(st.lists(st.floats(width=64)))
def test_a_vector_is_kept_to_the_last_bit(values: list[float]) -> None:
    vector = np.array(values, dtype=np.float64)
    back = unpacked(packed(vector))
    assert back.dtype == np.float64
    assert back.tobytes() == vector.tobytes()


def test_a_kept_vector_is_little_endian_on_every_machine() -> None:
    assert packed(np.array([1.0, math.nan], dtype=">f8"))[:8] == b"\x00\x00\x00\x00\x00\x00\xf0\x3f"


def test_the_id_of_a_decision_follows_from_its_event_and_does_not_tell_it() -> None:
    assert records.decision_id("e-1") == records.decision_id("e-1")
    assert records.decision_id("e-1") != records.decision_id("e-2")
    assert "e-1" not in records.decision_id("e-1")
