"""What a platform itself may order of the book, and nothing else: no order makes money.

| order     | from                           | to                               | bound by                     |
| --------- | ------------------------------ | -------------------------------- | ---------------------------- |
| bonus     | a campaign's reward budget     | a person's wallet                | what the budget has left     |
| deduction | a person's wallet              | the platform's reserve           | what the person can withdraw |
| forgiven  | the platform's reserve         | a person's debt                  | what the person owes         |
| restored  | what was put aside of a person | the same person's wallet         | what was put aside           |
| capture   | a hold of the platform's own   | put aside of the person, or fees | what was held                |

Every source but one is an account that cannot fall below zero, and the one that can (the reserve) only lowers a debt,
which nobody is paid. Cash, clearing and payouts are moved by payouts and reconciliation alone: their holds have ids of
another form, so that an order can neither spend nor free what is on its way to a person.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from serving.ledger import adjustments, book, budgets, holds
from serving.ledger.adjustments import Adjustment, Corrects
from serving.ledger.holds import Hold
from serving.ledger.refusals import AlreadyResolved, ConflictingTransfer, Refusal
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind

_DAY: Final = 86_400 * 1_000_000
HOLD_DAYS: Final = 7
"""So long a hold lasts that names no end."""
HOLD_DAYS_MAX: Final = 90
LINKED_MAX: Final = 100
"""Orders that are carried out together; more would hold the one writer for too long."""


class OrderKind(StrEnum):
    BONUS = "bonus"
    DEDUCTION = "deduction"
    FORGIVEN = "forgiven"
    RESTORED = "restored"


class CapturedTo(StrEnum):
    """Fees: the person bought something of the platform. Suspense: put aside until it is decided whose it is."""

    FEES = "fees"
    SUSPENSE = "suspense"


@dataclass(frozen=True, slots=True)
class Order:
    """`amount_micros` of `user_id`'s, ordered by a named person for a reason. The id makes a retry harmless.

    Raises ValueError for a bonus without a campaign.
    """

    id: str
    kind: OrderKind
    user_id: str
    amount_micros: int
    currency: str
    decided_by: str
    reason: str
    campaign_id: str | None = None

    def __post_init__(self) -> None:
        if (self.kind is OrderKind.BONUS) is (self.campaign_id is None):
            raise ValueError("campaign_id is what a bonus, and only a bonus, is paid from")


@dataclass(frozen=True, slots=True)
class HoldOrder:
    """Put `amount_micros` of a person's wallet aside until `expires_at`, because of `reason`."""

    id: str
    user_id: str
    amount_micros: int
    currency: str
    expires_at: int


def carry_out(connection: Connection, order: Order, now: int) -> str:
    """The id of the transfer. Again with the same body: no effect.

    Raises `InsufficientFunds`, `Excessive` (more than is owed), `Conflicting` for a used id with another body.
    """
    if order.kind in _CORRECTS:
        adjustments.adjust(connection, _adjustment(order), now)
        return f"{_id_of(order)}/{TransferKind.ADJUSTMENT}"
    debit, credit = _accounts(order)
    if book.balance(connection, debit).min_available is None:  # suspense: what was put aside, and no micro more
        book.limit(connection, debit, 0)
    transfer = Transfer(
        id=_id_of(order),
        debit=debit,
        credit=credit,
        amount_micros=order.amount_micros,
        kind=TransferKind.BONUS if order.kind is OrderKind.BONUS else TransferKind.ADJUSTMENT,
        cause_id=order.id,
        effective_at=now,
    )
    book.post(connection, [transfer], now)
    return transfer.id


def carry_out_linked(connection: Connection, linked: Sequence[Order], now: int) -> list[str]:
    """The ids of the transfers, all of which are there when this returns, or none of those that were new.

    They are carried out in their order, so that one may move what another before it brought. Raises as `carry_out`
    does; the message names the order that was refused.
    """
    entries = []
    with connection.begin_nested():
        for order in linked:
            try:
                entries.append(carry_out(connection, order, now))
            except Refusal as refusal:
                told = f"transfer {order.id!r} is refused, and none of the {len(linked)} is carried out: {refusal}"
                raise type(refusal)(told, **refusal.facts) from None
    return entries


def open_hold(connection: Connection, order: HoldOrder, now: int) -> Hold:
    """Raises `InsufficientFunds`, `Conflicting` for a used id with another body."""
    account = Account(AccountKind.WALLET_AVAILABLE, order.user_id, order.currency)
    wanted = Hold(_hold_id(order.id), account, order.amount_micros, order.id, expires_at=order.expires_at)
    with _named(order.id):
        return holds.hold(connection, wanted, now)


def expiry(connection: Connection, hold_id: str, now: int, asked: int | None) -> int:
    """When a hold ends: one that is known, asked for again, when it was said to end at first.

    Raises ValueError for a new one that would be over before it begins, or last too long.
    """
    known = holds.find(connection, _hold_id(hold_id))
    if known is not None and known.expires_at is not None:
        return known.expires_at if asked is None else asked
    until = now + HOLD_DAYS * _DAY if asked is None else asked
    if not now < until <= now + HOLD_DAYS_MAX * _DAY:
        raise ValueError(f"must lie ahead, by at most {HOLD_DAYS_MAX} days")
    return until


def capture_hold(connection: Connection, hold_id: str, credit: CapturedTo, amount_micros: int | None, now: int) -> Hold:
    """Spend a hold of the platform's own, whole or in part; the rest is free again. Raises as `holds.capture` does, but
    `AlreadyResolved` for one that was captured otherwise.
    """
    with _named(hold_id):
        held = holds.get(connection, _hold_id(hold_id))
        to = Account(AccountKind.FEES, PLATFORM, held.account.asset)
        if credit is CapturedTo.SUSPENSE:
            to = Account(AccountKind.SUSPENSE, held.account.owner, held.account.asset)
        try:
            holds.capture(connection, held.id, to, now, amount_micros)
        except ConflictingTransfer:
            told = f"hold {held.id!r} was captured before: {held.captured_micros} micros"
            raise AlreadyResolved(told, hold_id=held.id, state=held.state) from None
        return holds.get(connection, held.id)


def release_hold(connection: Connection, hold_id: str, now: int) -> Hold:
    """Free a hold of the platform's own. Raises as `holds.release` does."""
    with _named(hold_id):
        holds.release(connection, _hold_id(hold_id), now)
        return holds.get(connection, _hold_id(hold_id))


@contextmanager
def _named(hold_id: str) -> Iterator[None]:
    """What is refused of a hold names it as the platform does, which knows nothing of the book's own ending."""
    try:
        yield
    except Refusal as refusal:
        told = str(refusal).replace(repr(_hold_id(hold_id)), repr(hold_id))
        raise type(refusal)(told, **refusal.facts) from None


_CORRECTS: Final = {OrderKind.DEDUCTION: Corrects.WALLET, OrderKind.FORGIVEN: Corrects.DEBT}


def _accounts(order: Order) -> tuple[Account, Account]:
    wallet = Account(AccountKind.WALLET_AVAILABLE, order.user_id, order.currency)
    if order.kind is OrderKind.BONUS:
        assert order.campaign_id is not None
        return budgets.reward_budget_of(order.campaign_id, order.currency), wallet
    return Account(AccountKind.SUSPENSE, order.user_id, order.currency), wallet


def _adjustment(order: Order) -> Adjustment:
    return Adjustment(
        id=_id_of(order),
        corrects=_CORRECTS[order.kind],
        owner=order.user_id,
        currency=order.currency,
        amount_micros=-order.amount_micros if order.kind is OrderKind.DEDUCTION else order.amount_micros,
        decided_by=order.decided_by,
        reason=order.reason,
    )


def _id_of(order: Order) -> str:
    """No other transfer's id ends so."""
    return f"{order.id}/ordered"


def is_own_capture(transfer_id: str) -> bool:
    """Whether a hold of the platform's own was spent by it: no payment to the person."""
    return transfer_id.endswith(holds.capture_id(_HOLD))


_HOLD: Final = "/platform-hold"


def _hold_id(id_: str) -> str:
    """No payout's hold has an id that ends so."""
    return f"{id_}{_HOLD}"
