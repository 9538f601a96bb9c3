"""What tests of the outbox share: a receiver on loopback that can fail in every way, and changes to tell."""

import json
import random
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select
from standardwebhooks import Webhook

from serving.database import reading
from serving.outbox.changes import CHANGE_SUBJECT, ChangeType, Told, tell
from serving.outbox.delivering import Delivery
from serving.outbox.receiver import Receiver

SECOND = 1_000_000
NOW = 1_772_000_000 * SECOND
SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="  # base64 of letters and digits
Make = Callable[..., Told]


class Answering(BaseHTTPRequestHandler):
    """Asks its owner what to do with each request."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.owner.answer(self, body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    owner: "Double"

    def handle_error(self, *_: object) -> None:
        pass  # a connection that was cut is what some tests are about


class Double:
    """A receiver. `mode` says how it answers; `modes` does for one subject. It keeps what it took, in order."""

    def __init__(self) -> None:
        self.mode, self.modes = "200", dict[str, str]()
        self.taken: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.go_on = threading.Event()  # what hangs, hangs until then
        self._lock = threading.Lock()
        self._server: Server | None = None
        self.port = 0

    def start(self) -> None:
        self._server = Server(("127.0.0.1", self.port), Answering)
        self._server.owner, self.port = self, self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Die: nobody listens any more."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def receiver(self) -> Receiver:
        found = Receiver.from_environment({"ASSAY_WEBHOOK_URL": self.url, "ASSAY_WEBHOOK_SECRET": SECRET})
        assert found is not None
        return found

    def answer(self, request: Answering, text: str) -> None:
        body = json.loads(text)
        mode = self.modes.get(body["subject"], self.mode)
        with self._lock:
            self.asked.append(body["subject"])
        if mode == "hang":
            self.go_on.wait()
        if mode == "cut" or self._server is None:  # the dead close their open connections, too
            request.close_connection = True
            request.connection.close()
            return
        status = int(mode) if mode.isdigit() else 200
        if status == 200:
            self._take(request, text, body)
        request.send_response(status)
        for name, value in {"location": self.url, "retry-after": "30"}.items() if status in (302, 429) else ():
            request.send_header(name, value)
        request.send_header("content-length", "1000000" if mode == "drip" else "0")
        request.end_headers()
        if mode == "drip":
            request.wfile.write(b"1")
            self.go_on.wait()

    def _take(self, request: Answering, text: str, body: dict[str, Any]) -> None:

        instant = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        signature = Webhook(SECRET).sign(request.headers["webhook-id"], instant, text)
        assert request.headers["webhook-signature"] == signature
        assert request.headers["webhook-id"] == body["id"]
        with self._lock:
            self.taken.append(body)
            self.headers.append(dict(request.headers.items()))

    def of(self, subject: str) -> list[int]:
        """The subject's own numbers as they were taken."""
        return [body["subject_sequence"] for body in self.taken if body["subject"] == subject]


class Service:
    """Delivers by a simulated clock; may be stopped and started again."""

    def __init__(self, engine: Engine, write: Any, double: Double, deadline: float = 10.0) -> None:
        self.engine, self.write, self.double, self.now, self.deadline = engine, write, double, NOW, deadline
        self.start()

    def start(self) -> None:
        chance = random.Random(7)  # noqa: S311  # chance for pauses, no secret
        self.delivery = Delivery(self.engine, self.write, self.double.receiver, self.deadline, chance.random)

    def stop(self) -> None:
        self.delivery.close(self.now)

    def turn(self) -> int:
        """Rounds until one begins and ends nothing: nothing is under way, nothing due; how many changes were taken."""
        taken = 0
        while True:
            flying, failures = len(self.delivery._flying), self.delivery._failures_in_a_row
            count = self.delivery.round(self.now)
            taken += count
            is_idle = not flying and not self.delivery._flying and failures == self.delivery._failures_in_a_row
            if is_idle and not count:
                return taken

    def until(self, true: Callable[[], object]) -> None:
        """Rounds a second apart until `true`: pytest's time limit ends what never will be."""
        while not true():
            self.delivery.round(self.now)
            self.now += SECOND

    @property
    def waiting(self) -> int:
        with reading(self.engine) as connection:
            return len(connection.execute(select(CHANGE_SUBJECT).where(CHANGE_SUBJECT.c.next_at.is_not(None))).all())


@pytest.fixture
def double() -> Iterator[Double]:
    double = Double()
    double.start()
    yield double
    double.go_on.set()
    double.stop()


@pytest.fixture
def told() -> Make:
    """Makes changes, each of an effect of its own."""
    numbers = iter(range(1_000_000))

    def make(subject: str = "person:ann", at: int = 1) -> Told:
        number = next(numbers)
        return Told(ChangeType.PAYOUT_UPDATED, f"w{number}/1", subject, {"payout_id": f"w{number}"}, at)

    return make


@pytest.fixture
def write(engine: Engine) -> Callable[[Callable[[Connection], Any]], Any]:
    """Runs work in a commit of its own."""

    def run(work: Callable[[Connection], Any]) -> Any:
        with engine.begin() as connection:
            return work(connection)

    return run


@pytest.fixture
def telling(write: Any) -> Callable[..., None]:
    """Tells changes in a commit of their own."""

    def run(*changes: Told) -> None:
        write(lambda connection: tell(connection, *changes))

    return run


@pytest.fixture
def started(engine: Engine, write: Any, double: Double) -> Iterator[Callable[..., Service]]:
    """Starts a service's deliveries, which gives a request up after `deadline` seconds."""
    made: list[Service] = []

    def start(deadline: float = 10.0) -> Service:
        made.append(Service(engine, write, double, deadline))
        return made[-1]

    yield start
    double.go_on.set()
    for service in made:
        service.stop()
