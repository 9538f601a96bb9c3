"""Payouts that no configured provider was promised find one, or wait in plain sight; none is lost, none is refused.

So waits what was asked for before its destination was kept, and what was promised to a provider that is configured no
more. What such a provider has begun stays its own for ever, for only it can say what became of it,
or a person who has looked in its books: see reviews.py.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Connection, select

from serving.payouts.claims import GROUP_MAX, due_of
from serving.payouts.desk import DESTINATION_NEEDED, PROVIDER_NEEDED, Desk, waiting
from serving.payouts.destinations import kinds_at
from serving.payouts.fees import fee_of
from serving.payouts.routes import DIGEST, NoRoute, route
from serving.payouts.saga import PAYOUT, PaidBy, Payout, payout_of, swap_each
from serving.policy_payouts import FeeRule

NAMES_MAX: Final = 100
"""Names of providers that payouts of one home were ever promised to."""


def strangers(connection: Connection, providers: Collection[str], now: int) -> list[str]:
    """Names that are none of `providers` and have payouts that are due; empty where nobody was promised.

    One step through the index a name: with nothing to do it reads no payouts.
    """
    found: list[str] = []
    name: str | None = None
    for _ in range(NAMES_MAX):
        query = select(PAYOUT.c.provider).where(PAYOUT.c.due_at.is_not(None), PAYOUT.c.provider.is_not(None))
        if name is not None:
            query = query.where(PAYOUT.c.provider > name)
        name = connection.scalar(query.order_by(PAYOUT.c.provider).limit(1))
        if name is None:
            break
        if name not in providers and connection.execute(due_of([name], now, 1)).first() is not None:
            found.append(name)
    return found


def reroute(connection: Connection, names: Collection[str], desk: Desk, now: int, limit: int = GROUP_MAX) -> int:
    """Give due payouts of `names`, which nobody pays for, to a provider, or park them with a reason; how many those
    are. Raises `Overtaken` by another writer.
    """
    query = due_of(names, now, min(limit, GROUP_MAX)).with_for_update(skip_locked=True)
    payouts = [payout_of(row) for row in connection.execute(query)]
    kinds = kinds_at(connection, {one.destination for one in payouts})
    routed, parked = [], []
    for one in payouts:
        provider = _provider(one, kinds.get(one.destination), desk)
        if provider is None:
            wait = waiting(_reason(one, kinds, desk), now)
            parked.append((one, {"waits_for": wait.reason, "due_at": wait.until}))
        else:
            terms = {"provider": provider, "fee_micros": _fee(one, desk.rules_of(provider).get(one.currency))}
            routed.append((one, terms | {"waits_for": None, "due_at": now}))
    swap_each(connection, routed, now)
    swap_each(connection, parked, now)
    return len(payouts)


def _provider(payout: Payout, kind: str | None, desk: Desk) -> str | None:
    """Who pays it from now on; None: nobody can, or another provider has begun to."""
    if payout.attempt_count or (kind is None and desk.vault is not None):
        return None
    assert desk.policy is not None, "a desk that knows its providers knows its routes"
    try:
        chosen = route(payout.currency, kind or DIGEST, desk.policy.payouts).provider
    except NoRoute:
        return None
    return chosen if chosen in desk.providers else None


def _reason(payout: Payout, kinds: Mapping[str, str], desk: Desk) -> str:
    is_unknown = desk.vault is not None and payout.destination not in kinds
    return DESTINATION_NEEDED if is_unknown and not payout.attempt_count else PROVIDER_NEEDED


def _fee(payout: Payout, rule: FeeRule | None) -> int:
    """A person bears no more than was shown; what was shown to nobody is the platform's to bear."""
    fee = fee_of(payout.amount_micros, payout.currency, rule)
    return min(fee, payout.fee_micros or 0) if payout.fee_paid_by == PaidBy.PERSON else fee
