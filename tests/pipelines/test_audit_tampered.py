"""Records that were tampered with: an audit finds each contradiction, and says on which decision."""

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from features.events import instant_of, parse
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log, is_outcome
from features.vector import FEATURES, VERSION
from features.windows import DAY, HOUR
from pipelines.audit import ALWAYS, audit
from pipelines.audited import Audit
from pipelines.cli_features import UNJUDGED_EXIT, app
from serving.database import open_database
from serving.knowledge import Clock, Knowledge
from serving.policy import load_policy
from serving.records import Unit, decision_id, packed, record, record_decision

NOW = 20_000 * DAY
POLICY = load_policy()
EVENTS = 6


def body(at: int) -> dict[str, Any]:
    what = {"event_id": f"e{at}", "kind": "click", "user_id": f"u{at % 2}", "occurred_at": instant_of(NOW + at)}
    return what | {"ip": {"address": "2001:db8::1"}, "devices": [{"id": "phone", "kind": "web"}]}


def outcome(at: int) -> dict[str, Any]:
    """It does not say whom it is about: that is the user of its subject."""
    return {"event_id": f"o{at}", "kind": "clean", "subject_event_id": f"e{at}", "occurred_at": instant_of(NOW + at)}


def decided(row: dict[str, Any], vector: bytes) -> dict[str, Any]:
    return {name: row[name] for name in ("event_id", "sequence", "kind", "user_id")} | {
        "decision_id": decision_id(row["event_id"]),
        "revision": 1,
        "action": "hold",
        "reason_codes": '["model_unavailable"]',
        "final": False,
        "model_version": "none",
        "policy_version": POLICY.version,
        "features_version": VERSION,
        "degraded": '["model"]',
        "decided_at": row["recorded_at"],
        "vector": vector,
        "contributions": "[]",
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """It decided on six clicks without a model, and heard of one outcome."""
    home = Home(tmp_path)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")
    engine = open_database(home.records)
    knowledge = Knowledge(Log(home.log), Clock.WALL, Lists.of_home(home))
    for at, source in enumerate(parse(said) for said in [*map(body, range(EVENTS)), outcome(0)]):
        row = knowledge.stamp(source, NOW + at)
        row["user_id"] = source.user_id or "u0"
        with engine.begin() as connection:
            unit = Unit(connection, NOW + at)
            record(unit, row, source)
            if not is_outcome(row):
                record_decision(unit, decided(row, packed(knowledge.vector(row))))
        knowledge.learn(row)
    engine.dispose()
    return home


def tampered(home: Home, *statements: str, of: str = "e3", **values: Any) -> Audit:
    """What an audit says after these statements on one event."""
    with sqlite3.connect(home.records) as connection:
        for statement in statements:
            assert connection.execute(statement + " WHERE event_id LIKE :of", values | {"of": of}).rowcount, (
                "nothing was tampered with"
            )
    connection.close()
    return audit(home, *ALWAYS)


def command(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["audit", *arguments])


ZEROS = packed(np.zeros(len(FEATURES)))
BODY = "the body is not the one that was hashed"


def test_what_was_not_tampered_with_is_clean_and_wholly_judged(home: Home) -> None:
    found = audit(home, *ALWAYS)
    assert (found.decisions, found.redecided, found.unjudged, found.is_clean) == (EVENTS, EVENTS, 0, True)
    assert command().exit_code == 0


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE event SET body = replace(body, 'u1', 'u7')", BODY),
        ("UPDATE event SET body = replace(body, 'phone', 'other')", BODY),
        ("UPDATE event SET body_hash = 'text'", BODY),
        ("UPDATE event SET body = replace(body, 'u1', 'u7')", "the event's user is not that of its body"),
        ("UPDATE event SET user_id = 'u7'", "the event's user is not that of its body"),
        ("UPDATE event SET body = '{'", "the body cannot be read"),
        ("UPDATE event SET body = '[]'", "the body cannot be read"),
        ("UPDATE event SET body = x'fffe7b007d00'", "the body cannot be read"),
        ("UPDATE event SET body = CAST(x'ff' AS TEXT)", "the body cannot be read"),
        ("UPDATE event SET event_time = event_time + 1", "the event's id or time is not that of its body"),
        ("DELETE FROM decision", "no decision"),
        ("UPDATE decision SET revision = 2", "no decision"),
        ("UPDATE decision SET decided_at = 0", "decided at another instant than the event arrived"),
        ("UPDATE event SET recorded_at = 4611686018427387904", "decided at another instant than the event arrived"),
        ("UPDATE decision SET kind = 'login'", "the decision's kind or user is not that of its event"),
        ("UPDATE decision SET user_id = 'u7'", "the decision's kind or user is not that of its event"),
        ("UPDATE decision SET model_version = '1', score = 'high'", "the score is not that of the model"),
        ("UPDATE decision SET model_version = '1'", "the score is not that of the model"),
        ("UPDATE decision SET score = 0.5", "the score is not that of the model"),
        ("UPDATE decision SET action = 'approve'", "the action is not that of the policy"),
        ("UPDATE decision SET reason_codes = '{'", "the action is not that of the policy"),
        (
            "UPDATE decision SET action = 'approve', reason_codes = '[\"budget_exhausted\"]'",
            "the action is not that of the policy",
        ),
        ("UPDATE decision SET vector = 'text'", "the vector cannot be read"),
        ("UPDATE decision SET vector = x'00'", "the vector cannot be read"),
        ("UPDATE decision SET vector = zeroblob(24)", "the vector cannot be read"),
    ],
)
def test_a_contradiction_is_found_and_named_with_its_decision(home: Home, statement: str, fault: str) -> None:
    found = tampered(home, statement)
    assert (decision_id("e3"), fault) in [(one.decision_id, one.what) for one in found.blamed]
    assert {one.decision_id for one in found.blamed} == {decision_id("e3")}
    assert not found.is_clean
    said = command()
    assert said.exit_code == 1
    assert decision_id("e3") in said.output


def test_an_outcome_is_about_the_user_of_its_subject(home: Home) -> None:
    found = tampered(home, "UPDATE event SET user_id = 'u1'", of="o0")
    assert found.faults == {"the event's user is not that of its body": 1}


def test_an_arrival_that_was_taken_away_with_its_decision_is_missing(home: Home) -> None:
    found = tampered(home, "DELETE FROM event", "DELETE FROM decision")
    assert (found.missing, found.is_clean) == (1, False)


def test_a_decision_whose_event_was_taken_away_is_lost(home: Home) -> None:
    found = tampered(home, "DELETE FROM event")
    assert (found.lost, found.missing) == (1, 1)


def test_bodies_that_nobody_can_read_end_no_audit(home: Home) -> None:
    assert tampered(home, "UPDATE event SET body = ''", of="%").faults == {"the body cannot be read": EVENTS + 1}


@pytest.mark.parametrize("elsewhere", [0, 2**62])
def test_a_vector_is_compared_whatever_instant_its_decision_names(home: Home, elsewhere: int) -> None:
    found = tampered(home, "UPDATE decision SET vector = :vector, decided_at = :at", vector=ZEROS, at=elsewhere)
    assert found.mismatches > 0
    with_event = tampered(home, "UPDATE event SET recorded_at = :at", at=elsewhere)
    assert with_event.mismatches > 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("UPDATE decision SET features_version = 'x', vector = zeroblob(8)", "features of another version"),
        ("UPDATE decision SET model_version = '77', score = 0.99", "a version of the model that cannot be had"),
        ("UPDATE decision SET policy_version = 'p', action = 'approve'", "another policy than today's"),
    ],
)
def test_what_cannot_be_judged_has_an_exit_code_of_its_own(home: Home, changed: str, told: str) -> None:
    found = tampered(home, changed)
    assert (found.unjudged, found.is_clean) == (1, True)
    said = command()
    assert said.exit_code == UNJUDGED_EXIT
    assert "not judged: 1 decisions" in said.output
    assert told in said.output
    assert command("--allow-unjudged").exit_code == 0


def test_a_review_for_want_of_money_is_left_to_the_book(home: Home) -> None:
    reasons = '["budget_exhausted", "model_unavailable"]'
    changed = "UPDATE decision SET action = 'review', reason_codes = :reasons"
    assert tampered(home, changed, reasons=reasons).is_clean


def test_only_what_arrived_in_the_asked_time_is_judged(home: Home) -> None:
    tampered(home, "DELETE FROM decision")
    assert audit(home, NOW + 4, NOW + HOUR).is_clean
    assert not audit(home, NOW + 3, NOW + 4).is_clean
