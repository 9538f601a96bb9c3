"""SIGKILL at any time loses no acknowledged decision, no money, and nothing that was known."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from multiprocessing.process import BaseProcess
from typing import Any

import httpx
import numpy as np
import pytest

from features.events import Event
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log, row_of
from pipelines.bench.running import START_SECONDS_MAX, free_port, start, wait_until_ready
from serving.database import open_database, reading
from serving.knowledge import Clock, Knowledge
from serving.ledger.proofs import check
from serving.records import find_decision

Make = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("after", [1, 37])
def test_sigkill_between_requests_loses_nothing(
    home: Home, event: Make, started: Callable[[Home], tuple[BaseProcess, str]], after: int
) -> None:
    process, address = started(home)
    with httpx.Client(base_url=address, timeout=START_SECONDS_MAX) as client:
        answers = [client.post("/v1/score/event", json=event()).json() for _ in range(after)]
    process.kill()
    process.join()
    assert_kept(home, answers)


def test_sigkill_under_load_loses_nothing_that_was_acknowledged(home: Home, event: Make) -> None:
    port = free_port()
    process = start(home, port)
    wait_until_ready(process, f"http://127.0.0.1:{port}")
    bodies, answers = [event(user_id=f"load-{at % 7}") for at in range(4000)], []
    threads = [threading.Thread(target=send, args=(port, bodies[lane::4], answers)) for lane in range(4)]
    for thread in threads:
        thread.start()
    pause = threading.Event()
    while len(answers) < 200:
        assert all(thread.is_alive() for thread in threads), "a sender was not answered"
        pause.wait(0.001)
    os.kill(process.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    process.wait()
    assert 200 <= len(answers) < 4000
    assert_kept(home, answers)


def send(port: int, bodies: list[dict[str, Any]], answers: list[dict[str, Any]]) -> None:
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS_MAX) as client:
            answers.extend(client.post("/v1/score/event", json=body).raise_for_status().json() for body in bodies)
    except httpx.HTTPError:
        return


def assert_kept(home: Home, answers: list[dict[str, Any]]) -> None:
    engine = open_database(home.records)
    with reading(engine) as connection:
        for answer in answers:
            found = find_decision(connection, answer["decision_id"])
            assert found is not None, answer
            assert (found.action, found.score) == (answer["decision"], answer["score"])
        assert check(connection) == []
    engine.dispose()


def test_what_was_known_before_a_kill_is_known_after_it(
    home: Home, event: Make, served: Callable[[Home], AbstractContextManager[httpx.Client]]
) -> None:
    with served(home) as client:
        for _ in range(5):
            client.post("/v1/score/event", json=event())
    engine = open_database(home.records)
    knowledge = Knowledge(Log(home.log), Clock.WALL, Lists.of_home(home))
    knowledge.rebuild(engine)
    engine.dispose()
    with served(home) as client:
        body = event()
        client.post("/v1/score/event", json=body)
    engine = open_database(home.records)
    with reading(engine) as connection:
        blob = connection.exec_driver_sql(
            "SELECT vector FROM decision WHERE event_id = ?", (body["event_id"],)
        ).scalar_one()
        stamped = connection.exec_driver_sql("SELECT * FROM event WHERE event_id = ?", (body["event_id"],)).one()
    engine.dispose()
    row = row_of(Event.model_validate(body)) | {"sequence": stamped.sequence, "as_of": stamped.as_of}
    assert np.frombuffer(blob, "<f8").tobytes() == knowledge.vector(row).tobytes()


def test_a_home_is_served_once(home: Home, served: Callable[[Home], AbstractContextManager[httpx.Client]]) -> None:
    with served(home):
        second = start(home, free_port())
        _, said = second.communicate(timeout=START_SECONDS_MAX)
    assert second.returncode == 1
    assert "is served already" in said


def test_what_was_accepted_can_be_read_again(
    home: Home, event: Make, served: Callable[[Home], AbstractContextManager[httpx.Client]]
) -> None:
    with served(home) as client:
        assert client.post("/v1/score/event", json=event(email_domain="İ" * 200)).status_code == 422
        assert client.post("/v1/score/event", json=event(email_domain="İ" * 100)).status_code == 200
    with served(home) as client:
        assert client.post("/v1/score/event", json=event()).status_code == 200
