"""The doorman, driven as a server drives it: refuses before any work is done, and every refusal is a problem."""

import asyncio
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import pytest

from serving.app import make_app
from serving.bodies import BATCH_BYTES_MAX, BODY_BYTES_MAX
from serving.doorman import BATCH_PATH, OPEN_PATHS, Doorman, Problems
from serving.problems import MEDIA_TYPE, Problem

Message = dict[str, Any]
Headers = dict[str, str]
CHUNK = 64 * 1024


@dataclass
class Room:
    """What lies behind the door: reads the whole body, answers as it was told, and remembers what it was given."""

    status: int = 200
    headers: Headers = field(default_factory=lambda: {"content-type": "application/json"})
    answer: tuple[bytes, ...] = (b'{"fine":', b"true}")
    scopes: list[Message] = field(default_factory=list)
    received: list[Message] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        more = True
        while more:
            message = await receive()
            self.received.append(message)
            more = message.get("more_body", False)
        await send({"type": "http.response.start", "status": self.status, "headers": pairs(self.headers)})
        for at, part in enumerate(self.answer, 1):
            await send({"type": "http.response.body", "body": part, "more_body": at < len(self.answer)})

    @property
    def body_bytes(self) -> int:
        return sum(len(message.get("body", b"")) for message in self.received)


def pairs(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@dataclass
class Reply:
    status: int
    headers: Headers
    body: bytes

    def problem(self) -> dict[str, Any]:
        """The body, checked to be a whole problem."""
        assert self.headers["content-type"] == MEDIA_TYPE
        assert int(self.headers["content-length"]) == len(self.body)
        read: dict[str, Any] = json.loads(self.body)
        assert set(read) == {"type", "title", "status", "detail", "retry", "errors"}
        assert read["status"] == self.status
        return read


def call(app: Any, path: str = "/v1/x", headers: Headers | None = None, chunks: tuple[bytes, ...] = (b"{}",)) -> Reply:
    """One request, its body in `chunks`."""
    last = len(chunks) - 1
    incoming = iter({"type": "http.request", "body": chunk, "more_body": at < last} for at, chunk in enumerate(chunks))
    sent: list[Message] = []

    async def receive() -> Message:
        return next(incoming)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": pairs(headers or {})}
    asyncio.run(app(scope, receive, send))
    start, *rest = sent
    assert {message["type"] for message in rest} == {"http.response.body"}
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Reply(start["status"], found, b"".join(message["body"] for message in rest))


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer "}])
def test_without_the_right_key_nobody_comes_in(given: Headers) -> None:
    room = Room()
    reply = call(Doorman(room, key="secret"), headers=given)
    assert (reply.status, reply.problem()["type"]) == (401, "key-required")
    assert room.scopes == []


def test_a_wrong_key_and_no_key_are_refused_in_the_same_words() -> None:
    door = Doorman(Room(), key="secret")
    assert call(door) == call(door, headers={"authorization": "Bearer secre"})


def test_the_right_key_opens() -> None:
    reply = call(Doorman(Room(), key="sécret"), headers={"authorization": "Bearer sécret"})
    assert (reply.status, reply.body) == (200, b'{"fine":true}')


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
def test_probes_need_no_key(path: str) -> None:
    assert call(Doorman(Room(), key="secret"), path).status == 200
    assert call(Doorman(Room(), key="secret"), f"{path}/more").status == 401


def test_who_lacks_the_operators_key_is_told_to_send_it_or_where_none_is_set_to_set_one() -> None:
    asked, headers = "/v1/ledger/holds", {"authorization": "Bearer secret"}
    told = call(Doorman(Room(), key="secret", operator_key="other"), asked, headers).problem()["detail"]
    assert told.endswith(": send the operator's key.")
    told = call(Doorman(Room(), key="secret"), asked, headers).problem()["detail"]
    assert told.endswith(": start the service with ASSAY_OPERATOR_KEY, and send the operator's key.")


def test_the_document_asks_for_a_key_where_the_doorman_does() -> None:
    document, door = make_app().openapi(), Doorman(Room(), key="secret")
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert bool(operation["security"]) is (call(door, path).status == 401), path


def test_with_no_key_set_everybody_on_the_machine_may_call() -> None:
    assert call(Doorman(Room())).status == 200
    assert call(Doorman(Room(), key="")).status == 200


@pytest.mark.parametrize(("path", "limit"), [(BATCH_PATH, BATCH_BYTES_MAX), ("/v1/x", BODY_BYTES_MAX)])
def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_read(path: str, limit: int) -> None:
    room = Room()
    reply = call(Doorman(room), path, headers={"content-length": str(limit + 1)})
    assert (reply.status, reply.problem()["type"]) == (413, "body-too-large")
    assert str(limit) in reply.problem()["detail"]
    assert room.scopes == []


@pytest.mark.parametrize(("path", "limit"), [(BATCH_PATH, BATCH_BYTES_MAX), ("/v1/x", BODY_BYTES_MAX)])
def test_a_body_of_just_the_limit_passes_whole(path: str, limit: int) -> None:
    room = Room()
    chunks = tuple(bytes(CHUNK) for _ in range(limit // CHUNK))
    assert call(Doorman(room), path, headers={"content-length": str(limit)}, chunks=chunks).status == 200
    assert room.body_bytes == limit


def test_a_body_that_grows_beyond_the_limit_is_refused_however_it_is_cut_up() -> None:
    room = Room()
    chunks = (*(bytes(CHUNK) for _ in range(BODY_BYTES_MAX // CHUNK)), b"1", bytes(CHUNK))
    reply = call(Doorman(room), chunks=chunks)
    assert (reply.status, reply.problem()["type"]) == (413, "body-too-large")
    assert room.scopes == []


@pytest.mark.parametrize("sent", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_whatever_a_client_calls_it_the_body_is_json(sent: str | None) -> None:
    room = Room()
    call(Doorman(room), headers={"accept": "*/*"} | ({"content-type": sent} if sent else {}))
    headers = room.scopes[0]["headers"]
    assert [value for name, value in headers if name == b"content-type"] == [b"application/json"]
    assert (b"accept", b"*/*") in headers


@pytest.mark.parametrize("layer", [Doorman, Problems])
@pytest.mark.parametrize("status", [200, 201, 204, 302, 399])
def test_a_normal_answer_passes_untouched(layer: Any, status: int) -> None:
    headers = {"content-type": "text/html", "x-own": "kept"}
    assert call(layer(Room(status, headers, (b"a", b"", b"b")))) == Reply(status, headers, b"ab")


@pytest.mark.parametrize("layer", [Doorman, Problems])
@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (404, "not-found", False),
        (405, "method-not-allowed", False),
        (429, "too-many-requests", True),
        (500, "internal", True),
        (503, "service-unavailable", True),
    ],
)
def test_a_plain_refusal_of_a_framework_becomes_a_problem(layer: Any, status: int, kind: str, retry: bool) -> None:
    room = Room(status, {"content-type": "text/plain"}, (b"Traceback: ", b"secret path", b""))
    reply = call(layer(room))
    problem = reply.problem()
    assert (reply.status, problem["type"], problem["retry"]) == (status, kind, retry)
    assert "secret" not in reply.body.decode()


def test_a_refusal_without_any_headers_becomes_a_problem_too() -> None:
    assert call(Problems(Room(404, {}))).problem()["type"] == "not-found"


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_problem_is_not_rewritten_and_keeps_its_headers(name: str) -> None:
    own = Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", "Come again.", retry=True, retry_after_seconds=1)
    headers = {name: MEDIA_TYPE, **own.headers()}
    reply = call(Problems(Doorman(Room(503, headers, (own.content(),)))))
    assert reply == Reply(503, headers, own.content())
    assert reply.headers["retry-after"] == "1"


def test_what_is_not_http_is_let_through_as_it_is() -> None:
    room = Room()
    scope = {"type": "lifespan"}
    for layer in (Doorman(room, key="secret"), Problems(room)):
        asyncio.run(layer(scope, None, None))
    assert room.scopes == [scope, scope]
