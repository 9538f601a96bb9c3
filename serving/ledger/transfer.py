"""Accounts and transfers as plain values: what cannot balance cannot be constructed.

A balance is credits minus debits, for every account. What we owe (wallets, budgets) is therefore positive, what is
owed to us (receivables, cash) negative, each asset sums to zero, and one rule bounds them all: available >= minimum.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from features.money import MICROS_MAX, exponent_of

TRANSFER_ID_LENGTH_MAX: Final = 255
PLATFORM: Final = "platform"
"""The owner of the accounts that are the platform's own."""


class AccountKind(StrEnum):
    CASH = "cash"
    BUDGET = "budget"
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    REWARD_EXPENSE = "reward_expense"
    NO_FAULT_RESERVE = "no_fault_reserve"
    WALLET_PENDING = "wallet_pending"
    WALLET_AVAILABLE = "wallet_available"
    FEES = "fees"
    CLEARING = "clearing"
    PROVIDER_CASH = "provider_cash"
    SUSPENSE = "suspense"


class Side(StrEnum):
    """The side on which an account normally stands."""

    DEBIT = "debit"
    CREDIT = "credit"


class Circle(StrEnum):
    """Money moves inside a circle and never between the two, so that each sums to zero by itself.

    Advertisers: what was deposited or is owed = budgets left + revenue.
    People: rewards granted = wallets + clearing + paid + fees; no payout can be funded by anything else.
    """

    ADVERTISERS = "advertisers"
    PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Rule:
    """How accounts of a kind behave. `min_available` None: no bound (a receivable may get a credit limit)."""

    normal: Side
    circle: Circle
    min_available: int | None


CHART: Final[dict[AccountKind, Rule]] = {
    AccountKind.CASH: Rule(Side.DEBIT, Circle.ADVERTISERS, None),
    AccountKind.BUDGET: Rule(Side.CREDIT, Circle.ADVERTISERS, 0),
    AccountKind.RECEIVABLE: Rule(Side.DEBIT, Circle.ADVERTISERS, None),
    AccountKind.REVENUE: Rule(Side.CREDIT, Circle.ADVERTISERS, None),
    AccountKind.REWARD_EXPENSE: Rule(Side.DEBIT, Circle.PEOPLE, None),
    # Nothing sets money aside for it yet: its debit balance is what blameless reversals have cost.
    AccountKind.NO_FAULT_RESERVE: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.WALLET_PENDING: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.WALLET_AVAILABLE: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.FEES: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.CLEARING: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.PROVIDER_CASH: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.SUSPENSE: Rule(Side.CREDIT, Circle.PEOPLE, None),
}


@dataclass(frozen=True, slots=True)
class Account:
    """One owner's account of one kind in one asset (an ISO 4217 currency)."""

    kind: AccountKind
    owner: str
    asset: str

    @property
    def id(self) -> str:
        """`kind:asset:owner`; the owner comes last because only an owner may contain a colon."""
        return f"{self.kind}:{self.asset}:{self.owner}"

    @property
    def rule(self) -> Rule:
        return CHART[self.kind]

    @classmethod
    def parse(cls, id_: str) -> Self:
        """The inverse of `id`. Raises ValueError if it is not one."""
        kind, asset, owner = id_.split(":", 2)
        return cls(AccountKind(kind), owner, asset)


class TransferKind(StrEnum):
    DEPOSIT = "deposit"
    REVENUE = "revenue"
    REVENUE_RETURNED = "revenue_returned"
    REWARD = "reward"
    MATURITY = "maturity"
    CLAWBACK = "clawback"
    NO_FAULT = "no_fault"
    CAPTURE = "capture"
    SETTLEMENT = "settlement"
    REVERSAL = "reversal"


class Unbalanced(ValueError):  # noqa: N818  (it names the state that was refused)
    """A defect of the caller: such a transfer must not exist, not even for a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`amount_micros` leaves `debit` and arrives at `credit`.

    `id` is derived by the caller from the cause, e.g. `{event_id}/reward`, so that a retry is harmless. A transfer
    with a `hold_id` spends money that was held. Raises `Unbalanced`, or ValueError for an unknown currency.
    """

    id: str
    debit: Account
    credit: Account
    amount_micros: int
    kind: TransferKind
    cause_id: str
    effective_at: int
    hold_id: str | None = None

    def __post_init__(self) -> None:
        if self.debit.asset != self.credit.asset:
            raise Unbalanced(f"{self.id}: {self.debit.asset} cannot become {self.credit.asset} in one transfer")
        if self.debit == self.credit:
            raise Unbalanced(f"{self.id}: {self.debit.id} cannot pay itself")
        if self.debit.rule.circle is not self.credit.rule.circle:
            raise Unbalanced(f"{self.id}: {self.debit.kind} and {self.credit.kind} lie in different circles")
        if type(self.amount_micros) is not int or not 0 < self.amount_micros <= MICROS_MAX:
            raise Unbalanced(f"{self.id}: an amount is an integer from 1 to {MICROS_MAX}, not {self.amount_micros!r}")
        if not 0 < len(self.id) <= TRANSFER_ID_LENGTH_MAX:
            raise Unbalanced(f"a transfer id has 1 to {TRANSFER_ID_LENGTH_MAX} characters")
        exponent_of(self.asset)

    @property
    def asset(self) -> str:
        return self.debit.asset

    @property
    def body(self) -> tuple[str, str, int, str, str, str | None]:
        """What must be equal for two transfers of one id to be the same. No time: a retry happens later."""
        return self.debit.id, self.credit.id, self.amount_micros, self.kind, self.cause_id, self.hold_id
