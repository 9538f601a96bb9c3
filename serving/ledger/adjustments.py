"""A named person corrects: what somebody owes is forgiven, a wallet is put right. Dated, with the reason, and borne by
the platform's reserve.
"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import ClassVar, Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Connection, Index, String, Table, bindparam, insert, select

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ASSET
from serving.ledger.debts import debt_of, owed
from serving.ledger.refusals import Refusal, conflicting
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind


class Corrects(StrEnum):
    """What an adjustment changes. A wallet may be raised or lowered, a debt only lowered, the reserve only filled."""

    DEBT = "debt"
    WALLET = "wallet"
    RESERVE = "reserve"


class Excessive(Refusal):
    """More would be forgiven than is owed."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Adjustment:
    """`amount_micros` more for the person (or, below zero and for wallets only, less). The id makes a retry harmless.

    Raises ValueError without a name and a reason, for an amount of zero, and for one that raises a debt.
    """

    id: str
    corrects: Corrects
    owner: str
    currency: str
    amount_micros: int
    decided_by: str
    reason: str

    def __post_init__(self) -> None:
        if not (self.decided_by.strip() and self.reason.strip()):
            raise ValueError(f"{self.id}: an adjustment says who decided it (decided_by) and why (reason)")
        if self.amount_micros == 0 or (self.amount_micros < 0 and self.corrects is not Corrects.WALLET):
            raise ValueError(f"{self.id}: amount_micros is above zero; only a wallet can be lowered, too")
        if self.corrects is Corrects.RESERVE and self.owner != PLATFORM:
            raise ValueError(f"{self.id}: the reserve is owned by {PLATFORM!r}")


ADJUSTMENT = Table(
    "adjustment",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("corrects", String(16), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("decided_by", String(128), nullable=False),
    Column("reason", String(2000), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("amount_micros <> 0", name="adjustment_amount"),
    Index("adjustment_of_owner", "owner", "recorded_at"),
)

_FIND: Final = select(ADJUSTMENT).where(ADJUSTMENT.c.id == bindparam("adjustment"))


def adjust(connection: Connection, adjustment: Adjustment, now: int) -> bool:
    """Carry it out; whether it is new. Again with the same body: no effect.

    Raises `Conflicting` for a used id with another body, `Excessive` for more than is owed, `InsufficientFunds` for
    more than is available in the wallet.
    """
    book.lock(connection)
    known = connection.execute(_FIND, {"adjustment": adjustment.id}).one_or_none()
    if known is not None:
        if any(getattr(known, name) != value for name, value in asdict(adjustment).items()):
            raise conflicting("adjustment", adjustment.id)
        return False
    if adjustment.corrects is Corrects.DEBT:
        _assert_owed(connection, adjustment)
    book.post(connection, [_transfer(adjustment, now)], now)
    connection.execute(insert(ADJUSTMENT), [asdict(adjustment) | {"recorded_at": now}])
    return True


def _assert_owed(connection: Connection, adjustment: Adjustment) -> None:
    owing = owed(connection, adjustment.owner, adjustment.currency)
    if adjustment.amount_micros > owing:
        raise Excessive(f"{adjustment.owner} owes {owing} micros: at most so much can be forgiven", owed_micros=owing)


def _transfer(adjustment: Adjustment, now: int) -> Transfer:
    debit, credit = _accounts(adjustment)
    if adjustment.amount_micros < 0:
        debit, credit = credit, debit
    return Transfer(
        id=f"{adjustment.id}/{TransferKind.ADJUSTMENT}",
        debit=debit,
        credit=credit,
        amount_micros=abs(adjustment.amount_micros),
        kind=TransferKind.ADJUSTMENT,
        cause_id=adjustment.id,
        effective_at=now,
    )


def _accounts(adjustment: Adjustment) -> tuple[Account, Account]:
    reserve = Account(AccountKind.NO_FAULT_RESERVE, PLATFORM, adjustment.currency)
    if adjustment.corrects is Corrects.RESERVE:
        return Account(AccountKind.REWARD_EXPENSE, PLATFORM, adjustment.currency), reserve
    if adjustment.corrects is Corrects.DEBT:
        return reserve, debt_of(adjustment.owner, adjustment.currency)
    return reserve, Account(AccountKind.WALLET_AVAILABLE, adjustment.owner, adjustment.currency)
