"""Payouts of which nobody can say any more what became of them: a person looks at the provider's own books, and says.

No machine ever does: unknown is neither paid nor refused, its money stays held, and it is sent under no second key.
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, String, Table, Text, insert, select

from serving.database import METADATA
from serving.ledger.refusals import Refusal
from serving.payouts import attempts, phases
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Refused, Settled
from serving.payouts.saga import PAYOUT, Payout, State, get, payout_of

LISTED_MAX: Final = 500
REASON_CHARACTERS_MAX: Final = 2_000
QUIET_MICROS: Final = 15 * 60 * 1_000_000
"""For so long after its last leave to be sent nobody rules that a payment never will be: a request may be on its way,
or its sender be slow. Many times what any call may take.
"""

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


class StillSending(Refusal):
    """The payment may be on its way to the provider: ask its books again in a while, and rule then."""


def rule(connection: Connection, payout_id: str, by: str, reason: str, now: int, *, is_paid: bool) -> Payout:
    """A person has seen in the provider's books that it was paid, or that it never was and never will be.

    All that went out with it follows. Not paid gives the money back: who wants it still asks for a new withdrawal,
    which has a new hold and a new key.

    Raises `Missing`, `IllegalMove` for what is not unknown, `StillSending` for what was sent a moment ago and is said
    not to be paid, ValueError without a name or a reason.
    """
    if not by.strip() or len(by) > 128:
        raise ValueError("by: name the person who has looked, in at most 128 characters")
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise ValueError(f"reason: say what was seen, in at most {REASON_CHARACTERS_MAX:,} characters")
    payout = get(connection, payout_id)
    if payout.state is not State.UNKNOWN:
        raise IllegalMove(f"payout {payout_id!r} is {payout.state}: only what is unknown is ruled upon", id=payout_id)
    (attempt,) = attempts.of_payouts(connection, [payout_id])
    if not is_paid:
        _assert_quiet(payout_id, attempt.sent_at or attempt.created_at, now)
    kept = {"payout_id": payout_id, "is_paid": is_paid, "ruled_by": by, "reason": reason, "ruled_at": now}
    connection.execute(insert(PAYOUT_RULING), [kept])
    answer = Settled(f"ruled by {by}"[:255]) if is_paid else Refused("ruled")
    phases.learn(connection, attempt.bundle or attempt.provider_key, answer, now)
    return get(connection, payout_id)


def _assert_quiet(payout_id: str, sent_at: int, now: int) -> None:
    seconds = (sent_at + QUIET_MICROS - now + 999_999) // 1_000_000
    if seconds > 0:
        raise StillSending(
            f"payout {payout_id!r} may be on its way still: look at the provider's books again and rule that it was "
            f"never paid in {seconds} seconds",
            id=payout_id,
            seconds=seconds,
        )
