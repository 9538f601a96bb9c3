"""What a platform is told of a whole service: posted, signed, polled alike, and answered alike after a restart."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from features.home import Home
from pipelines.bench.running import START_SECONDS_MAX, free_port, start, wait_until_ready

Make = Callable[..., dict[str, Any]]
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="


class Answering(BaseHTTPRequestHandler):
    """Verifies as a platform does, with the library; refuses the first post, so that there is a second try."""

    server: "Listening"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        said = Webhook(SECRET).verify(body, dict(self.headers.items()))
        is_taken = self.server.was_asked.is_set()
        self.server.was_asked.set()
        if is_taken:
            self.server.take(said)
        self.send_response(200 if is_taken else 500)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Listening(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.taken: list[dict[str, Any]] = []
        self.was_asked, self.has_six = threading.Event(), threading.Event()

    def take(self, said: dict[str, Any]) -> None:
        self.taken.append(said)
        if len(self.taken) == 6:
            self.has_six.set()


@pytest.fixture
def platform() -> Iterator[Listening]:
    server = Listening()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_what_is_posted_is_what_is_polled_and_a_key_outlives_a_restart(
    home: Home,
    event: Make,
    platform: Listening,
    served: Callable[[Home], AbstractContextManager[httpx.Client]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    with monkeypatch.context() as patch:  # for this one service, and for none that another test starts
        patch.setenv("ASSAY_WEBHOOK_URL", f"http://127.0.0.1:{platform.server_port}/hooks")
        patch.setenv("ASSAY_WEBHOOK_SECRET", SECRET)
        process = start(home, port)
    address = f"http://127.0.0.1:{port}"
    wait_until_ready(process, address)
    bodies = [event() for _ in range(3)]
    hold = {"hold_id": "h", "user_id": bodies[0]["user_id"], "amount_micros": 5, "currency": "CNY"}
    key = {"Idempotency-Key": "k-1"}
    try:
        with httpx.Client(base_url=address, timeout=START_SECONDS_MAX) as client:
            answers = [client.post("/v1/score/event", json=body).json() for body in bodies]
            held = client.post("/v1/ledger/holds", json=hold, headers=key)
            while not platform.has_six.wait(1):  # pytest's time limit ends what never comes
                assert process.poll() is None
    finally:
        process.terminate()
        process.wait()
    assert held.status_code == 200, held.text
    with served(home) as client:
        assert client.post("/v1/ledger/holds", json=hold, headers=key).content == held.content
        refused = client.post("/v1/ledger/holds", json=hold | {"amount_micros": 6}, headers=key)
        polled = client.get("/v1/changes").json()["changes"]
        slip = client.get(f"/v1/people/{bodies[0]['user_id']}/payslip").json()
    assert (refused.status_code, refused.json()["type"]) == (409, "key-conflict")
    by_id = {one["id"]: one for one in platform.taken}
    assert [json.dumps(by_id[one["id"]]) for one in polled] == [json.dumps(one) for one in polled]
    assert [one["subject_sequence"] for one in platform.taken] == list(range(1, 7))
    decided = [one["data"]["decision_id"] for one in polled if one["type"] == "decision.updated"]
    assert decided == [answer["decision_id"] for answer in answers]
    assert slip["promised_micros"] == 3_000_000
