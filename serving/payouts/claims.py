"""The first phase of paying: attempts and keys are committed before anybody is asked. A group does as one does.

What may not be paid yet is parked with its reason, stays held, and is looked at again; nothing is refused here.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, select, update

from serving.payouts import attempts
from serving.payouts.attempts import PAYOUT_ATTEMPT, Attempt
from serving.payouts.bundles import bundled, shares
from serving.payouts.desk import DESTINATION_CHANGED, OPEN_DESK, Desk
from serving.payouts.provider import PROVIDER_UNREACHABLE
from serving.payouts.saga import PAYOUT, Payout, State, get_each, payout_of, swap_each
from serving.payouts.taxes import Columns

PATIENCE_MICROS: Final = 60 * 1_000_000
"""For so long after a claim the payout is left alone: its caller may still be waiting for the provider."""
LEAVE_MICROS: Final = PATIENCE_MICROS // 2
"""For so long after a claim its caller may begin to send with no further question; afterwards it asks again."""
SILENCE_MICROS_MAX: Final = 3_600 * 1_000_000
"""The older an attempt, the seldomer it is asked about; never seldomer than this."""
GROUP_MAX: Final = 1_000
"""Payouts in one commit."""
UNFINISHED: Final = (State.SUBMITTED, State.UNKNOWN)


def claim(connection: Connection, payout_id: str, provider: str, now: int, desk: Desk = OPEN_DESK) -> Attempt | None:
    """`claim_each` for one payout. None: it is not due, is parked, or is another provider's."""
    found = claim_each(connection, provider, now, desk=desk, only=payout_id)
    return found[0] if found else None


def claim_each(
    connection: Connection,
    provider: str,
    now: int,
    limit: int = GROUP_MAX,
    desk: Desk = OPEN_DESK,
    only: str | None = None,
) -> list[Attempt]:
    """Commit new attempts of what is due, and take up those that were left behind, the longest waiting first.

    An attempt stays with the provider that it began with. Raises `Unsealable`.
    """
    query = due_of(desk.promised_to(provider), now, min(limit, GROUP_MAX), only).with_for_update(skip_locked=True)
    due = [payout_of(row) for row in connection.execute(query).all()]
    begun = _begin(connection, provider, [one for one in due if not one.attempt_count], now, desk)
    return begun + _resume(connection, provider, [one for one in due if one.attempt_count], now, desk)


def due_users(connection: Connection, provider: str, now: int, limit: int, desk: Desk = OPEN_DESK) -> list[str]:
    """Whose payouts the next claims would take up; for a connection that only reads."""
    rows = connection.scalars(due_of(desk.promised_to(provider), now, limit, None).with_only_columns(PAYOUT.c.user_id))
    return sorted(set(rows))


def adopt(connection: Connection) -> None:
    """Take up payouts of an earlier release, which knew neither providers nor when to ask. Once, before the first run:
    it reads every payout.
    """
    own = select(PAYOUT_ATTEMPT.c.provider).where(PAYOUT_ATTEMPT.c.payout_id == PAYOUT.c.id).limit(1).scalar_subquery()
    old = update(PAYOUT).where(PAYOUT.c.state.in_(UNFINISHED), PAYOUT.c.provider.is_(None))
    connection.execute(old.values(provider=func.coalesce(own, ""), due_at=PAYOUT.c.updated_at))


def due_of(providers: Collection[str], now: int, limit: int, only: str | None = None) -> Select[Any]:
    """What is to be taken up of these providers, the longest waiting first."""
    is_due = and_(PAYOUT.c.state.in_(UNFINISHED), PAYOUT.c.provider.in_(providers), PAYOUT.c.due_at <= now)
    query = select(PAYOUT).where(is_due if only is None else and_(is_due, PAYOUT.c.id == only))
    return query.order_by(PAYOUT.c.due_at, PAYOUT.c.id).limit(limit)


def _begin(connection: Connection, provider: str, due: Sequence[Payout], now: int, desk: Desk) -> list[Attempt]:
    known = [one for one in due if desk.knows(one.user_id)]
    new = [*known, *_companions(connection, provider, known, desk)]
    addresses = desk.addresses(connection, new)
    misled = desk.misled(connection, new, addresses, provider)
    # Nobody's from now on: the routing finds who pays such a destination, at no more than was shown.
    nobodys = {"provider": "", "waits_for": DESTINATION_CHANGED, "due_at": now}
    swap_each(connection, [(one, nobodys) for one in misled], now)
    new = [one for one in new if one not in misled]
    parked = desk.parked(connection, new, addresses, now)
    waiting = [one for one in new if one.id in parked]
    columns = [{"waits_for": parked[one.id].reason, "due_at": parked[one.id].until} for one in waiting]
    swap_each(connection, list(zip(waiting, columns, strict=True)), now)
    payments = bundled([one for one in new if one.id not in parked])
    if not payments:
        return []
    attempts.record(connection, payments, provider, now)
    fees = shares(payments, desk.rules_of(provider))
    priced = [one._replace(fee_micros=fees[one.id]) for payment in payments for one in payment]
    taxes = desk.taxes(connection, priced, now)
    begun = swap_each(connection, _begun(payments, provider, fees, taxes, now), now)
    firsts = [[begun[one.id] for one in payment] for payment in payments]
    return [_attempt(payment, addresses, provider, now, None, is_first=True) for payment in firsts]


def _begun(
    payments: Sequence[Sequence[Payout]],
    provider: str,
    fees: Mapping[str, int],
    taxes: Mapping[str, Columns],
    now: int,
) -> list[tuple[Payout, dict[str, Any]]]:
    """Only the first of a payment is asked about: the others follow it."""
    return [
        (
            payout,
            {
                "attempt_count": 1,
                "provider": provider,
                "fee_micros": fees[payout.id],
                "waits_for": _still(payout),
                "due_at": None if place else now + PATIENCE_MICROS,
                **taxes.get(payout.id, {}),
            },
        )
        for payment in payments
        for place, payout in enumerate(payment)
    ]


def _companions(connection: Connection, provider: str, due: Sequence[Payout], desk: Desk) -> list[Payout]:
    """Approved payouts that wait for company, of the people and to the destinations of those whose wait is over."""
    sought = {one.bundle_key for one in due if one.bundle_micros}
    if not sought:
        return []
    query = select(PAYOUT).where(
        PAYOUT.c.user_id.in_({user_id for user_id, _, _ in sought}),
        PAYOUT.c.state == State.SUBMITTED,
        PAYOUT.c.attempt_count == 0,
        PAYOUT.c.bundle_micros > 0,
        PAYOUT.c.waits_for.is_(None),
        PAYOUT.c.provider.in_(desk.promised_to(provider)),
        PAYOUT.c.id.not_in({one.id for one in due}),
    )
    rows = connection.execute(query.order_by(PAYOUT.c.id).limit(GROUP_MAX).with_for_update(skip_locked=True))
    return [one for one in map(payout_of, rows) if one.bundle_key in sought]


def _resume(connection: Connection, provider: str, due: Sequence[Payout], now: int, desk: Desk) -> list[Attempt]:
    rows = {row.payout_id: row for row in attempts.of_payouts(connection, [one.id for one in due])}
    own = {one.id: one for one in due if rows[one.id].provider == provider}
    if not own:
        return []
    due_at = {id_: now + silence(now - rows[id_].created_at) for id_ in own}
    later = [(one, {"due_at": due_at[one.id], "waits_for": _still(one)}) for one in own.values()]
    own = swap_each(connection, later, now)
    shared = attempts.by_key(connection, [rows[id_].provider_key for id_ in own if rows[id_].bundle])
    members = get_each(connection, [row.payout_id for found in shared.values() for row in found])
    payments = [_payment(own[id_], shared.get(rows[id_].provider_key, ()), members) for id_ in own]
    addresses = desk.addresses(connection, list(own.values()))
    # Kept anew it may be another: under the same key nothing is sent there.
    changed = desk.kept_later(connection, {one: rows[one.id].created_at for one in own.values()})
    firsts = [(payment, rows[payment[0].id]) for payment in payments]
    return [
        _attempt(
            payment, {} if payment[0] in changed else addresses, provider, row.created_at, row.outcome, is_first=False
        )
        for payment, row in firsts
    ]


def _still(payout: Payout) -> str | None:
    """Only an answer of the provider ends the wait for one: a question alone would be told as news, each minute."""
    return PROVIDER_UNREACHABLE if payout.waits_for == PROVIDER_UNREACHABLE else None


def silence(age_micros: int) -> int:
    """Microseconds until an attempt of that age is asked about again: half its age, a minute at least."""
    return min(max(age_micros // 2, PATIENCE_MICROS), SILENCE_MICROS_MAX)


def _payment(first: Payout, rows: Collection[Row[Any]], members: Mapping[str, Payout]) -> list[Payout]:
    return [first, *(members[row.payout_id] for row in rows if row.payout_id != first.id)]


def _attempt(
    payment: Sequence[Payout],
    addresses: Mapping[str, str],
    provider: str,
    created_at: int,
    outcome: str | None,
    *,
    is_first: bool,
) -> Attempt:
    first = payment[0]
    return Attempt(
        payout_id=first.id,
        provider=provider,
        provider_key=attempts.key_of(first.id),
        outcome=outcome,
        created_at=created_at,
        destination=addresses.get(first.destination, ""),
        amount_micros=sum(one.arriving_micros for one in payment),
        currency=first.currency,
        version=first.version,
        is_first=is_first,
    )
