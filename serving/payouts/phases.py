"""The three phases of paying, each safe to repeat: commit the attempt, ask the provider, apply what it answered.

The provider's key is committed before the call, so that after a crash at any point the same payment is looked up, and
never sent under a second key. Money is given back only on a definite refusal or return; unknown never compensates.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    Select,
    String,
    Table,
    UniqueConstraint,
    and_,
    insert,
    or_,
    select,
    update,
)

from serving.database import METADATA
from serving.ledger import book, holds
from serving.ledger.holds import HoldState
from serving.ledger.refusals import missing
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind
from serving.payouts.provider import Absent, Accepted, Answer, Provider, Refused, Returned, Settled, Unknown
from serving.payouts.saga import PAYOUT, Payout, State, get, move, swap

PATIENCE_MICROS: Final = 60 * 1_000_000
"""For so long after a claim the payout is left alone: its caller may still be waiting for the provider."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay. `outcome` is the last answer's name, None before the first."""

    payout_id: str
    provider: str
    provider_key: str
    outcome: str | None
    created_at: int
    destination: str
    amount_micros: int
    currency: str
    is_first: bool


PAYOUT_ATTEMPT = Table(
    "payout_attempt",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("payout_id", String(128), ForeignKey("payout.id"), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("provider_key", String(64), nullable=False),
    Column("outcome", String(16)),
    Column("created_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("provider_reference", String(255)),
    UniqueConstraint("provider_key", name="payout_attempt_key"),
    Index("payout_attempt_of_payout", "payout_id"),
)


def due(connection: Connection, now: int, limit: int) -> list[str]:
    """Payouts to send or to ask about, the longest waiting first."""
    query = select(PAYOUT.c.id).where(_is_due(now)).order_by(PAYOUT.c.updated_at, PAYOUT.c.id).limit(limit)
    return list(connection.scalars(query))


def claim(connection: Connection, payout_id: str, provider: str, now: int) -> Attempt | None:
    """Phase 1: commit the attempt and its key, or take up the one that was left behind. None: nothing is due.

    The attempt stays with the provider that it began with: None as well when `provider` is another.
    """
    if connection.scalar(select(PAYOUT.c.id).where(PAYOUT.c.id == payout_id, _is_due(now))) is None:
        return None
    payout = get(connection, payout_id)
    if payout.attempt_count == 0:
        connection.execute(insert(PAYOUT_ATTEMPT), [_new_attempt(payout, provider, now)])
    row = connection.execute(_attempts_of(payout)).one()
    if row.provider != provider:
        return None
    swap(connection, payout, now, attempt_count=1)
    return _attempt_of(row, payout, is_first=payout.attempt_count == 0)


def ask(provider: Provider, attempt: Attempt, now: int) -> Answer:
    """Phase 2, outside any transaction: send once, afterwards look up; send again only under the same living key."""
    try:
        if attempt.is_first:
            return _send(provider, attempt)
        answer = provider.lookup(attempt.provider_key)
        is_alive = now - attempt.created_at < provider.key_lifetime_micros
        if isinstance(answer, Absent) and is_alive and attempt.outcome != "accepted":
            return _send(provider, attempt)
    except OSError as lost:
        return Unknown(str(lost))
    return answer


def learn(connection: Connection, provider_key: str, answer: Answer, now: int) -> Payout:
    """Phase 3, and the door for a provider's own notifications: apply the answer, whatever arrived before it.

    Raises `Missing` for an unknown key, `IllegalMove` for an answer that contradicts an earlier one (paid, then
    refused): the book keeps the earlier one.
    """
    row = connection.execute(select(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.provider_key == provider_key)).one_or_none()
    if row is None:
        raise missing("payout attempt", provider_key)
    payout = get(connection, row.payout_id)
    if payout.state in _NOTHING_NEW[type(answer)]:
        return payout
    after = _EFFECTS[type(answer)](connection, payout, row.provider, now)
    if after is payout and isinstance(answer, Absent | Unknown):
        return payout  # nothing was learned: what is on record, perhaps an acceptance, stands
    reference = getattr(answer, "reference", row.provider_reference)
    answered = {"outcome": type(answer).__name__.lower(), "answered_at": now, "provider_reference": reference}
    connection.execute(update(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.id == row.id).values(answered))
    return after


def _is_due(now: int) -> ColumnElement[bool]:
    is_new = and_(PAYOUT.c.state == State.SUBMITTED, PAYOUT.c.attempt_count == 0)
    is_unfinished = PAYOUT.c.state.in_([State.SUBMITTED, State.UNKNOWN])
    return or_(is_new, and_(is_unfinished, PAYOUT.c.updated_at <= now - PATIENCE_MICROS))


def _attempts_of(payout: Payout) -> Select[Any]:
    return select(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.payout_id == payout.id)


def _send(provider: Provider, attempt: Attempt) -> Answer:
    return provider.send(attempt.provider_key, attempt.destination, attempt.amount_micros, attempt.currency)


def _accept(connection: Connection, payout: Payout, provider: str, now: int) -> Payout:
    after = move(connection, payout, State.SUBMITTED, now) if payout.state is not State.SUBMITTED else payout
    holds.capture(connection, payout.hold_id, _clearing(payout, provider), now)
    return after


def _settle(connection: Connection, payout: Payout, provider: str, now: int) -> Payout:
    after = move(connection, payout, State.SETTLED, now)
    holds.capture(connection, payout.hold_id, _clearing(payout, provider), now)
    settlement = Transfer(
        id=_settlement_id(payout),
        debit=_clearing(payout, provider),
        credit=Account(AccountKind.PROVIDER_CASH, provider, payout.currency),
        amount_micros=payout.amount_micros,
        kind=TransferKind.SETTLEMENT,
        cause_id=payout.id,
        effective_at=now,
    )
    book.post(connection, [settlement], now)
    return after


def _refuse(connection: Connection, payout: Payout, provider: str, now: int) -> Payout:
    """Refused after it was accepted is a return: the money had left the wallet."""
    was_accepted = payout.state is State.SUBMITTED and _is_captured(connection, payout)
    if was_accepted:
        return _return(connection, payout, provider, now)
    after = move(connection, payout, State.REFUSED, now)
    holds.release(connection, payout.hold_id, now)
    return after


def _return(connection: Connection, payout: Payout, _: str, now: int) -> Payout:
    after = move(connection, payout, State.RETURNED, now)
    if not _is_captured(connection, payout):
        holds.release(connection, payout.hold_id, now)
        return after
    if payout.state is State.SETTLED:
        book.reverse(connection, _settlement_id(payout), payout.id, now)
    book.reverse(connection, holds.capture_id(payout.hold_id), payout.id, now)
    return after


def _wonder(connection: Connection, payout: Payout, _: str, now: int) -> Payout:
    """What was accepted stays accepted when a later question gets no answer."""
    if payout.state is State.SUBMITTED and not _is_captured(connection, payout):
        return move(connection, payout, State.UNKNOWN, now)
    return payout


_EFFECTS: Final[dict[type, Callable[[Connection, Payout, str, int], Payout]]] = {
    Accepted: _accept,
    Settled: _settle,
    Refused: _refuse,
    Returned: _return,
    Absent: _wonder,
    Unknown: _wonder,
}
_OVER: Final = frozenset({State.SETTLED, State.RETURNED, State.REFUSED})
_NOTHING_NEW: Final[dict[type, frozenset[State]]] = {
    # Answers arrive late, twice and out of order: in these states they are old news.
    Accepted: frozenset({State.SETTLED, State.RETURNED}),
    Settled: frozenset({State.SETTLED, State.RETURNED}),
    Refused: frozenset({State.REFUSED, State.RETURNED}),
    Returned: frozenset({State.REFUSED, State.RETURNED}),
    Absent: _OVER,
    Unknown: _OVER,
}


def _is_captured(connection: Connection, payout: Payout) -> bool:
    return holds.get(connection, payout.hold_id).state is HoldState.CAPTURED


def _clearing(payout: Payout, provider: str) -> Account:
    return Account(AccountKind.CLEARING, provider, payout.currency)


def _settlement_id(payout: Payout) -> str:
    return f"{payout.id}/settled"


def _new_attempt(payout: Payout, provider: str, now: int) -> dict[str, Any]:
    id_ = f"{payout.id}/1"
    # A digest: providers bound the length and the letters of a key, and need not learn our ids.
    key = hashlib.sha256(id_.encode()).hexdigest()[:32]
    return {"id": id_, "payout_id": payout.id, "provider": provider, "provider_key": key, "created_at": now}


def _attempt_of(row: Row[Any], payout: Payout, *, is_first: bool) -> Attempt:
    return Attempt(
        payout_id=payout.id,
        provider=row.provider,
        provider_key=row.provider_key,
        outcome=row.outcome,
        created_at=row.created_at,
        destination=payout.destination,
        amount_micros=payout.amount_micros,
        currency=payout.currency,
        is_first=is_first,
    )
