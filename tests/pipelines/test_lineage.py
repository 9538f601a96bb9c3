"""From a decision back to the data that its model was made from."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from features.home import Home
from pipelines.console import UserError, out
from pipelines.lineage import Lineage, lineage_of
from pipelines.shown_lineage import show_json, show_lineage
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


KNOWN = registry.Known("run1", "refused", "too few", (registry.Act("champion", "Li", "better", 0, forced=True),))
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
    assert "gate: refused; too few" in told
    assert "differ from the defaults: rule_above = 1.0" in told
    assert "Spec(" not in told
    assert "parquet" not in told


def test_json_holds_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    show_json(Lineage(DECIDED | VERSIONS, (STEP,), KNOWN))
    body = json.loads(capsys.readouterr().out)
    assert body["steps"] == [STEP]
    assert body["model"]["acts"][0]["by"] == "Li"
