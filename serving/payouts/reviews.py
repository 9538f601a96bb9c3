"""Payouts that no machine can end: a person looks, at the provider's own books or at who is to be paid, and says.

| what waits for a ruling | paid | never paid |
| --- | --- | --- |
| unknown: nobody can say what became of it | settled | refused, the money is the person's again |
| begun by a provider that is configured no more | settled | refused; returned, if it had been accepted |
| not begun, and parked: a confirmed hit, above all | cannot be | refused, the money is back in the wallet |

Until then the money stays held, and nothing is sent under a second key. What is back in the wallet of somebody who is
on a list stays there: each further payout of theirs is parked by the same hit.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Connection, Row, String, Table, Text, and_, insert, or_, select

from serving.database import METADATA
from serving.ledger import holds
from serving.ledger.refusals import Refusal
from serving.payouts import attempts, phases
from serving.payouts.desk import PROVIDER_NEEDED
from serving.payouts.identity.gate import Reason
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Refused, Settled
from serving.payouts.saga import PAYOUT, Payout, State, get, get_each, move, payout_of

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


_LISTED: Final = or_(
    PAYOUT.c.state == State.UNKNOWN,
    and_(PAYOUT.c.state == State.SUBMITTED, PAYOUT.c.waits_for.in_((PROVIDER_NEEDED, Reason.CONFIRMED_HIT))),
)


def waiting(connection: Connection, before: int, limit: int = LISTED_MAX) -> list[Payout]:
    """What waits for a ruling and was asked for before that instant, the oldest first, at most LISTED_MAX."""
    query = select(PAYOUT).where(_LISTED, PAYOUT.c.due_at.is_not(None), PAYOUT.c.created_at < before)
    rows = connection.execute(query.order_by(PAYOUT.c.created_at, PAYOUT.c.id).limit(min(limit, LISTED_MAX)))
    return [payout_of(row) for row in rows]


class StillSending(Refusal):
    """The payment may be on its way to the provider: ask its books again in a while, and rule then."""


def rule(connection: Connection, payout_id: str, by: str, reason: str, now: int, *, is_paid: bool) -> Payout:
    """A person has seen that it was paid, or that it never was and never will be: see the table above.

    All that went out with it follows. Not paid gives the money back: who wants it still asks for a new withdrawal,
    which has a new hold and a new key.

    Raises `Missing`, `IllegalMove` for what does not wait for a ruling, `StillSending` for what was sent a moment ago
    and is said not to be paid, ValueError without a name or a reason.
    """
    if not by.strip() or len(by) > 128:
        raise ValueError("by: name the person who has looked, in at most 128 characters")
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise ValueError(f"reason: say what was seen, in at most {REASON_CHARACTERS_MAX:,} characters")
    payout = get(connection, payout_id)
    kept = {"payout_id": payout_id, "is_paid": is_paid, "ruled_by": by, "reason": reason, "ruled_at": now}
    if payout.attempt_count:
        _rule_begun(connection, payout, Settled(f"ruled by {by}"[:255]) if is_paid else Refused("ruled"), now)
    else:
        _rule_parked(connection, payout, now, is_paid=is_paid)
    connection.execute(insert(PAYOUT_RULING), [kept])
    return get(connection, payout_id)


def quiet_at(attempt: Row[Any]) -> int:
    """From when on an attempt, a row, can be ruled never to be paid."""
    return int(attempt.sent_at or attempt.created_at) + QUIET_MICROS


def _rule_begun(connection: Connection, payout: Payout, answer: Settled | Refused, now: int) -> None:
    (attempt,) = attempts.of_payouts(connection, [payout.id])
    key = attempt.bundle or attempt.provider_key
    together = get_each(connection, [row.payout_id for row in attempts.by_key(connection, [key])[key]])
    is_left = any(one.waits_for == PROVIDER_NEEDED for one in together.values())  # of a bundle only one is asked about
    if payout.state is not State.UNKNOWN and not (payout.state is State.SUBMITTED and is_left):
        raise _unruled(payout)
    if isinstance(answer, Refused):
        _assert_quiet(payout.id, quiet_at(attempt), now)
    phases.learn(connection, key, answer, now)


def _rule_parked(connection: Connection, payout: Payout, now: int, *, is_paid: bool) -> None:
    if payout.state is not State.SUBMITTED or payout.waits_for is None:
        raise _unruled(payout)
    if is_paid:
        raise IllegalMove(f"payout {payout.id!r} was never begun: it can only be ruled not paid", id=payout.id)
    move(connection, payout, State.REFUSED, now, due_at=None, waits_for=None)
    holds.release(connection, payout.hold_id, now)


def _unruled(payout: Payout) -> IllegalMove:
    return IllegalMove(
        f"payout {payout.id!r} is {payout.state}: only what is unknown is ruled upon, begun by a provider that is "
        "configured no more, or parked and not begun",
        id=payout.id,
    )


def _assert_quiet(payout_id: str, quiet_at: int, now: int) -> None:
    seconds = (quiet_at - now + 999_999) // 1_000_000
    if seconds > 0:
        raise StillSending(
            f"payout {payout_id!r} may be on its way still: look at the provider's books again and rule that it was "
            f"never paid in {seconds} seconds",
            id=payout_id,
            seconds=seconds,
        )
