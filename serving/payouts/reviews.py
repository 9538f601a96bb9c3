"""Payouts of which nobody can say any more what became of them: a person looks at the provider's own books, and says.

No machine ever does: unknown is neither paid nor refused, its money stays held, and it is sent under no second key.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, String, Table, Text, insert, select

from serving.database import METADATA
from serving.payouts import attempts, phases
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Refused, Settled
from serving.payouts.saga import PAYOUT, Payout, State, get, payout_of

LISTED_MAX: Final = 500
REASON_CHARACTERS_MAX: Final = 2_000

PAYOUT_RULING = Table(
    "payout_ruling",
    METADATA,
    Column("payout_id", String(128), primary_key=True),
    Column("is_paid", Boolean, nullable=False),
    Column("ruled_by", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("ruled_at", BigInteger, nullable=False),
)


def unknown(connection: Connection, before: int, limit: int = LISTED_MAX) -> list[Payout]:
    """What is unknown and was asked for before that instant, the oldest first, at most LISTED_MAX."""
    is_asked_about = PAYOUT.c.due_at.is_not(None)
    query = select(PAYOUT).where(PAYOUT.c.state == State.UNKNOWN, is_asked_about, PAYOUT.c.created_at < before)
    rows = connection.execute(query.order_by(PAYOUT.c.created_at, PAYOUT.c.id).limit(min(limit, LISTED_MAX)))
    return [payout_of(row) for row in rows]


def rule(connection: Connection, payout_id: str, by: str, reason: str, now: int, *, is_paid: bool) -> Payout:
    """A person has seen in the provider's books that it was paid, or that it never was and never will be.

    All that went out with it follows. Not paid gives the money back: who wants it still asks for a new withdrawal,
    which has a new hold and a new key.

    Raises `Missing`, `IllegalMove` for what is not unknown, ValueError without a name or a reason.
    """
    if not by.strip() or len(by) > 128:
        raise ValueError("by: name the person who has looked, in at most 128 characters")
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise ValueError(f"reason: say what was seen, in at most {REASON_CHARACTERS_MAX:,} characters")
    payout = get(connection, payout_id)
    if payout.state is not State.UNKNOWN:
        raise IllegalMove(f"payout {payout_id!r} is {payout.state}: only what is unknown is ruled upon", id=payout_id)
    (attempt,) = attempts.of_payouts(connection, [payout_id])
    kept = {"payout_id": payout_id, "is_paid": is_paid, "ruled_by": by, "reason": reason, "ruled_at": now}
    connection.execute(insert(PAYOUT_RULING), [kept])
    answer = Settled(f"ruled by {by}"[:255]) if is_paid else Refused("ruled")
    phases.learn(connection, attempt.bundle or attempt.provider_key, answer, now)
    return get(connection, payout_id)
