"""Logged decisions are recomputed from the log: clean when nothing was lost, and every wrong cell is found."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, update
from typer.testing import CliRunner

from features.events import Event, Outcome, instant_of, parse
from features.holdback import hold_back
from features.home import Home
from features.ingest.ingest import ingest
from features.ingest.load import mapping_for
from features.intelligence.lists import Lists
from features.log import Log, LogWriter, is_outcome, record_of, row_of, table_of
from features.vector import FEATURES, VERSION
from features.windows import DAY, HOUR, MINUTE
from pipelines import audit as audits
from pipelines.audit import audit
from pipelines.audited import EXAMPLES_MAX, Audit, Fault
from pipelines.cli_features import app
from pipelines.export import append_recorded
from serving.database import open_database
from serving.knowledge import Clock, Knowledge
from serving.policy import load_policy
from serving.records import (
    DECISION,
    Unit,
    decision_id,
    decision_of_event,
    packed,
    record,
    record_decision,
    unpacked,
)

NOW = 20_000 * DAY
ALWAYS = (0, 2**62)
SERVED_MAX = 500
"""Real events that are decided on; those before them lie in the log."""


class Served:
    """A service without its doors and without a model: stamps, sees, records and learns what arrives."""

    def __init__(self, home: Home, clock: Clock = Clock.WALL) -> None:
        self.home, self.clock = home, clock
        self.engine: Engine = open_database(home.records)
        self.restart()

    def restart(self) -> None:
        self.knowledge = Knowledge(Log(self.home.log), self.clock, Lists.of_home(self.home))
        self.knowledge.rebuild(self.engine)

    def take(self, *sources: Event | Outcome, now: int = NOW) -> None:
        for source in sources:
            row = self.knowledge.stamp(source, now)
            with self.engine.begin() as connection:
                unit = Unit(connection, now)
                if isinstance(source, Outcome) and (subject := decision_of_event(unit, source.subject_event_id)):
                    row["user_id"] = source.user_id or subject.user_id
                record(unit, row, source)
                if not is_outcome(row):
                    record_decision(unit, decided(row, packed(self.knowledge.vector(row))))
            self.knowledge.learn(row)

    def tamper(self, event_id: str, **changed: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(DECISION).where(DECISION.c.event_id == event_id).values(**changed))

    def stored(self, event_id: str) -> np.ndarray[Any, Any]:
        with self.engine.connect() as connection:
            asked = DECISION.select().where(DECISION.c.event_id == event_id)
            return unpacked(connection.execute(asked).one().vector).copy()

    def audit(self, since: int = ALWAYS[0], until: int = ALWAYS[1]) -> Audit:
        return audit(self.home, since, until)


def decided(row: dict[str, Any], vector: bytes) -> dict[str, Any]:
    return {
        "decision_id": decision_id(row["event_id"]),
        "revision": 1,
        "event_id": row["event_id"],
        "sequence": row["sequence"],
        "kind": row["kind"],
        "user_id": row["user_id"],
        "action": "hold",
        "reason_codes": '["model_unavailable"]',
        "final": False,
        "model_version": "none",
        "policy_version": load_policy().version,
        "features_version": VERSION,
        "degraded": "[]",
        "decided_at": row["recorded_at"],
        "vector": vector,
        "contributions": "{}",
    }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose log holds an hour of clicks."""
    home = Home(tmp_path / "home")
    rows = [row_of(click(f"old-{at}", NOW - HOUR + at * MINUTE)) for at in range(50)]
    LogWriter(home.log).append(table_of([row | {"recorded_at": row["event_time"]} for row in rows]))
    return home


@pytest.fixture
def served(home: Home) -> Iterator[Served]:
    served = Served(home)
    yield served
    served.engine.dispose()


def click(id_: str, at: int = NOW, **fields: Any) -> Event | Outcome:
    body = {
        "event_id": id_,
        "kind": "click",
        "user_id": "u",
        "occurred_at": instant_of(at),
    }
    return parse(
        body
        | {
            "ip": {"address": "2001:db8::1"},
            "devices": [{"id": "phone", "kind": "web"}],
        }
        | fields
    )


def clean(id_: str, subject: str) -> Event | Outcome:
    return parse(
        {
            "event_id": id_,
            "kind": "clean",
            "subject_event_id": subject,
            "occurred_at": instant_of(NOW),
        }
    )


def stream(many: int) -> list[Event | Outcome]:
    """Every third is late, every fourth ties with the one before, and an outcome lies among them."""
    events = [click(f"e{at}", NOW - (at % 3) * HOUR + (at // 4) * MINUTE // 60) for at in range(many)]
    return [*events[: many // 2], clean("o", "e0"), *events[many // 2 :]]


def test_a_home_that_never_served_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has not served"):
        audit(Home(tmp_path), *ALWAYS)


def test_late_and_tied_events_with_a_restart_between_them_audit_clean(
    served: Served,
) -> None:
    events = stream(30)
    served.take(*events[:13])
    served.restart()
    served.take(*events[13:])
    found = served.audit()
    assert (found.decisions, found.cells, found.mismatches, found.lost) == (
        30,
        30 * len(FEATURES),
        0,
        0,
    )
    assert found.late == 20
    assert found.is_clean


def test_what_was_appended_to_the_log_meanwhile_is_read_once(served: Served) -> None:
    served.take(*stream(12))
    append_recorded(served.home)
    served.restart()
    served.take(click("after-1"), click("after-2", NOW - HOUR))
    found = served.audit()
    assert (found.decisions, found.is_clean, found.repeated) == (14, True, 0)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_the_size_of_the_pieces_changes_nothing(served: Served, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    served.take(*stream(20))
    whole = served.audit()
    monkeypatch.setattr(audits, "CHUNK", size)
    assert served.audit() == whole


def test_a_changed_cell_is_found_with_its_event_and_feature(served: Served) -> None:
    served.take(*stream(10))
    vector, at = served.stored("e7"), FEATURES.index("user__count__1h")
    right = float(vector[at])
    vector[at] += 1
    served.tamper("e7", vector=packed(vector))
    found = served.audit()
    assert (found.mismatches, found.differing["user__count__1h"], found.is_clean) == (
        1,
        1,
        False,
    )
    (example,) = found.examples
    assert (example.event_id, example.feature) == ("e7", "user__count__1h")
    assert (example.stored, example.computed) == (right + 1, right)


def test_a_missing_value_that_was_stored_as_a_number_is_found(served: Served) -> None:
    served.take(click("e"))
    vector = served.stored("e")
    missing = int(np.flatnonzero(np.isnan(vector))[0])
    vector[missing] = 0
    served.tamper("e", vector=packed(vector))
    assert served.audit().differing == {FEATURES[missing]: 1}


def test_examples_are_few_however_much_differs(served: Served) -> None:
    served.take(*stream(5))
    for at in range(5):
        served.tamper(f"e{at}", vector=packed(np.full(len(FEATURES), -7.5)))
    found = served.audit()
    assert found.mismatches == 5 * len(FEATURES)
    assert len(found.examples) == EXAMPLES_MAX


def test_a_decision_whose_event_did_not_arrive_where_it_says_is_lost(served: Served) -> None:
    served.take(*stream(5))
    served.tamper("e1", sequence=10_000)
    found = served.audit()
    assert (found.lost, found.mismatches, found.is_clean) == (1, 0, False)
    assert found.blamed == [Fault(decision_id("e1"), "its event did not arrive where it says")]


def test_features_of_another_version_are_counted_not_compared(served: Served) -> None:
    served.take(*stream(5))
    served.tamper("e1", features_version="another", vector=packed(np.zeros(3)))
    found = served.audit()
    assert (found.decisions, found.other_version, found.lost, found.is_clean) == (
        5,
        1,
        0,
        True,
    )
    assert found.unjudged == 1
    assert found.cells == 4 * len(FEATURES)


def test_an_id_that_the_log_holds_twice_is_counted(served: Served) -> None:
    served.take(click("old-3"), click("new"))
    found = served.audit()
    assert (found.decisions, found.repeated, found.is_clean) == (2, 1, True)


def test_only_decisions_of_the_asked_time_are_compared(served: Served) -> None:
    served.take(click("a", NOW), now=NOW)
    served.take(click("b", NOW + HOUR), now=NOW + HOUR)
    served.take(click("c", NOW + 2 * HOUR), now=NOW + 2 * HOUR)
    served.tamper("a", vector=packed(np.zeros(len(FEATURES))))
    assert served.audit(NOW + HOUR, NOW + 2 * HOUR).decisions == 1
    assert served.audit(NOW + HOUR).is_clean
    assert served.audit(NOW + 3 * HOUR) == Audit()
    assert not served.audit().is_clean


def test_the_command_says_what_it_found_and_fails_when_a_cell_differs(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(served.home.root))
    monkeypatch.setenv("COLUMNS", "400")
    served.take(*stream(6))
    assert command().exit_code == 0
    assert f"6 decisions, {6 * len(FEATURES):,} cells compared, 0 differ; 4 late events" in command().output
    served.tamper("e3", vector=packed(np.zeros(len(FEATURES))))
    failed = command()
    assert failed.exit_code == 1
    assert "user__count__1h" in failed.output
    assert "e3" in failed.output
    assert command("--from", "2200-01-01").exit_code == 0


def test_an_audit_that_could_compare_nothing_says_so_and_how_to(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(served.home.root))
    served.take(*stream(2))
    served.tamper("e0", features_version="another")
    assert "NOTHING WAS COMPARED" not in command().output
    served.tamper("e1", features_version="another")
    answer = command()
    assert answer.exit_code == 4
    assert "NOTHING WAS COMPARED: audit with the code and the packages of features that decided" in answer.output


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["audit", *arguments])


@pytest.mark.data
def test_real_payments_audit_clean_over_a_restart(first_rows: Callable[[str, int], Path], tmp_path: Path) -> None:
    """Clicks and purchases are audited after a journey over HTTP, in `tests/journeys`."""
    home = Home(tmp_path / "home")
    ingest(*mapping_for(first_rows("handbook", 8_000)), home.log)
    hold_back(Log(home.log), home.held_back, SERVED_MAX)
    served = Served(home, Clock.EVENTS)
    for at, row in enumerate(Log(home.held_back).rows()):
        served.take(record_of(row), now=2**60)
        if at == SERVED_MAX // 2:
            served.restart()
    found = served.audit()
    served.engine.dispose()
    assert (found.decisions, found.mismatches, found.lost) == (SERVED_MAX, 0, 0)
    assert found.cells == SERVED_MAX * len(FEATURES)
