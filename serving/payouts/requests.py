"""A withdrawal is asked for: what it costs, who would pay it and whether it may be, said before and settled with it."""

from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from features.money import in_words, payable
from serving.ledger import wallets
from serving.payouts import limits, saga
from serving.payouts.destinations import kind_at
from serving.payouts.fees import fee_of
from serving.payouts.identity import states
from serving.payouts.identity.paid import usage_of
from serving.payouts.identity.triggers import announced, room
from serving.payouts.limits import BeyondLimits, Wanted
from serving.payouts.routes import DIGEST, NoRoute, route
from serving.payouts.saga import PaidBy, Payout, PayoutOrder, Terms
from serving.payouts.taxes import Asked, of_each
from serving.policy import Policy

MINUTE: Final = 60 * 1_000_000
UNKEPT: Final = "payout_destination: it is not kept, and what is asked for waits until it is"


@dataclass(frozen=True, slots=True)
class Quote:
    """Before anything is held. `amount_micros` leaves the wallet, `arriving_micros` arrives, by `provider`.

    `tax_micros` is what would be withheld if it began now; None: nothing counts for a country.

    `objection` is why it would be refused now, with its remedy; None: it would be taken. `notice` is what the person
    must show before it is paid, or soon will have to.
    """

    amount_micros: int
    fee_micros: int
    fee_paid_by: PaidBy
    arriving_micros: int
    provider: str
    waits_micros: int
    objection: str | None
    notice: str | None
    tax_micros: int | None = None


def request(connection: Connection, wanted: Wanted, destination: str, now: int, policy: Policy) -> Payout:
    """Hold the money and open its payout on the terms of now; again: no effect. All or nothing inside a savepoint.

    Raises `InsufficientFunds`, `TooSmall`, `BeyondLimits`, `NoRoute`, `Conflicting`.
    """
    known = saga.find(connection, wanted.id)
    if known is None:
        limits.assert_size(connection, wanted, now, policy)
    order = wallets.WithdrawalOrder(wanted.id, wanted.user_id, wanted.amount_micros, wanted.currency)
    held = wallets.hold_withdrawal(connection, order, now)
    if known is not None:
        return saga.start(connection, PayoutOrder(wanted.id, held.id, destination), now)
    limits.assert_room(connection, wanted, now, policy)
    terms = terms_of(connection, held.amount_micros, wanted.currency, destination, policy)
    _assert_arrives(held.amount_micros, wanted.currency, terms)
    return saga.start(connection, PayoutOrder(wanted.id, held.id, destination, terms), now)


def quote(connection: Connection, wanted: Wanted, destination: str, now: int, policy: Policy) -> Quote:
    """What `request` would do, writing nothing. Raises `NoRoute`."""
    amount = payable(wanted.amount_micros, wanted.currency)
    terms = terms_of(connection, amount, wanted.currency, destination, policy)
    taken = terms.fee_micros if terms.fee_paid_by is PaidBy.PERSON else 0
    asked = Asked(wanted.id, wanted.user_id, wanted.currency, amount, max(amount - taken, 0))
    taxes = of_each(connection, [asked], now, policy.tax, {wanted.user_id: wanted.accounts})
    tax = taxes[asked.id]["tax_micros"] if taxes else None
    return Quote(
        amount_micros=amount,
        fee_micros=terms.fee_micros,
        fee_paid_by=terms.fee_paid_by,
        arriving_micros=asked.arriving_micros - (tax or 0),
        provider=terms.provider,
        waits_micros=terms.bundle_micros,
        objection=_objection(connection, wanted, amount, terms, now, policy),
        notice=_notice(connection, wanted, now, policy) if terms.provider else UNKEPT,
        tax_micros=tax,
    )


def terms_of(connection: Connection, amount_micros: int, currency: str, destination: str, policy: Policy) -> Terms:
    """On what terms an amount would be paid: by nobody yet, and at no cost to the person, where the destination is not
    kept and its kind decides. Raises `NoRoute`.
    """
    kind = kind_at(connection, destination)
    try:
        chosen = route(currency, kind, policy.payouts).provider
    except NoRoute:
        if kind != DIGEST:
            raise
        return Terms()  # who pays is found once it is kept: see routing.py
    rule = policy.payouts.fees.get(chosen, {}).get(currency)
    is_small = amount_micros <= policy.payouts.bundled_micros_max.get(currency, 0)
    return Terms(
        provider=chosen,
        fee_micros=fee_of(amount_micros, currency, rule),
        fee_paid_by=PaidBy(rule.paid_by) if rule else PaidBy.PLATFORM,
        bundle_micros=policy.payouts.bundle_minutes * MINUTE if is_small else 0,
    )


def _objection(
    connection: Connection, wanted: Wanted, amount_micros: int, terms: Terms, now: int, policy: Policy
) -> str | None:
    available = wallets.wallet(connection, wanted.user_id, wanted.currency).withdrawable_micros
    least = limits.least_micros(connection, replace(wanted, amount_micros=available), now, policy.withdrawal_limits)
    if available < least:  # said first: no amount that could be asked for instead would be taken
        paid, there, more = (in_words(one, wanted.currency) for one in (least, available, least - available))
        return f"amount_micros: the least that is paid is {paid} and {there} can be withdrawn now: earn {more} more"
    try:
        limits.assert_size(connection, wanted, now, policy)
        limits.assert_room(connection, wanted, now, policy)
        _assert_arrives(amount_micros, wanted.currency, terms)
    except BeyondLimits as refusal:
        return str(refusal)
    if amount_micros > available:
        return f"amount_micros: {in_words(available, wanted.currency)} can be withdrawn now: ask for that, or earn more"
    return None


def _notice(connection: Connection, wanted: Wanted, now: int, policy: Policy) -> str | None:
    usage = usage_of(connection, wanted.accounts | {wanted.user_id}, now, policy.identity.window_days, wanted.id)
    place = room(usage, wanted.currency, policy.identity)
    identity = states.get(connection, wanted.user_id)
    said = announced(identity, place, wanted.currency, policy.identity, now, wanted.amount_micros)
    return said.sentence if said else None


def _assert_arrives(amount_micros: int, currency: str, terms: Terms) -> None:
    if terms.fee_paid_by is PaidBy.PERSON and terms.fee_micros >= amount_micros:
        fee = in_words(terms.fee_micros, currency)
        raise BeyondLimits("fee_exceeds_amount", "amount_micros", f"being paid costs {fee}: ask for more than that")


__all__ = ["NoRoute", "Quote", "quote", "request", "terms_of"]
