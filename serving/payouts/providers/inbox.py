"""The door for what providers tell us: each event counts once, whatever the order, before or after our own commit.

An event about a payment that we do not know yet waits in the inbox and is applied once we do; one that never becomes
ours is set aside as foreign, because others may pay under the same account. One that contradicts what the book says
(paid, then refused) is kept for a person; the book stays as it is.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    Row,
    String,
    Table,
    and_,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.ledger.refusals import AlreadyResolved, Missing
from serving.payouts import attempts
from serving.payouts.moves import IllegalMove
from serving.payouts.phases import learn
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.notices import Notice, Notifier

WAITING_MAX: Final = 500
"""Waiting events that one round applies; the rest waits for the next."""
PAUSE_MICROS_MIN: Final = 1_000_000
WAITS_MICROS_MAX: Final = 30 * 24 * 3_600 * 1_000_000
"""A notice overtakes our commit by seconds, and a restored copy by days. 30 days is as long as any provider here keeps
what we sent (PayPal): what is nobody's by then, another system paid.
"""


class Effect(StrEnum):
    """What became of a notification. All but `Unverified` are answered with a 200, so that it is not sent again."""

    APPLIED = "applied"
    REPEATED = "repeated"
    WAITING = "waiting"
    CONTRADICTED = "contradicted"
    IGNORED = "ignored"
    FOREIGN = "foreign"


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
    Column("due_at", BigInteger),
    Index("inbox_effect", "effect", "received_at"),
    Index("inbox_due", "effect", "due_at"),
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


def adopt(connection: Connection) -> None:
    """Take up what waits since an earlier release, which tried everything at once. Once, before the first round."""
    old = update(INBOX).where(INBOX.c.effect == Effect.WAITING, INBOX.c.due_at.is_(None))
    connection.execute(old.values(due_at=INBOX.c.received_at))


def apply_waiting(connection: Connection, now: int) -> int:
    """Apply what came before its payment was known; how many events found their payment.

    One that has none yet is tried again after as long as it has waited so far, some twenty times in all: a payment that
    becomes known is told of soon, and what is foreign costs little and not for ever.
    """
    due = select(INBOX).where(_is_due(now)).order_by(INBOX.c.due_at, INBOX.c.event_id).limit(WAITING_MAX)
    rows = connection.execute(due).all()
    known = attempts.by_key(connection, {row.provider_key for row in rows})
    waiting = [
        row for row in rows if row.provider_key not in known or _apply_row(connection, row, now) is Effect.WAITING
    ]
    _postpone(connection, waiting, now)
    return len(rows) - len(waiting)


def is_waiting(connection: Connection, now: int) -> bool:
    """Whether there is anything for `apply_waiting`."""
    return connection.execute(select(INBOX.c.event_id).where(_is_due(now)).limit(1)).first() is not None


def contradictions(connection: Connection) -> list[tuple[str, str]]:
    """(provider, event id) of what a person should look at, the oldest first."""
    query = select(INBOX.c.provider, INBOX.c.event_id).where(INBOX.c.effect == Effect.CONTRADICTED)
    return [(row.provider, row.event_id) for row in connection.execute(query.order_by(INBOX.c.received_at))]


def foreign(connection: Connection, limit: int) -> tuple[int, list[tuple[str, str]]]:
    """How many notices were set aside, and (provider, event id) of the newest of them."""
    is_foreign = INBOX.c.effect == Effect.FOREIGN
    count = connection.execute(select(func.count()).select_from(INBOX).where(is_foreign)).scalar_one()
    query = select(INBOX.c.provider, INBOX.c.event_id).where(is_foreign).order_by(INBOX.c.received_at.desc())
    return count, [(row.provider, row.event_id) for row in connection.execute(query.limit(limit))]


_POSTPONED: Final = (
    update(INBOX)
    .where(
        INBOX.c.provider == bindparam("of"),
        INBOX.c.event_id == bindparam("id"),
        INBOX.c.effect == Effect.WAITING,  # another process may have applied it meanwhile
    )
    .values(effect=bindparam("to"), due_at=bindparam("at"))
)


def _is_due(now: int) -> ColumnElement[bool]:
    return and_(INBOX.c.effect == Effect.WAITING, INBOX.c.due_at <= now)


def _postpone(connection: Connection, rows: Sequence[Row[Any]], now: int) -> None:
    if rows:
        connection.execute(_POSTPONED, [_postponed(row, now) for row in rows])


def _postponed(row: Row[Any], now: int) -> dict[str, Any]:
    ends_at = row.received_at + WAITS_MICROS_MAX
    due_at = min(now + max(PAUSE_MICROS_MIN, now - row.received_at), ends_at)
    effect = Effect.WAITING if now < ends_at else Effect.FOREIGN
    return {"of": row.provider, "id": row.event_id, "to": effect, "at": due_at}


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
        "due_at": now if effect is Effect.WAITING else None,
    }


def _is_new(connection: Connection, row: dict[str, Any]) -> bool:
    """Insert unless there: the key of the table decides between two that arrive at once."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    unless_there = insert(INBOX).values(row).on_conflict_do_nothing().returning(INBOX.c.event_id)
    return connection.execute(unless_there).one_or_none() is not None
