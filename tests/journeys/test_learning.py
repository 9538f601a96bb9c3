"""What the service saw becomes what the next model learns from."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import httpx
import numpy as np
import polars as pl

from features.frame import outcomes_of, read_frame
from features.home import Home
from features.log import Log
from features.vector import FEATURES
from pipelines.backfill import backfill
from pipelines.export import append_recorded
from serving.database import open_database, reading
from serving.records import unpacked

Make = Callable[..., dict[str, Any]]
Served = Callable[[Home], AbstractContextManager[httpx.Client]]


def test_live_events_and_answers_reach_the_next_training_frame(home: Home, event: Make, served: Served) -> None:
    before, _ = Log(home.log).last()
    with served(home) as client:
        bodies = [event() for _ in range(3)]
        for body in bodies:
            client.post("/v1/score/event", json=body)
        answer = event()
        outcome = {"event_id": "answer-1", "subject_event_id": bodies[0]["event_id"], "kind": "clean"}
        client.post("/v1/outcomes", json=outcome | {"occurred_at": answer["occurred_at"]}).raise_for_status()
    backfill(home)
    assert append_recorded(home) == 0
    assert Log(home.log).last()[0] == before + 4
    assert "answer-1" in outcomes_of(Log(home.log))["event_id"]
    frame = read_frame(home.features).filter(pl.col("sequence") > before)
    assert frame["event_id"].to_list() == [body["event_id"] for body in bodies]
    np.testing.assert_array_equal(frame.select(FEATURES).to_numpy(), recorded(home, frame["event_id"].to_list()))


def recorded(home: Home, event_ids: list[str]) -> list[np.ndarray[Any, Any]]:
    engine = open_database(home.records)
    with reading(engine) as connection:
        found = dict(connection.exec_driver_sql("SELECT event_id, vector FROM decision").all())
    engine.dispose()
    return [unpacked(found[event_id]) for event_id in event_ids]


def test_a_service_that_starts_after_an_export_carries_on(home: Home, event: Make, served: Served) -> None:
    with served(home) as client:
        client.post("/v1/score/event", json=event())
    assert append_recorded(home) == 1
    with served(home) as client:
        client.post("/v1/score/event", json=event()).raise_for_status()
    assert append_recorded(home) == 1
