"""Providers that pay nobody, served over real loopback HTTP, with every fault of a real one on demand.

Each double keeps its own memory, as the provider would: what it paid stays paid, whatever it answered.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Event, RLock, Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from serving.payouts.fake import Fault, Payment, PaymentState, arrivals

HANG_SECONDS_MAX: Final = 30.0
DRIP_SECONDS: Final = 0.1
REFUSED_DESTINATION: Final = "refused"
"""A destination that contains this word is refused."""

_HANGS: Final = frozenset({Fault.TIME_OUT_BEFORE, Fault.TIME_OUT_AFTER})
_HANGS_UP: Final = frozenset({Fault.LOSE_REQUEST, Fault.LOSE_ANSWER})


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class Double(ABC):
    """`faults` befall the next writes, one each; `first_state` is what a payment is when it was taken."""

    name: str

    def __init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.first_state = PaymentState.SETTLED
        self.retry_after = "0"
        self.is_down = False
        self.writes: list[str] = []
        self.payments: list[Payment] = []
        self.closing = Event()
        self.lock = RLock()
        self._numbers = count(1)

    @abstractmethod
    def respond(self, request: Request) -> Response:
        """What the provider answers when nothing goes wrong on the way."""

    def is_write(self, request: Request) -> bool:
        return request.method == "POST"

    def key_of(self, request: Request) -> str:
        """What the caller wants to be done once, for counting."""
        return request.path

    @abstractmethod
    def forget_keys(self) -> None:
        """The lifetime of every key is over."""

    def pay(self, payment: Payment) -> int:
        """Record a payment; its number."""
        self.payments.append(payment)
        return len(self.payments)

    def move(self, key: str, state: PaymentState) -> None:
        """What became of the payment under `key`."""
        with self.lock:
            self.payments = [replace(one, state=state) if one.key == key else one for one in self.payments]

    def settle_all(self) -> None:
        """What was accepted reaches its people."""
        for one in self.payments:
            if one.state is PaymentState.ACCEPTED:
                self.move(one.key, PaymentState.SETTLED)

    def state_of(self, key: str) -> PaymentState:
        return next(one.state for one in self.payments if one.key == key)

    def taken(self) -> list[Payment]:
        """Payments that left with the provider, or will: all that were neither refused nor sent back."""
        with self.lock:
            return [one for one in self.payments if one.state in {PaymentState.ACCEPTED, PaymentState.SETTLED}]

    def state_at_first(self, destination: str) -> PaymentState:
        return PaymentState.REFUSED if REFUSED_DESTINATION in destination else self.first_state


@cache
def rsa_key(owner: str) -> rsa.RSAPrivateKey:
    """One key an owner: making one takes longer than a test."""
    del owner
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@contextmanager
def serving(double: Double, port: int = 0) -> Iterator[str]:
    """Serve the double on a loopback port, a free one unless told; yields its address."""
    server = _Server(double, port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        double.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class NotifyingDouble(Double):
    """A provider that tells of itself what became of a payment; a chain does not."""

    @abstractmethod
    def notify(self, key: str, event_id: str, now: int) -> tuple[dict[str, str], bytes]:
        """Headers and body of a signed notification of what the payment is now."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, double: Double, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.double = double


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:  # the library's name
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Silence."""

    def _serve(self) -> None:
        double, request, response = self.server.double, self._request(), None
        if double.is_down:
            self.close_connection = True
            return
        with double.lock:
            fault = self._fault(request)
            for _ in range(arrivals(fault)):
                response = double.respond(request)
        with suppress(ConnectionError):  # the caller may have gone
            self._answer(fault, response)

    def _request(self) -> Request:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        return Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)

    def _fault(self, request: Request) -> Fault:
        double = self.server.double
        if not double.is_write(request):
            return Fault.NONE
        double.writes.append(double.key_of(request))
        return double.faults.popleft() if double.faults else Fault.NONE

    def _answer(self, fault: Fault, response: Response | None) -> None:
        if fault in _HANGS:
            self.server.double.closing.wait(HANG_SECONDS_MAX)
        if fault in _HANGS | _HANGS_UP:
            self.close_connection = True
            return
        if fault in {Fault.FAIL_BEFORE, Fault.FAIL_AFTER}:
            response = Response(500, b'{"name": "INTERNAL_SERVER_ERROR"}')
        if fault is Fault.TOO_MANY:
            response = Response(429, b"{}", {"retry-after": self.server.double.retry_after})
        assert response is not None
        self._write(response, is_slow=fault is Fault.SLOW)

    def _write(self, response: Response, *, is_slow: bool) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(response.body)))
        self.end_headers()
        pieces = [response.body[at : at + 1] for at in range(len(response.body))] if is_slow else [response.body]
        for piece in pieces:
            self.wfile.write(piece)
            if is_slow and self.server.double.closing.wait(DRIP_SECONDS):
                return
