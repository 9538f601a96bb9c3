"""The door against a real server on this machine: what it tries, how long it waits, and what it never does."""

import logging
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipelines.doubles.faulty import Double, Request, Response, rsa_key, serving
from pipelines.doubles.paypal import PayPalDouble
from serving.payouts.fake import Fault
from serving.payouts.providers.limits import Breaker, NotSent, Pace, Unreachable
from serving.payouts.providers.transport import Call, Door, Manners, NoAnswer

WRITE = Call("thing.create", "POST", "/things/secret-id", {"authorization": "Bearer hidden"}, b'{"to": "ann"}')
READ = Call("thing.find", "GET", "/things/secret-id")
PATIENT = Manners(deadline_seconds=120, reads_max=3, backoff_seconds=0.01, wait_seconds_max=1.5)
HURRIED = replace(PATIENT, deadline_seconds=2.0)
"""For servers that hang: long enough for the request to arrive, however busy the machine is."""


class Counting(Double):
    """Answers what it was told to, then 200; remembers what arrived."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.answers: deque[Response] = deque()
        self.arrived: list[Request] = []

    def forget_keys(self) -> None:
        """It keeps none."""

    def respond(self, request: Request) -> Response:
        self.arrived.append(request)
        return self.answers.popleft() if self.answers else Response(200, b'{"done": true}' + b" " * 600)


@pytest.fixture
def double() -> Counting:
    return Counting()


@pytest.fixture
def door(double: Counting) -> Iterator[Callable[..., Door]]:
    with ExitStack() as stack:
        address = stack.enter_context(serving(double))
        yield lambda manners=PATIENT, **also: stack.enter_context(Door("counting", address, manners, **also))


@pytest.mark.parametrize(
    "fault", [Fault.TIME_OUT_AFTER, Fault.LOSE_ANSWER, Fault.SLOW, Fault.TIME_OUT_BEFORE, Fault.LOSE_REQUEST]
)
def test_a_client_library_never_retries_a_lost_write_by_itself(
    double: Counting, door: Callable[..., Door], fault: Fault
) -> None:
    one = door(HURRIED)
    one.write(WRITE)  # a kept connection, which libraries like to try again
    double.faults.append(fault)
    with pytest.raises(NoAnswer, match=r"did not answer thing\.create"):
        one.write(WRITE)
    assert len(double.writes) == 2


@pytest.mark.parametrize("method", ["read", "write"])
def test_where_nobody_listens_nothing_was_sent(method: str) -> None:
    with (
        Door("p", f"http://127.0.0.1:{free_port()}", PATIENT) as door,
        pytest.raises(Unreachable, match="ConnectError"),
    ):
        getattr(door, method)(WRITE)


def test_a_handshake_that_never_ends_is_given_up_unsent_and_its_socket_closed() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as server,
        Door("p", f"https://127.0.0.1:{server.getsockname()[1]}", HURRIED) as door,
    ):
        with pytest.raises(Unreachable, match="TimeoutError"):
            door.write(WRITE)
        caller, _ = server.accept()
        with closing(caller):
            caller.settimeout(60)
            while caller.recv(2**16):  # its greeting, and then the end: the door is open still, this socket is not
                pass


def test_a_request_that_reached_a_server_which_hangs_up_is_never_said_to_be_unsent(
    double: Counting, door: Callable[..., Door]
) -> None:
    double.faults.append(Fault.LOSE_REQUEST)
    with pytest.raises(NoAnswer):
        door().write(WRITE)  # over a connection of its own
    one = door()
    one.write(WRITE)
    double.faults.append(Fault.LOSE_REQUEST)
    with pytest.raises(NoAnswer):
        one.write(WRITE)  # over one that was kept


def test_a_spell_of_refused_credentials_or_of_silence_is_told_once(double: Counting, door: Callable[..., Door]) -> None:
    one = door(breaker=Breaker(failures_max=2, rest_seconds=0))
    with structlog.testing.capture_logs() as lines:
        for status in (401, 200, 401, 403, 401, 200, 500, 500, 500, 200, 500, 500):
            double.answers.append(Response(status, b""))
            one.write(WRITE)
    told = [line["event"] for line in lines if line["event"] != "provider_failing"]
    assert told == [
        "provider_refuses_credentials",
        "provider_refuses_credentials",
        *["provider_paused"] * 2,
    ]


def test_a_read_that_is_tried_again_leaves_one_line_a_try(double: Counting, door: Callable[..., Door]) -> None:
    double.answers.extend([Response(500, b"")] * 2)
    with structlog.testing.capture_logs() as lines:
        door().read(READ)
    assert [(line["event"], line["status"]) for line in lines] == [("provider_failing", 500)] * 2


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def test_a_server_that_drips_is_given_up_at_the_deadline(double: Counting, door: Callable[..., Door]) -> None:
    double.faults.append(Fault.SLOW)
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="TimeoutError"):
        door(HURRIED).write(WRITE)
    assert time.monotonic() - began >= HURRIED.deadline_seconds


def test_a_read_is_tried_again_a_bounded_number_of_times(double: Counting, door: Callable[..., Door]) -> None:
    double.answers.extend([Response(500, b""), Response(503, b"")])
    assert door().read(READ).json() == {"done": True}
    double.answers.extend([Response(500, b"")] * 5)
    assert door().read(READ).status == 500
    assert len(double.arrived) == 3 + 3


@pytest.mark.parametrize("said", ["1", "date"])
def test_retry_after_is_honoured(double: Counting, door: Callable[..., Door], said: str) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    when = said if said == "1" else format_datetime(at + timedelta(seconds=1), usegmt=True)
    double.answers.append(Response(429, b"", {"retry-after": when, "date": format_datetime(at, usegmt=True)}))
    began = time.monotonic()
    assert door().read(READ).status == 200
    assert time.monotonic() - began >= 0.9


def test_a_long_retry_after_keeps_everything_at_home_until_then(double: Counting, door: Callable[..., Door]) -> None:
    double.answers.append(Response(429, b"", {"retry-after": "120"}))
    one = door()
    assert one.write(WRITE).status == 429
    for call in (one.write, one.read):
        with pytest.raises(NotSent, match="used up for 1"):
            call(WRITE)
    assert len(double.arrived) == 1


def test_too_many_requests_without_a_time_keep_payments_at_home_for_a_while(
    double: Counting, door: Callable[..., Door]
) -> None:
    double.answers.append(Response(429, b""))
    one = door()
    assert one.write(WRITE).status == 429
    with pytest.raises(NotSent, match="used up for"):
        one.write(WRITE)
    assert one.read(READ).status == 200, "what went out before may be asked about"
    assert len(double.arrived) == 2


def test_what_is_forbidden_of_one_recipient_keeps_nobody_else_waiting(
    double: Counting, door: Callable[..., Door]
) -> None:
    one = door(breaker=Breaker(failures_max=2, rest_seconds=60))
    double.answers.extend([Response(403, b"")] * 3)
    assert [one.write(WRITE).status for _ in range(4)] == [403, 403, 403, 200]


def test_an_open_breaker_asks_nobody(double: Counting, door: Callable[..., Door]) -> None:
    one = door(breaker=Breaker(failures_max=2, rest_seconds=60))
    double.answers.extend([Response(500, b"")] * 2)
    assert [one.write(WRITE).status, one.write(WRITE).status] == [500, 500]
    with pytest.raises(NotSent):
        one.write(WRITE)
    assert len(double.arrived) == 2


def test_writes_keep_their_pace(double: Counting, door: Callable[..., Door]) -> None:
    one, began = door(writes=Pace(20, 1, burst=1)), time.monotonic()
    for _ in range(5):
        one.write(WRITE)
    assert time.monotonic() - began >= 4 * 0.05


def test_a_redirect_is_not_followed_with_our_token(double: Counting, door: Callable[..., Door]) -> None:
    double.answers.append(Response(307, b"", {"location": "http://127.0.0.1:1/elsewhere"}))
    assert door().write(WRITE).status == 307
    assert len(double.arrived) == 1


def test_proxies_of_the_environment_are_not_used(
    double: Counting, door: Callable[..., Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert door().read(READ).status == 200


@pytest.mark.parametrize(
    ("address", "remedy"), [("http://api.example.com", "https://"), ("https://me:pw@example.com", "no password")]
)
def test_an_address_that_would_show_a_secret_is_refused(address: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        Door("p", address)


def test_a_certificate_that_nobody_signed_is_refused(tmp_path: Path) -> None:
    reached = list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            reached.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_self_signed(tmp_path))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    manners = Manners(deadline_seconds=120, reads_max=1)
    with (
        Door("p", f"https://127.0.0.1:{server.server_port}", manners) as door,
        pytest.raises(Unreachable, match="Connect"),
    ):
        door.read(READ)
    server.shutdown()
    server.server_close()
    thread.join()
    assert reached == []


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = rsa_key("paypal").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").write_bytes(key)
    (folder / "cert.pem").write_bytes(PayPalDouble()._certificate())
    return folder / "cert.pem", folder / "key.pem"


def test_what_is_shown_in_a_traceback_or_a_log_hides_addresses_headers_and_bodies(
    double: Counting, door: Callable[..., Door], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = door()
    reply = one.write(WRITE)
    double.faults.append(Fault.LOSE_ANSWER)
    with pytest.raises(NoAnswer) as lost:
        one.write(WRITE)
    said = f"{WRITE!r} {reply!r} {lost.value!r} {lost.value.__cause__!r} {caplog.text}"
    assert [word for word in ("secret-id", "hidden", "ann", "done") if word in said] == []


@pytest.mark.parametrize("method", ["read", "write"])
def test_an_answer_that_is_too_long_is_no_answer(
    double: Counting, door: Callable[..., Door], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.payouts.providers.transport.REPLY_BYTES_MAX", 10)
    call: Any = getattr(door(), method)
    with pytest.raises(NoAnswer):
        call(WRITE)


def test_a_door_that_is_closed_ends_what_hangs_without_an_answer(double: Counting) -> None:
    double.faults.append(Fault.TIME_OUT_BEFORE)
    ended: list[BaseException] = []

    def call(door: Door) -> None:
        try:
            door.write(WRITE)
        except NoAnswer as silent:
            ended.append(silent)

    with serving(double) as address:
        with Door("counting", address, PATIENT) as door:
            thread = Thread(target=call, args=(door,), daemon=True)
            thread.start()
            while not double.writes:  # pytest's time limit ends what never comes
                time.sleep(0.01)
        thread.join(60)
    assert not thread.is_alive()
    assert [type(one) for one in ended] == [NoAnswer]
