"""ASGI middleware: keys, body limits, and problem+json for every refusal, whoever made it."""

import hmac
from http import HTTPStatus
from typing import Any, Final

from serving.bodies import BATCH_BYTES_MAX, too_large
from serving.problems import MEDIA_TYPE, Problem

OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/healthz"})
_RETRIED: Final = frozenset({429, 500, 502, 503, 504})


class Doorman:
    """Refuses before any work is done: a missing key (401), a body that is too large (413).

    With no key set, everybody on this machine may call; the command line refuses to listen elsewhere without one.
    """

    def __init__(self, app: Any, key: str | None = None) -> None:
        self._app, self._key = app, key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        problem = self._refusal(scope["path"], headers)
        if problem is not None:
            await send_problem(send, problem)
            return
        # Whatever a client calls it, the body is JSON; BentoML would otherwise read it as a form, or worse.
        kept = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
        scope["headers"] = [*kept, (b"content-type", b"application/json")]
        await self._app(scope, _Bounded(receive), _Problems(send))

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Problem | None:
        if self._key and path not in OPEN_PATHS:
            given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
            if not hmac.compare_digest(given, self._key.encode()):
                return Problem(
                    HTTPStatus.UNAUTHORIZED, "key-required", "Send the key: `Authorization: Bearer $ASSAY_API_KEY`."
                )
        if int(headers.get(b"content-length", b"0") or 0) > BATCH_BYTES_MAX:
            return too_large(BATCH_BYTES_MAX)
        return None


class Problems:
    """The outermost layer: even what a framework refuses before the doorman sees it is a problem."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, _Problems(send) if scope["type"] == "http" else send)


class _Bounded:
    """Ends a request whose body grows beyond the limit without having said so."""

    def __init__(self, receive: Any) -> None:
        self._receive, self._seen = receive, 0

    async def __call__(self) -> Any:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > BATCH_BYTES_MAX:
                return {"type": "http.disconnect"}
        return message


class _Problems:
    """Rewrites a refusal that is not a problem yet, such as a framework's plain 404."""

    def __init__(self, send: Any) -> None:
        self._send, self._rewriting = send, False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self._rewriting = message["status"] >= 400 and not _is_problem(message)
            if self._rewriting:
                await send_problem(self._send, _generic(message["status"]))
                return
        if not self._rewriting:
            await self._send(message)


def _is_problem(message: Any) -> bool:
    return any(name.lower() == b"content-type" and MEDIA_TYPE.encode() in value for name, value in message["headers"])


def _generic(status: int) -> Problem:
    known = HTTPStatus(status)
    return Problem(
        known, known.phrase.lower().replace(" ", "-"), known.description or known.phrase, retry=status in _RETRIED
    )


async def send_problem(send: Any, problem: Problem) -> None:
    body = problem.content()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers()}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(problem.status), "headers": pairs})
    await send({"type": "http.response.body", "body": body})
