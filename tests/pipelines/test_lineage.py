"""From a decision back to the data that its model was made from."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from features.home import Home
from pipelines.console import UserError, out
from pipelines.lineage import lineage_of, show_lineage

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
    with out.capture() as shown:
        show_lineage(lineage)
    assert body["event_id"] in shown.get().replace("\n", "")
    assert "train" in shown.get()


def test_an_event_that_nobody_decided_is_refused(home: Home) -> None:
    with pytest.raises(UserError, match="decided nothing yet"):
        lineage_of(home, "nowhere")
