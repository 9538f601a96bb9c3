"""Real files, from CSV to decisions: the newest 1,000 events are scored over HTTP with exactly the offline vectors."""

from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

from features.frame import AMOUNTS, KEYS
from features.home import Home
from features.log import Log
from features.vector import COLUMNS, backfill, events_of
from pipelines.bench.running import running
from pipelines.replay import held_back
from pipelines.up import prepare
from serving.contract import Answer
from serving.database import open_database, reading
from serving.records import unpacked

Vectors = dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]


@pytest.mark.data
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["fraudecom", "talkingdata"])
def test_real_events_are_served_with_their_offline_vectors(name: str, public_data: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    prepare(home, public_data / name, users=0, days=0, seed=7)
    with running(home) as address:
        scored = replayed(home, address)
    assert scored == 1000
    online, offline = recorded_vectors(home), offline_vectors(home)
    assert len(online) == 1000
    for event_id, vector in online.items():
        np.testing.assert_array_equal(vector, offline[event_id], err_msg=event_id)


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


def recorded_vectors(home: Home) -> Vectors:
    engine = open_database(home.records)
    with reading(engine) as connection:
        rows = connection.exec_driver_sql("SELECT event_id, vector FROM decision").all()
    engine.dispose()
    return {row.event_id: unpacked(row.vector) for row in rows}


def offline_vectors(home: Home) -> Vectors:
    columns = [*KEYS, *AMOUNTS, *COLUMNS]
    log = pa.concat_tables([Log(home.log).read(columns), Log(home.held_back).read(columns)])
    events = events_of(log)
    return dict(zip(events["event_id"].to_pylist(), backfill(events), strict=True))
