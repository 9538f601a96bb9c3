"""Real files, from CSV to decisions: the newest 1,000 events and the outcomes among them arrive over HTTP, also over a
restart, and every vector is exactly the offline one. Whole files are taken in where their ingestion is tested.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.home import Home
from features.vector import FEATURES
from pipelines.audit import ALWAYS, audit
from pipelines.replay import held_back
from pipelines.up import prepare
from serving.contract import Answer


@pytest.mark.data
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("name", "rows"), [("fraudecom", 4_000), ("talkingdata", 20_000)])
def test_real_events_are_served_with_their_offline_vectors(
    name: str,
    rows: int,
    first_rows: Callable[[str, int], Path],
    served: Callable[[Home], AbstractContextManager[httpx.Client]],
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "home")
    prepare(home, first_rows(name, rows), users=0, days=0, seed=7)
    arrivals = list(held_back(home, outcomes=True))
    scored = 0
    for half in arrivals[: len(arrivals) // 2], arrivals[len(arrivals) // 2 :]:
        with served(home) as client:
            scored += replayed(half, client)
    assert scored == 1000
    found = audit(home, *ALWAYS)
    assert (found.decisions, found.cells) == (1000, 1000 * len(FEATURES))
    assert (found.mismatches, found.lost, found.repeated) == (0, 0, 0), found.examples


def replayed(arrivals: list[tuple[str, dict[str, Any]]], client: httpx.Client) -> int:
    """Send what was held back, in its order; every answer is valid."""
    scored = 0
    for path, body in arrivals:
        answer = client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        if path == "/v1/score/event":
            decision = Answer.model_validate(answer.json())
            assert decision.event_id == body["event_id"]
            assert decision.score is not None
            scored += 1
    return scored
