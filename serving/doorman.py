"""ASGI middleware: keys, body limits, and problem+json for every refusal, whoever made it."""

import hmac
from http import HTTPStatus
from typing import Any, Final

from prometheus_client import Histogram

from serving.bodies import BATCH_BYTES_MAX, BODY_BYTES_MAX, too_large
from serving.problems import MEDIA_TYPE, FieldError, Problem, bad_fields, internal

BATCH_PATH: Final = "/v1/score/events"
OPEN_PATHS: Final = frozenset({"/livez", "/readyz", "/healthz", "/docs", "/openapi.json"})
OPEN_FOLDER: Final = "/static_content/"
NOTICES: Final = ("/v1/payouts/webhooks/", "/v1/identity/webhooks/")
"""Where providers post: they have no key of ours, and sign what they say instead."""
OPERATED: Final = (
    "/v1/ledger/transfers",
    "/v1/ledger/holds",
    "/v1/payout-rulings",
    "/v1/identity/grants",
    "/v1/identity/demands",
    "/v1/screening/",
)
"""Where money is moved, or a person is ruled on, by somebody's word: the platform's own servers, which hold the other
key, cannot. By how a path begins, for what follows an id can be written in many ways.
"""
RATES: Final = "/v1/ledger/points/rates"
"""What everybody who may call reads, and only an operator writes: what points are worth."""
_READ: Final = frozenset({"GET", "HEAD"})
_RETRIED: Final = frozenset({429, 502, 503, 504})


_seconds = Histogram("assay_request_seconds", "Time from the whole body to the whole answer, by route", ["route"])
_ROUTES: Final = (
    "/v1/score/events",
    "/v1/score/event",
    "/v1/score/withdrawal",
    "/v1/price/offers",
    "/v1/outcomes",
    "/v1/decisions/",
    "/v1/cases",
    "/v1/ledger/",
    "/v1/campaigns/",
    "/v1/payouts",
    "/v1/payout-rulings",
    "/v1/vouchers/",
    "/v1/people/",
    "/v1/identity/",
    "/v1/screening/",
    "/v1/changes",
)


def _route(path: str) -> str:
    """The route without its ids: a label must be one of few, and no person's name."""
    return next((route for route in _ROUTES if path.startswith(route)), "other")


class Doorman:
    """Refuses before any work is done: a missing key (401), a key that may not do this (403), a body that is too
    large (413).

    With no key set, everybody on this machine may call; the command line refuses to listen elsewhere without one. The
    operator's key opens every route, the platform's all but `OPERATED` and the writing of `RATES`: those stay closed
    where no operator's key is set beside it.
    """

    def __init__(self, app: Any, key: str | None = None, operator_key: str | None = None) -> None:
        self._app, self._key, self._operator_key = app, key, operator_key

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = BATCH_BYTES_MAX if scope["path"] == BATCH_PATH else BODY_BYTES_MAX
        problem = self._refusal(scope, dict(scope["headers"]), limit)
        body = None if problem else await _read(receive, limit)
        if body is None:
            await send_problem(send, problem or too_large(limit))
            return
        with _seconds.labels(_route(scope["path"])).time():
            await self._let_in(scope, body, receive, send)

    async def _let_in(self, scope: Any, body: bytes, receive: Any, send: Any) -> None:
        # Whatever a client calls it, the body is JSON; BentoML would otherwise read it as a form, or worse.
        kept = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
        scope["headers"] = [*kept, (b"content-type", b"application/json")]
        await self._app(scope, _Replayed(body, receive), _Problems(send))

    def _refusal(self, scope: Any, headers: dict[bytes, bytes], limit: int) -> Problem | None:
        problem = None if _is_open(scope) else self._closed(scope["method"], scope["path"], headers)
        if problem is None and int(headers.get(b"content-length", b"0") or 0) > limit:
            return too_large(limit)
        return problem

    def _closed(self, method: str, path: str, headers: dict[bytes, bytes]) -> Problem | None:
        given = headers.get(b"authorization", b"").removeprefix(b"Bearer ")
        is_operator = _fits(given, self._operator_key)
        is_platform = is_operator or not self._key or _fits(given, self._key)
        if not is_platform:
            return Problem(HTTPStatus.UNAUTHORIZED, "key-required", _KEY_REQUIRED)
        is_guarded = self._key or self._operator_key
        is_operated = path.startswith(OPERATED) or (path.startswith(RATES) and method not in _READ)
        if is_operated and is_guarded and not is_operator:
            return Problem(HTTPStatus.FORBIDDEN, "operator-key-required", self._operators())
        return None

    def _operators(self) -> str:
        how = "send" if self._operator_key else "start the service with ASSAY_OPERATOR_KEY, and send"
        return f"Only an operator moves people's money, sets rates and rules on people: {how} the operator's key."


_KEY_REQUIRED: Final = "Send the key: `Authorization: Bearer $ASSAY_API_KEY`."


def _is_open(scope: Any) -> bool:
    path: str = scope["path"]
    is_notice = path.startswith(NOTICES) and scope["method"] == "POST"
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER) or is_notice


def _fits(given: bytes, key: str | None) -> bool:
    return bool(key) and hmac.compare_digest(given, (key or "").encode())


async def _read(receive: Any, limit: int) -> bytes | None:
    """The whole body, however it is cut up; None as soon as it is larger than it may be."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            return None
        if not message.get("more_body", False):
            return bytes(body)


class _Replayed:
    """Hands on a body that was read already, then whatever else happens to the connection."""

    def __init__(self, body: bytes, receive: Any) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Any:
        if self._body is None:
            return await self._receive()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class Problems:
    """The outermost layer: even what a framework refuses before the doorman sees it is a problem."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, _Problems(send) if scope["type"] == "http" else send)


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
    if status == HTTPStatus.BAD_REQUEST:  # the frameworks' word for a body that they could not even parse
        return bad_fields([FieldError(field="", message="must be JSON of reasonable depth and size")])
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return internal()
    known = HTTPStatus(status)
    kind, detail = known.phrase.lower().replace(" ", "-"), known.description or known.phrase
    return Problem(known, kind, detail, retry=status in _RETRIED)


async def send_problem(send: Any, problem: Problem) -> None:
    body = problem.content()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(body)), **problem.headers()}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": int(problem.status), "headers": pairs})
    await send({"type": "http.response.body", "body": body})
