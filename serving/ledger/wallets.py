"""A person's money as the person sees it, and the first step of taking it out."""

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection

from features.money import in_words, payable
from serving.ledger import book
from serving.ledger.accruals import accrued_micros, post_person
from serving.ledger.debts import owed
from serving.ledger.freezes import frozen_micros
from serving.ledger.holds import Hold, find, hold
from serving.ledger.recovered import recover_returned, remember_withdrawal, returned_due
from serving.ledger.refusals import Refusal
from serving.ledger.transfer import Account, AccountKind


class TooSmall(Refusal):
    """Less than the smallest unit in which the currency is paid."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Wallet:
    """In micros. Pending: not mature yet. Held: on its way out, or frozen by a ban. Frozen: what bans keep from
    moving, of what is held and of what is pending.

    Withdrawable: available and accrued, in whole payable units. Accrued: posted when its window ends or the person
    withdraws. Owed: for fraud that was found; later rewards pay it in part.
    """

    pending_micros: int
    available_micros: int
    held_micros: int
    withdrawable_micros: int
    frozen_micros: int = 0
    owed_micros: int = 0
    accrued_micros: int = 0


@dataclass(frozen=True, slots=True)
class WithdrawalOrder:
    """A person asks for `amount_micros`; the id (the event's) makes a retry harmless."""

    id: str
    user_id: str
    amount_micros: int
    currency: str


def wallet(connection: Connection, user_id: str, currency: str) -> Wallet:
    pending = book.balance(connection, Account(AccountKind.WALLET_PENDING, user_id, currency))
    available = book.balance(connection, Account(AccountKind.WALLET_AVAILABLE, user_id, currency))
    accrued = accrued_micros(connection, user_id, currency)
    back = sum(returned_due(connection, user_id, currency).values())
    return Wallet(
        pending_micros=pending.available_micros,
        available_micros=available.available_micros,
        held_micros=available.held_micros,
        withdrawable_micros=payable(available.available_micros + accrued - back, currency),
        frozen_micros=frozen_micros(connection, user_id, currency),
        owed_micros=owed(connection, user_id, currency),
        accrued_micros=accrued,
    )


def hold_withdrawal(connection: Connection, order: WithdrawalOrder, now: int) -> Hold:
    """Set aside what can be paid of the amount. Here, and nowhere else, an amount is rounded: down to the currency's
    exponent; the remainder stays in the wallet. Raises `InsufficientFunds`, `TooSmall`, `Conflicting`.
    """
    amount = payable(order.amount_micros, order.currency)
    if amount <= 0:
        asked = in_words(order.amount_micros, order.currency)
        raise TooSmall(f"{asked} is less than can be paid in {order.currency}", amount_micros=order.amount_micros)
    book.lock(connection)
    post_person(connection, order.user_id, order.currency, now)
    hold_id = f"{order.id}/hold"
    if find(connection, hold_id) is None:  # a retry takes nothing more
        recover_returned(connection, order.user_id, order.currency, order.id, now)
    account = Account(AccountKind.WALLET_AVAILABLE, order.user_id, order.currency)
    held = hold(connection, Hold(hold_id, account, amount, order.id), now)
    remember_withdrawal(connection, order.id, held, now)
    return held
