"""What a service decided, audited: clean over a restart and with events that came late."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from features.home import Home
from pipelines.audit import ALWAYS, audit


@pytest.mark.timeout(600)
def test_a_served_home_with_a_restart_and_late_events_audits_clean(
    home: Home, event: Callable[..., dict[str, Any]], served: Callable[[Home], AbstractContextManager[httpx.Client]]
) -> None:
    for _ in range(2):
        with served(home) as client:
            for hours in (0, 5, 0, 20, 1):
                late = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
                body = event(occurred_at=late, user_id="u-late")
                assert client.post("/v1/score/event", json=body).status_code == 200
                assert client.post("/v1/score/event", json=body).status_code == 200
    found = audit(home, *ALWAYS)
    assert (found.decisions, found.mismatches, found.lost, found.repeated) == (10, 0, 0, 0)
    assert found.late >= 6
    assert (found.rescored, found.redecided, found.unjudged, found.is_clean) == (10, 10, 0, True), found.blamed
