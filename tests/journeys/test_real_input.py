"""Real files, from CSV to decisions: the newest 1,000 events are scored over HTTP with exactly the offline vectors."""

from pathlib import Path

import httpx
import pytest

from features.home import Home
from features.vector import FEATURES
from pipelines.audit import audit
from pipelines.bench.running import running
from pipelines.replay import held_back
from pipelines.up import prepare
from serving.contract import Answer


@pytest.mark.data
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["fraudecom", "talkingdata"])
def test_real_events_are_served_with_their_offline_vectors(name: str, public_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home, public_data / name, users=0, days=0, seed=7)
    with running(home) as address:
        scored = replayed(home, address)
    assert scored == 1000
    found = audit(home, 0, 2**62)
    assert (found.decisions, found.cells) == (1000, 1000 * len(FEATURES))
    assert (found.mismatches, found.lost, found.repeated) == (0, 0, 0), found.examples


def replayed(home: Home, address: str) -> int:
    """Send what was held back, in its order; every answer is valid."""
    scored = 0
    with httpx.Client(base_url=address, timeout=30) as client:
        for path, body in held_back(home):
            answer = client.post(path, json=body)
            assert answer.status_code == 200, answer.text
            if path == "/v1/score/event":
                decision = Answer.model_validate(answer.json())
                assert decision.event_id == body["event_id"]
                assert decision.score is not None
                scored += 1
    return scored
