"""A person's money as the person sees it, and the first step of taking it out."""

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import Connection

from features.money import in_words, payable
from serving.ledger import book
from serving.ledger.holds import Hold, hold
from serving.ledger.refusals import Refusal
from serving.ledger.transfer import Account, AccountKind


class TooSmall(Refusal):
    """Less than the smallest unit in which the currency is paid."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Wallet:
    """In micros. Pending: not mature yet. Held: on its way out. Withdrawable: available, in whole payable units."""

    pending_micros: int
    available_micros: int
    held_micros: int
    withdrawable_micros: int


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
    return Wallet(
        pending_micros=pending.available_micros,
        available_micros=available.available_micros,
        held_micros=available.held_micros,
        withdrawable_micros=payable(available.available_micros, currency),
    )


def hold_withdrawal(connection: Connection, order: WithdrawalOrder, now: int) -> Hold:
    """Set aside what can be paid of the amount. Here, and nowhere else, an amount is rounded: down to the currency's
    exponent; the remainder stays in the wallet. Raises `InsufficientFunds`, `TooSmall`, `Conflicting`.
    """
    amount = payable(order.amount_micros, order.currency)
    if amount <= 0:
        asked = in_words(order.amount_micros, order.currency)
        raise TooSmall(f"{asked} is less than can be paid in {order.currency}", amount_micros=order.amount_micros)
    account = Account(AccountKind.WALLET_AVAILABLE, order.user_id, order.currency)
    return hold(connection, Hold(f"{order.id}/hold", account, amount, order.id), now)
