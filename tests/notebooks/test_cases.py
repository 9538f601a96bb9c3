"""The reviewers' notebook, run as a script on an empty home and on a small one whose records serving itself wrote."""

import asyncio
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from features.events import Disposition, Event, Outcome, instant_of, parse
from features.home import Home
from features.log import Log
from features.vector import FEATURES
from notebooks import answering, evidence, flagged
from serving.decision import Score
from serving.flows import record_outcome, score_event
from serving.parts import Parts, assemble
from serving.records import Unit, decision_id

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "cases.py"
NOW = 1_767_225_600_000_000
MINUTE = 60_000_000
REASONS = (("graph__device_users", 0.7), ("touch__tap_count", 0.2), ("event__hour_of_day", -0.1))


class Suspicious:
    """Finds everything that happens on the shared device suspicious."""

    version, target = "7", "fraud"

    def score(self, kind: str, vector: Any, explain_from: float) -> Score:
        shared = vector[FEATURES.index("graph__device_users")] > 0
        return Score(0.8, "fraud", "7", REASONS) if shared else Score(0.01, "fraud", "7")


def event(number: int, user: str, device: str) -> Event:
    body = {
        "event_id": f"e{number}",
        "occurred_at": instant_of(NOW + number * MINUTE).isoformat(),
        "kind": "task_completed",
        "user_id": user,
        "devices": [{"id": device, "kind": "web"}],
        "reward_micros": 1_250_000,
        "currency": "CNY",
    }
    found = parse(body)
    assert isinstance(found, Event)
    return found


EVENTS = (event(1, "ann", "1"), event(2, "bob", "1"), event(3, "cho", "2"), event(4, "dee", "1"))


def send(parts: Parts, number: int, record: Event | Outcome) -> None:
    with parts.engine.begin() as connection:
        unit = Unit(connection, NOW + number * MINUTE)
        if isinstance(record, Outcome):
            record_outcome(record, parts, unit)
        else:
            score_event(record, parts, unit)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Bob and Dee are flagged, on a phone that Ann used before them; Cho shares nothing with anybody."""
    home = Home(tmp_path / "home")
    parts = assemble(home)
    parts.fraud = Suspicious()  # type: ignore[assignment]  # as a model, it needs these three names only
    for number, one in enumerate(EVENTS, start=1):
        send(parts, number, one)
    parts.engine.dispose()
    return home


def test_runs_as_a_script_on_an_empty_home_and_writes_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"ASSAY_HOME": str(tmp_path / "nothing")}
    done = subprocess.run([sys.executable, str(NOTEBOOK)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_home_defines_an_empty_table(tmp_path: Path, run: Any) -> None:
    defined = run(Home(tmp_path / "nothing"))
    assert (defined["is_empty"], defined["table_rows"], defined["near"]) == (True, [], None)


@pytest.mark.parametrize("wanted_id", [decision_id("e9"), "d_`<iframe srcdoc=1>`"])
def test_an_id_is_shown_and_never_read_as_markup(home: Home, run: Any, wanted_id: str) -> None:
    parts = assemble(home)
    parts.fraud = Suspicious()  # type: ignore[assignment]  # as above
    send(parts, 9, event(9, "`<iframe srcdoc='<script>1</script>'>`", "1"))
    parts.engine.dispose()
    outputs = run(home, wanted_id=wanted_id)["outputs"]
    told = [one.text for one in outputs if hasattr(one, "text") and "<marimo-table" not in one.text]
    assert [text for text in told if "iframe" in text]
    # As it is, and as JSON that an element makes into markup.
    assert not [text for text in told if "<iframe" in text or "u003ciframe" in text]


def test_without_a_choice_the_table_lists_what_is_flagged_newest_first(home: Home, run: Any) -> None:
    defined = run(home)
    rows = defined["table_rows"]
    assert [(row["Person"], row["Status"], row["Score"]) for row in rows] == [
        ("dee", "waits for you", "80.0 %"),
        ("bob", "waits for you", "80.0 %"),
    ]
    assert rows[0]["Reward"] == "1.25 CNY"
    assert (defined["seen"], defined["whole"]) == (None, [])


def test_a_chosen_decision_shows_its_evidence_its_neighbours_as_of_then_and_its_answer(home: Home, run: Any) -> None:
    defined = run(home, wanted_id=decision_id("e2"))
    assert set(defined["near"]) == {"user:bob", "device:web:1", "user:ann"}, "dee came later, cho is tied to nobody"
    assert defined["fresh"] == {frozenset(("user:bob", "device:web:1"))}
    assert [one.name for one in defined["strongest"]] == ["graph__device_users", "touch__tap_count"]
    assert len(defined["whole"]) == len(FEATURES)
    assert [one.row["event_id"] for one in defined["happened"]] == ["e2"]
    assert defined["body"]["subject_event_id"] == "e2"
    assert defined["body"]["disposition"] == "genuine"


def test_a_person_s_answer_closes_the_case_and_shows_as_a_revision(home: Home, run: Any) -> None:
    parts = assemble(home)
    with flagged.read_only(home.records) as connection:
        waiting = flagged.revisions(connection, decision_id("e2"))[-1]
    answer = answering.outcome_of(waiting, Disposition.GENUINE, "Kim", NOW + 9 * MINUTE)
    send(parts, 9, Outcome.model_validate(answer))
    parts.engine.dispose()
    defined = run(home, wanted_id=decision_id("e2"))
    assert [(one.revision, one.action) for one in defined["history_of_decision"]] == [(1, "review"), (2, "approve")]
    assert [row["Person"] for row in defined["table_rows"]] == ["dee"], "only what waits, while anything waits"
    assert [one.row["kind"] for one in defined["happened"]] == ["disposition", "task_completed"]


def test_an_outcome_that_names_nobody_is_shown_with_the_person_of_its_event(home: Home) -> None:
    parts = assemble(home)
    body = {
        "event_id": "o1",
        "occurred_at": instant_of(NOW + 9 * MINUTE).isoformat(),
        "kind": "reversal",
        "subject_event_id": "e2",
        "reversal_kind": "advertiser_reversal",
        "reason": "fraud",
        "caused_by": "partner",
    }
    send(parts, 9, Outcome.model_validate(body))
    parts.engine.dispose()
    with flagged.read_only(home.records) as connection:
        happened = flagged.history(connection, Log(home.log), "bob")
    assert [one.row["event_id"] for one in happened] == ["o1", "e2"]


def listed(home: Home, **wanted: Any) -> list[str]:
    with flagged.read_only(home.records) as connection:
        return [row.user_id for row in flagged.flagged(connection, flagged.Wanted(**wanted))]


def test_filters_narrow_by_action_person_and_reason(home: Home) -> None:
    assert listed(home) == ["dee", "bob"]
    assert listed(home, user="bo") == ["bob"]
    assert listed(home, user="%") == []
    assert listed(home, action="decline") == []
    assert listed(home, reason="device_shared") == ["dee", "bob"]
    assert listed(home, reason="device") == []


def test_the_records_cannot_be_written_through_the_notebook_s_connection(home: Home) -> None:
    with flagged.read_only(home.records) as connection, pytest.raises(Exception, match="readonly"):
        connection.exec_driver_sql('DELETE FROM "case"')


def test_a_value_stands_among_the_known_others() -> None:
    others = np.array([1.0, 2.0, 2.0, 9.0, math.nan])
    high, low = evidence.standing(9.0, others), evidence.standing(0.5, others)
    assert high == evidence.Standing(0.75, 0.25, 4)
    assert high is not None
    assert high.in_words() == "higher than in 75%"
    assert low is not None
    assert low.in_words() == "lower than in 100%"
    assert evidence.standing(math.nan, others) is None
    assert evidence.standing(1.0, others[4:]) is None


def test_only_a_service_on_this_machine_is_ever_spoken_to() -> None:
    for address in ("http://127.0.0.1:3000", "http://localhost:3000", "http://[::1]:3000"):
        answering.Service(address)
    for address in (
        "http://example.com",
        "https://127.0.0.1",
        "http://10.0.0.1:3000",
        "http://127.0.0.1.example.com",
        "",
    ):
        with pytest.raises(ValueError, match="not on this machine"):
            answering.Service(address)


def test_nothing_known_where_nothing_answers() -> None:
    assert answering.Service("http://127.0.0.1:9").decision("d_1") is None


def test_an_answer_is_sent_as_it_is_shown_and_a_refusal_keeps_its_words() -> None:
    heard: list[bytes] = []

    async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        heard.append(head + await reader.readexactly(length))
        body = b'{"reversed_micros": 0}' if len(heard) == 1 else b'{"detail": "was used with another body"}'
        status = b"200 OK" if len(heard) == 1 else b"409 Conflict"
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body))
        await writer.drain()
        writer.close()

    async def story() -> None:
        async with await asyncio.start_server(told, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            service = answering.Service(f"http://127.0.0.1:{port}", key="k")
            assert await asyncio.to_thread(service.send, {"kind": "disposition"}) == {"reversed_micros": 0}
            with pytest.raises(ValueError, match="another body"):
                await asyncio.to_thread(service.send, {"kind": "disposition"})

    asyncio.run(story())
    assert b"Authorization: Bearer k" in heard[0]
    assert json.loads(heard[0].split(b"\r\n\r\n")[1]) == {"kind": "disposition"}


def test_the_command_survives_a_quote_in_a_name() -> None:
    done = subprocess.run(
        ["bash", "-c", "curl() { printf '%s' \"${@: -1}\"; }; " + answering.curl("http://x", {"reviewer": "O'Hara"})],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"reviewer": "O'Hara"}
