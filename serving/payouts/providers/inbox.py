"""The door for what providers tell us: each event counts once, whatever the order, before or after our own commit.

An event about a payment that we do not know yet waits in the inbox and is applied once we do. One that contradicts what
the book says (paid, then refused) is kept for a person; the book stays as it is.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Index, Row, String, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.ledger.refusals import AlreadyResolved, Missing
from serving.payouts.moves import IllegalMove
from serving.payouts.phases import learn
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.notices import Notice, Notifier

WAITING_MAX: Final = 500
"""Waiting events that one round applies; the rest waits for the next."""


class Effect(StrEnum):
    """What became of a notification. All but `Unverified` are answered with a 200, so that it is not sent again."""

    APPLIED = "applied"
    REPEATED = "repeated"
    WAITING = "waiting"
    CONTRADICTED = "contradicted"
    IGNORED = "ignored"


INBOX = Table(
    "inbox",
    METADATA,
    Column("provider", String(64), primary_key=True),
    Column("event_id", String(255), primary_key=True),
    Column("provider_key", String(64)),
    Column("answer", String(16)),
    Column("reference", String(255)),
    Column("effect", String(16), nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Index("inbox_effect", "effect", "received_at"),
)

_ANSWERS: Final[dict[str, type[Answer]]] = {
    one.__name__.lower(): one for one in (Accepted, Settled, Refused, Returned, Absent, Unknown)
}


def receive(connection: Connection, provider: Notifier, headers: Mapping[str, str], body: bytes, now: int) -> Effect:
    """Verify, count once, apply. Raises `Unverified` having written nothing, OSError if a certificate cannot be had.

    A route that minds the length of its transactions calls `provider.read_notice` first and `accept` inside.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    return accept(connection, provider.name, provider.read_notice(lowered, body, now), now)


def accept(connection: Connection, provider: str, notice: Notice, now: int) -> Effect:
    """Count a verified notice once and apply it, in the caller's transaction."""
    effect = Effect.IGNORED if notice.key is None or notice.answer is None else Effect.WAITING
    if not _is_new(connection, _row(provider, notice, effect, now)):
        return Effect.REPEATED
    if effect is Effect.IGNORED or notice.key is None or notice.answer is None:
        return effect
    return _applied(connection, provider, notice.event_id, notice.key, notice.answer, now)


def apply_waiting(connection: Connection, now: int, limit: int = WAITING_MAX) -> int:
    """Apply what came before its payment was known; how many events found their payment."""
    query = select(INBOX).where(INBOX.c.effect == Effect.WAITING).order_by(INBOX.c.received_at, INBOX.c.event_id)
    rows = connection.execute(query.limit(min(limit, WAITING_MAX))).all()
    return sum(_apply_row(connection, row, now) is not Effect.WAITING for row in rows)


def is_waiting(connection: Connection) -> bool:
    """Whether there is anything for `apply_waiting`."""
    query = select(INBOX.c.event_id).where(INBOX.c.effect == Effect.WAITING).limit(1)
    return connection.execute(query).first() is not None


def contradictions(connection: Connection) -> list[tuple[str, str]]:
    """(provider, event id) of what a person should look at, the oldest first."""
    query = select(INBOX.c.provider, INBOX.c.event_id).where(INBOX.c.effect == Effect.CONTRADICTED)
    return [(row.provider, row.event_id) for row in connection.execute(query.order_by(INBOX.c.received_at))]


def _apply_row(connection: Connection, row: Row[Any], now: int) -> Effect:
    answer = _ANSWERS[row.answer](*([row.reference] if row.reference is not None else []))
    return _applied(connection, row.provider, row.event_id, row.provider_key, answer, now)


def _applied(connection: Connection, provider: str, event_id: str, key: str, answer: Answer, now: int) -> Effect:
    effect = _learned(connection, key, answer, now)
    this = (INBOX.c.provider == provider) & (INBOX.c.event_id == event_id)
    connection.execute(update(INBOX).where(this).values(effect=effect))
    return effect


def _learned(connection: Connection, key: str, answer: Answer, now: int) -> Effect:
    try:
        with connection.begin_nested():  # what a contradiction had begun to write is undone, the event stays
            learn(connection, key, answer, now)
    except Missing:
        return Effect.WAITING
    except (IllegalMove, AlreadyResolved):
        return Effect.CONTRADICTED
    return Effect.APPLIED


def _row(provider: str, notice: Notice, effect: Effect, now: int) -> dict[str, Any]:
    said = getattr(notice.answer, "reference", getattr(notice.answer, "reason", None))
    return {
        "provider": provider,
        "event_id": notice.event_id,
        "provider_key": notice.key,
        "answer": type(notice.answer).__name__.lower() if notice.answer else None,
        "reference": said,
        "effect": effect,
        "received_at": now,
    }


def _is_new(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert unless there: the key of the table decides between two that arrive at once."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    unless_there = insert(INBOX).values(row).on_conflict_do_nothing().returning(INBOX.c.event_id)
    return connection.execute(unless_there).one_or_none() is not None
