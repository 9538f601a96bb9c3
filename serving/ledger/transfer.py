"""Accounts and transfers as plain values: what cannot balance cannot be constructed.

A balance is credits minus debits, for every account. What we owe (wallets, budgets) is therefore positive, what is
owed to us (receivables, cash) negative, each asset sums to zero, and one rule bounds them all: available >= minimum.
"""

from dataclasses import dataclass, field
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
    REWARD_BUDGET = "reward_budget"
    NO_FAULT_RESERVE = "no_fault_reserve"
    WALLET_PENDING = "wallet_pending"
    WALLET_AVAILABLE = "wallet_available"
    FEES = "fees"
    CLEARING = "clearing"
    PROVIDER_CASH = "provider_cash"
    SUSPENSE = "suspense"
    DEBT = "debt"
    TAX_WITHHELD = "tax_withheld"
    CONVERSION = "conversion"


class Side(StrEnum):
    """The side on which an account normally stands."""

    DEBIT = "debit"
    CREDIT = "credit"


class Circle(StrEnum):
    """Money moves inside a circle and never between the two, so that each sums to zero by itself.

    Advertisers: what was deposited or is owed = budgets left + revenue.
    People: rewards granted = reward budgets left + wallets + clearing + paid + fees; nothing else funds a payout.
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
    AccountKind.REWARD_BUDGET: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    # Unbounded, because a blameless reversal never waits for it to be filled: a debit balance is what is missing.
    AccountKind.NO_FAULT_RESERVE: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.WALLET_PENDING: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.WALLET_AVAILABLE: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.FEES: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.CLEARING: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    AccountKind.PROVIDER_CASH: Rule(Side.CREDIT, Circle.PEOPLE, None),
    AccountKind.SUSPENSE: Rule(Side.CREDIT, Circle.PEOPLE, None),
    # What a person owes, by a reviewer's final finding of fraud: a receivable of its own, so no wallet is below zero.
    AccountKind.DEBT: Rule(Side.DEBIT, Circle.PEOPLE, None),
    AccountKind.TAX_WITHHELD: Rule(Side.CREDIT, Circle.PEOPLE, 0),
    # Between two assets: points given up are credited, the money given for them debited, each in its own asset.
    AccountKind.CONVERSION: Rule(Side.CREDIT, Circle.PEOPLE, None),
}


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """One owner's account of one kind in one asset (an ISO 4217 currency).

    `id` is `kind:asset:owner`; the owner comes last because only an owner may contain a colon. Accounts are equal when
    their ids are.
    """

    kind: AccountKind
    owner: str
    asset: str
    id: str = field(init=False, repr=False)
    rule: Rule = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Both are asked for several times a transfer, so they are found once.
        object.__setattr__(self, "id", f"{self.kind}:{self.asset}:{self.owner}")
        object.__setattr__(self, "rule", CHART[self.kind])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Account) and self.id == other.id

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def exponent(self) -> int:
        """Decimals in which the asset is paid. Raises ValueError for one that ISO 4217 does not list."""
        return exponent_of(self.asset)

    @classmethod
    def parse(cls, id_: str) -> Self:
        """The inverse of `id`. Raises ValueError if it is not one."""
        kind, asset, owner = id_.split(":", 2)
        return cls(AccountKind(kind), owner, asset)


class TransferKind(StrEnum):
    DEPOSIT = "deposit"
    ALLOCATION = "allocation"
    REVENUE = "revenue"
    REVENUE_RETURNED = "revenue_returned"
    REWARD = "reward"
    MATURITY = "maturity"
    CLAWBACK = "clawback"
    NO_FAULT = "no_fault"
    CAPTURE = "capture"
    SETTLEMENT = "settlement"
    FEE = "fee"
    REVERSAL = "reversal"
    DEBT = "debt"
    DEBT_COLLECTED = "debt_collected"
    RECOVERY = "recovery"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"
    BONUS = "bonus"
    RESERVE = "reserve"
    TAX = "tax"
    CONVERSION = "conversion"


ENDS_A_BALANCE: Final = frozenset(
    {
        TransferKind.CAPTURE,
        TransferKind.CLAWBACK,
        TransferKind.RECOVERY,
        TransferKind.DEBT_COLLECTED,
        TransferKind.ADJUSTMENT,
        TransferKind.CONVERSION,
        TransferKind.REVERSAL,
    }
)
"""All that may take from what a person can withdraw: the person, fraud, a named reviewer. Time is not here."""


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
        debit, credit = self.debit, self.credit
        if debit.asset != credit.asset:
            raise Unbalanced(f"{self.id}: {debit.asset} cannot become {credit.asset} in one transfer")
        if debit.id == credit.id:
            raise Unbalanced(f"{self.id}: {debit.id} cannot pay itself")
        if debit.rule.circle is not credit.rule.circle:
            raise Unbalanced(f"{self.id}: {debit.kind} and {credit.kind} lie in different circles")
        if type(self.amount_micros) is not int or not 0 < self.amount_micros <= MICROS_MAX:
            raise Unbalanced(f"{self.id}: an amount is an integer from 1 to {MICROS_MAX}, not {self.amount_micros!r}")
        if not 0 < len(self.id) <= TRANSFER_ID_LENGTH_MAX:
            raise Unbalanced(f"a transfer id has 1 to {TRANSFER_ID_LENGTH_MAX} characters")
        exponent_of(debit.asset)

    @property
    def asset(self) -> str:
        return self.debit.asset

    @property
    def body(self) -> tuple[str, str, int, str, str, str | None]:
        """What must be equal for two transfers of one id to be the same. No time: a retry happens later."""
        return self.debit.id, self.credit.id, self.amount_micros, self.kind, self.cause_id, self.hold_id
