"""From a decision back to the data that its model was made from."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.events import Event, Outcome, instant_of
from features.home import Home
from features.log import recorded_now
from pipelines.console import UserError, out
from pipelines.lineage import Lineage, lineage_of
from pipelines.shown_lineage import show_json, show_lineage
from serving.flows import record_outcome, score_event
from serving.parts import assemble
from serving.policy import HOUR
from training import registry

Serve = Callable[[Home], AbstractContextManager[httpx.Client]]


def test_a_decision_leads_to_the_frame_that_its_model_learned_from(
    home: Home, served: Serve, event: Callable[..., dict[str, Any]]
) -> None:
    body = event()
    with served(home) as client:
        client.post("/v1/score/event", json=body).raise_for_status()
    lineage = lineage_of(home, body["event_id"])
    assert lineage.decision["model_version"] == "1"
    judged, trained = lineage.steps
    assert judged["inputs"]["policy"] == lineage.decision["policy_version"]
    assert trained["inputs"]["frame"]
    assert trained["inputs"]["settings_changed"]["rule_above"] == "1.0"
    assert "features" not in trained["inputs"]["settings_changed"]
    with out.capture() as shown:
        show_lineage(lineage)
    assert body["event_id"] in shown.get().replace("\n", "")
    assert "train" in shown.get()
    assert lineage.model is not None
    assert lineage.model.run_id in shown.get()
    assert "the first model of this home" in " ".join(shown.get().replace("│", "").split())
    assert [act.what for act in lineage.model.acts] == ["champion"]


def test_an_event_that_nobody_decided_is_refused(home: Home) -> None:
    with pytest.raises(UserError, match="decided nothing yet"):
        lineage_of(home, "nowhere")


KNOWN = registry.Known(
    "run1", "refused", "too few; too [late]", (registry.Act("champion", "Li", "better", 0, forced=True),)
)
DECIDED = {"event_id": "e1", "action": "hold", "decided_at": 1_000_000, "revision": 1, "score": 0.5}
VERSIONS = {"policy_version": "p", "features_version": "f", "model_version": "2"}
INPUTS = {"as_of": 86_400_000_000, "frame": {f"{at}.parquet": f"{at:064}" for at in range(30)}, "settings": "Spec(...)"}
STEP = {"step": "train", "files": {"a": "1", "b": "2"}, "inputs": {**INPUTS, "settings_changed": {"rule_above": "1.0"}}}


def test_a_tree_counts_files_and_tells_who_promoted_why_and_when() -> None:
    with out.capture() as shown:
        show_lineage(Lineage(DECIDED | VERSIONS, (STEP,), KNOWN))
    told = " ".join(shown.get().replace("│", "").split())
    assert "frame: 30 files, digest over them" in told
    assert "as of: 1970-01-02 00:00:00" in told
    assert "promoted by Li at 1970-01-01 00:00:00, forced: better" in told
    assert "gate: refused ├── too few └── too [late]" in told
    assert "differ from the defaults: rule_above = 1.0" in told
    assert "Spec(" not in told
    assert "parquet" not in told


def test_a_revision_says_that_a_person_caused_it_when_and_by_what(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    parts = assemble(home)
    parts.writer.start()
    body = {"event_id": "e1", "kind": "ad_viewed", "user_id": "u1", "occurred_at": instant_of(recorded_now())}
    event = Event.model_validate(body | {"currency": "CNY", "reward_micros": 10_000, "revenue_micros": 50_000})
    decided = parts.writer.do_now(lambda unit: score_event(event, parts, unit))
    answer = {"kind": "disposition", "subject_event_id": "e1", "disposition": "fraud", "caused_by": "person"}
    said = Outcome.model_validate(answer | {"event_id": "o1", "occurred_at": instant_of(recorded_now())})
    parts.writer.do_now(lambda unit: record_outcome(said, parts, unit))
    parts.writer.stop()
    parts.engine.dispose()
    lineage = lineage_of(home, "e1")
    assert lineage.first is not None
    assert (lineage.first["action"], lineage.decision["action"]) == (decided.decision, "decline")
    assert [(one.outcome_id, one.disposition) for one in lineage.answers] == [("o1", "fraud")]
    with out.capture() as shown:
        show_lineage(lineage)
    told = " ".join(shown.get().replace("│", "").split())
    assert "revision 2" in told
    assert f"revised by a person, not by the model: revision 1 was {decided.decision} at" in told
    assert "disposition fraud at" in told
    assert "outcome o1" in told
    assert lineage.wait is not None
    assert f"reward waits {lineage.wait['wait_micros'] / HOUR:g} hours, by policy" in told
    credited = replace(lineage, wait=lineage.wait | {"version": "abc", "trust": 2, "wait_micros": 36 * HOUR})
    with out.capture() as shown:
        show_lineage(credited)
    assert "reward waits 36 hours, by abc, for trust 2" in shown.get()


def test_json_holds_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(Lineage(DECIDED | VERSIONS, (STEP,), KNOWN))
    body = json.loads(capsys.readouterr().out)
    assert body["steps"] == [STEP]
    assert body["model"]["acts"][0]["by"] == "Li"
