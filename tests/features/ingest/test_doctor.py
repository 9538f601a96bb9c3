"""Each planted fault is found, with its figures; a sound log has none."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.events import micros_of, parse
from features.ingest.doctor import Finding, Severity, doctor
from features.ingest.errors import IngestError
from features.ingest.leaks import column_auc
from features.log import LogWriter, row_of, table_of

START = datetime(2026, 3, 1, 7, 3, 11, tzinfo=UTC)
Body = dict[str, Any]


def sound(count: int = 400) -> list[Body]:
    """Sound events, every other of the first half bad, the newest half without outcomes yet."""
    bodies: list[Body] = []
    for number in range(count):
        when = START + timedelta(seconds=977 * number)
        event = {"event_id": f"e{number}", "kind": "click", "occurred_at": when, "user_id": f"u{number % 37}"}
        event |= {"campaign_id": f"c{number % 5}", "partner_id": f"p{number % 3}", "extensions": {"n": number % 11}}
        event["partner_transaction_id"] = f"t{number}"
        bodies.append(event)
        if number < count // 2:
            bodies.append(outcome(number, when + timedelta(hours=1 + number % 9), bad=number % 2 == 0))
    return bodies


def outcome(number: int, when: datetime, *, bad: bool) -> Body:
    body: Body = {"event_id": f"o{number}", "occurred_at": when, "subject_event_id": f"e{number}", "kind": "clean"}
    if bad:
        body |= {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "fraud"}
    return body


def examined(tmp_path: Path, bodies: Iterable[Body], *, late: timedelta = timedelta()) -> dict[str, list[Finding]]:
    rows = [row_of(parse(body)) for body in bodies]
    for row in rows:
        row["recorded_at"] = row["event_time"] + late // timedelta(microseconds=1)
    rows.sort(key=lambda row: row["recorded_at"])
    LogWriter(tmp_path / "log").append(table_of(rows))
    found: dict[str, list[Finding]] = {}
    for finding in doctor(tmp_path / "log"):
        found.setdefault(finding.name, []).append(finding)
    return found


def events_of(bodies: list[Body]) -> list[Body]:
    return [body for body in bodies if body["kind"] == "click"]


def test_a_sound_log_has_nothing_but_notes(tmp_path: Path) -> None:
    found = examined(tmp_path, sound())
    assert {finding.severity for findings in found.values() for finding in findings} == {Severity.NOTE}
    assert found["label coverage"][0].sentence == (
        "200 of 400 click events (50.0%) have an outcome: 100 clean, 100 reversal."
    )
    assert found["label delay"][0].sentence.startswith("Half of the clean outcomes came within 0.")
    assert "device_key" in found["absent entity"][0].sentence


def test_events_recorded_before_they_occurred_are_a_fault(tmp_path: Path) -> None:
    found = examined(tmp_path, sound(), late=timedelta(hours=-2))
    assert found["clock skew"][0].severity is Severity.FAULT
    assert "400 of 400 events (100.0%)" in found["clock skew"][0].sentence


def test_events_that_arrive_days_late_are_a_warning(tmp_path: Path) -> None:
    assert "400 of 400" in examined(tmp_path, sound(), late=timedelta(days=2))["late events"][0].sentence


@pytest.mark.parametrize(("step", "words"), [(86_400, "midnight"), (3600, "whole hours"), (60, "whole minutes")])
def test_rounded_times_are_seen_with_the_coarsest_step(tmp_path: Path, step: int, words: str) -> None:
    bodies = events_of(sound())
    for body in bodies:
        seconds = micros_of(body["occurred_at"]) // 1_000_000
        body["occurred_at"] = datetime.fromtimestamp(seconds - seconds % step, UTC)
    (finding,) = examined(tmp_path, bodies)["rounded times"]
    assert f"are at {words}" in finding.sentence


def test_repeated_keys_are_a_fault(tmp_path: Path) -> None:
    bodies = sound()
    again = events_of(bodies)[0] | {"event_id": "e1"}
    sentences = [finding.sentence for finding in examined(tmp_path, [*bodies, again])["duplicate keys"]]
    assert sentences == [
        "1 values of event_id are met more than once, in 2 rows; each should be one event.",
        "1 values of partner_transaction_id are met more than once, in 2 rows; each should be one event.",
    ]


def test_outcomes_before_or_without_their_event_are_found(tmp_path: Path) -> None:
    bodies = [*sound(), outcome(300, START, bad=True), outcome(9999, START, bad=True)]
    found = examined(tmp_path, bodies)
    assert found["outcome before event"][0].sentence.startswith("1 of 202 outcomes")
    assert found["outcome without event"][0].sentence.startswith("1 of 202 outcomes")


def test_a_log_without_outcomes_says_that_nothing_can_be_learned(tmp_path: Path) -> None:
    assert "nothing can be learned" in examined(tmp_path, events_of(sound()))["label coverage"][0].sentence


def test_a_column_whose_value_is_the_answer_leaks(tmp_path: Path) -> None:
    bodies = sound()
    for number, body in enumerate(events_of(bodies)):
        body["extensions"] = {"n": number % 11, "days_to_chargeback": 5 + number % 20 if number % 2 == 0 else 90}
    (finding,) = examined(tmp_path, bodies)["leak"]
    assert finding.sentence.startswith("extensions.days_to_chargeback alone tells bad from clean with an AUC of 1.000")


def test_a_column_filled_only_when_the_event_turned_out_well_leaks(tmp_path: Path) -> None:
    bodies = sound()
    for number, body in enumerate(events_of(bodies)):
        body["extensions"] = {"attributed": f"at {number}"} if number % 2 and number < 200 else {}
    names = [finding.sentence.split(" ", 1)[0] for finding in examined(tmp_path, bodies)["leak"]]
    assert names == ["extensions.attributed", "extensions.attributed"]


def test_a_column_filled_only_where_the_outcome_is_known_leaks(tmp_path: Path) -> None:
    bodies = sound()
    for body in events_of(bodies)[:200]:
        body["extensions"] = {"reviewed_by": "ann"}
    (finding,) = examined(tmp_path, bodies)["leak"]
    assert "filled in 100.0% of the events whose outcome is known, in 0.0% of the others" in finding.sentence


def test_a_constant_and_a_rare_entity_are_warned_of(tmp_path: Path) -> None:
    bodies = sound()
    for body in events_of(bodies):
        body["partner_id"] = "only"
    bodies[0]["ip"] = {"address": "203.0.113.7"}
    found = examined(tmp_path, bodies)
    assert found["constant entity"][0].sentence.startswith("partner_id is only in all 400 events")
    assert "ip_key is present in only 1 of 400 events" in found["absent entity"][0].sentence


def test_ids_that_are_met_once_do_not_betray_their_own_label() -> None:
    labels = np.arange(1000) % 2 == 0
    assert column_auc([f"id-{number}" for number in range(1000)], labels) == pytest.approx(0.5, abs=0.05)


def test_an_empty_folder_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="holds no event log"):
        doctor(tmp_path)


def test_a_row_of_another_century_is_a_leap_with_its_event_id(tmp_path: Path) -> None:
    stray = {"event_id": "stray", "kind": "click", "occurred_at": datetime(2099, 1, 1, 5, 6, 7, tzinfo=UTC)}
    (leap,) = examined(tmp_path, [*sound(), stray])["leap"]
    assert leap.severity is Severity.WARNING
    assert "stray of 2099-01-01 is 26," in leap.sentence
    assert "(0 rows after it)" in leap.sentence


@pytest.mark.parametrize(("days", "leaps"), [(31, 0), (32, 1)])
def test_a_leap_is_what_the_service_would_refuse(tmp_path: Path, days: int, leaps: int) -> None:
    last = sound()[-1]["occurred_at"]
    later = {"event_id": "later", "kind": "click", "occurred_at": last + timedelta(days=days)}
    assert len(examined(tmp_path, [*sound(), later]).get("leap", [])) == leaps
