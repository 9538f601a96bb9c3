"""Idempotency keys: the same key with the same request gets the same answer, to the byte, and has one effect.

The answer is kept in the commit of the effect. A refusal is not kept: nothing was done, and the same key may be sent
again once its cause is gone. A key is kept for `KEPT_DAYS`; the ids inside the bodies are refused a second time for
ever, so that even a retry after that has no second effect.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Header, Request, Response
from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
)

from serving.database import METADATA, reading
from serving.payouts.identity.sealing import Seal
from serving.problems import FieldError, Problem
from serving.records import Unit
from serving.routes.asking import parts_of
from serving.triggers import refuse, refuse_replacing

KEPT_DAYS: Final = 35
FORGOTTEN_MAX: Final = 500
_DAY: Final = 86_400 * 1_000_000
_FIELD: Final = "Idempotency-Key"
_MEANING: Final = (
    "chosen by the client, one for each effect that it wants; sent again, with the same request, it gets the same "
    f"answer for {KEPT_DAYS} days"
)

_Header = Header(alias=_FIELD, min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$", description=_MEANING)
Key = Annotated[str, _Header]
OptionalKey = Annotated[str | None, _Header]

IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("key", String(128), primary_key=True),
    Column("request_hash", LargeBinary(32), nullable=False),
    Column("answer", Text, nullable=False),
    Column("kept_at", BigInteger, nullable=False),
    Index("idempotency_by_age", "kept_at"),
)
refuse(IDEMPOTENCY, "UPDATE", "an answer that was given stays as it is")
refuse_replacing(IDEMPOTENCY, "an answer that was given is never replaced", "key = NEW.key")

_FIND = select(IDEMPOTENCY.c.request_hash, IDEMPOTENCY.c.answer).where(IDEMPOTENCY.c.key == bindparam("asked"))
_KEEP = insert(IDEMPOTENCY)
_OLD = (
    select(IDEMPOTENCY.c.key)
    .where(IDEMPOTENCY.c.kept_at < bindparam("before"))
    .order_by(IDEMPOTENCY.c.kept_at)
    .limit(FORGOTTEN_MAX)
)
_FORGET = delete(IDEMPOTENCY).where(IDEMPOTENCY.c.key.in_(bindparam("keys", expanding=True)))


async def once(
    request: Request,
    key: str | None,
    body: BaseModel | None,
    work: Callable[[Unit], BaseModel],
    seal: Seal | None = None,
) -> Response:
    """Do `work` in the next commit and answer with what it returns, or with what it returned when the key came first.

    `seal`: the answer is not for everybody's eyes, and is kept sealed. Raises Problem (409) for a key that came with
    another request.
    """
    asked = _digest(request, body)

    def answered(unit: Unit) -> str:
        known = _known(unit.connection, key, asked, seal)
        if known is not None:
            return known
        answer = work(unit).model_dump_json()
        if key:
            shut = answer if seal is None else b64encode(seal.close(answer, _about(key))).decode()
            kept = {"key": key, "request_hash": asked, "answer": shut, "kept_at": unit.now}
            unit.connection.execute(_KEEP, [kept])
        return answer

    return _response(await parts_of(request).writer.do(answered))


def answered_before(request: Request, key: str | None, body: BaseModel | None, seal: Seal | None) -> Response | None:
    """What `once` would answer again; None: the key is new. For work that begins before its last commit. It reads the
    database: call it in a thread. Raises Problem as `once` does.
    """
    with reading(parts_of(request).engine) as connection:
        known = _known(connection, key, _digest(request, body), seal)
    return None if known is None else _response(known)


def forget_keys(connection: Connection, now: int) -> int:
    """Forget at most `FORGOTTEN_MAX` keys that are older than `KEPT_DAYS`; how many."""
    old = connection.execute(_OLD, {"before": now - KEPT_DAYS * _DAY}).scalars().all()
    if old:
        connection.execute(_FORGET, {"keys": old})
    return len(old)


def _known(connection: Connection, key: str | None, asked: bytes, seal: Seal | None) -> str | None:
    known = connection.execute(_FIND, {"asked": key}).one_or_none() if key else None
    if known is None:
        return None
    if known.request_hash != asked:
        raise _reused()
    return str(known.answer) if seal is None else seal.open(b64decode(known.answer), _about(key))


def _about(key: str | None) -> str:
    return f"idempotency/{key}"


def _response(answer: str) -> Response:
    return Response(answer, media_type="application/json")


def _digest(request: Request, body: BaseModel | None) -> bytes:
    """What is asked, not how it is written: order and white space do not make another request."""
    said: Any = body.model_dump(mode="json") if body is not None else None
    return hashlib.sha256(json.dumps([request.method, request.url.path, said], sort_keys=True).encode()).digest()


def _reused() -> Problem:
    message = "was sent before with another request: a new effect needs a new key"
    errors = [FieldError(field=_FIELD, message=message)]
    return Problem(HTTPStatus.CONFLICT, "key-conflict", f"{_FIELD} {message}.", errors=errors)
