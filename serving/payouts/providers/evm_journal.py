"""What a token transfer must remember before anything leaves: its nonce, and every transaction ever signed for it."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    UniqueConstraint,
    case,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA

EVM_SENDER = Table(
    "evm_sender",
    METADATA,
    Column("sender", String(64), primary_key=True),
    Column("nonce_next", BigInteger, nullable=False),
)
EVM_PAYMENT = Table(
    "evm_payment",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("sender", String(64), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("destination", String(42), nullable=False),
    Column("units", String(78), nullable=False),
    Column("gas_units", BigInteger, nullable=False),
    Column("is_mined", Boolean, nullable=False),
    Column("is_final", Boolean, nullable=False),
    UniqueConstraint("sender", "nonce", name="evm_payment_nonce"),
    Index("evm_payment_open", "sender", "is_final", "nonce"),
)
EVM_BROADCAST = Table(
    "evm_broadcast",
    METADATA,
    Column("hash", String(66), primary_key=True),
    Column("key", String(64), ForeignKey("evm_payment.key"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("fee_wei", BigInteger, nullable=False),
    Column("tip_wei", BigInteger, nullable=False),
    Column("block", BigInteger, nullable=False),
    Column("raw", Text, nullable=False),
    UniqueConstraint("key", "number", name="evm_broadcast_number"),
)
PAYMENTS_MAX: Final = 1_000
"""Unfinished payments that one round looks after, the lowest nonces first."""


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A signed transaction: fees per unit of gas, and the block that was the head when it was signed."""

    hash: str
    fee_wei: int
    tip_wei: int
    block: int
    raw: str


@dataclass(frozen=True, slots=True)
class Payment:
    """`sender` is `chain id:address`; `broadcasts` in the order in which they were signed, the first one first."""

    key: str
    sender: str
    nonce: int
    destination: str
    units: int
    gas_units: int
    broadcasts: tuple[Broadcast, ...] = ()
    is_mined: bool = False

    @property
    def hashes(self) -> list[str]:
        return [one.hash for one in self.broadcasts]


def lock(connection: Connection, sender: str, chain_count: int) -> None:
    """From here to the commit nobody else takes a nonce of this sender. `chain_count` is the first one's, once ever."""
    new = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    first = new(EVM_SENDER).values(sender=sender, nonce_next=chain_count).on_conflict_do_nothing()
    connection.execute(first)
    connection.execute(select(EVM_SENDER).where(EVM_SENDER.c.sender == sender).with_for_update())


def take_nonce(connection: Connection, sender: str, chain_count: int) -> int:
    """The next nonce, taken for good; `lock` comes first. Never one that was taken before, whatever a node says after
    a reorganisation; never one that `chain_count` shows as used.
    """
    next_ = EVM_SENDER.c.nonce_next
    taken = update(EVM_SENDER).where(EVM_SENDER.c.sender == sender)
    later = case((next_ < chain_count, chain_count), else_=next_) + 1
    return int(connection.execute(taken.values(nonce_next=later).returning(next_)).scalar_one()) - 1


def record(connection: Connection, payment: Payment) -> None:
    row = {name: getattr(payment, name) for name in ("key", "sender", "nonce", "destination", "gas_units")}
    also = {"units": str(payment.units), "is_mined": False, "is_final": False}
    connection.execute(insert(EVM_PAYMENT), [row | also])


def add_broadcast(connection: Connection, key: str, number: int, one: Broadcast) -> None:
    row = {"key": key, "number": number, "hash": one.hash, "fee_wei": one.fee_wei, "tip_wei": one.tip_wei}
    connection.execute(insert(EVM_BROADCAST), [row | {"block": one.block, "raw": one.raw}])


def find(connection: Connection, key: str) -> Payment | None:
    row = connection.execute(select(EVM_PAYMENT).where(EVM_PAYMENT.c.key == key)).one_or_none()
    return _payment_of(connection, row) if row else None


def open_payments(connection: Connection, sender: str) -> list[Payment]:
    """Those that a reorganisation can still undo, or that are not mined yet; by nonce."""
    mine = (EVM_PAYMENT.c.sender == sender) & EVM_PAYMENT.c.is_final.is_(False)
    query = select(EVM_PAYMENT).where(mine).order_by(EVM_PAYMENT.c.nonce).limit(PAYMENTS_MAX)
    return [_payment_of(connection, row) for row in connection.execute(query).all()]


def waiting_count(connection: Connection, sender: str) -> int:
    """Payments that were not mined when somebody last looked."""
    waits = (EVM_PAYMENT.c.sender == sender) & EVM_PAYMENT.c.is_mined.is_(False)
    return int(connection.scalar(select(func.count()).select_from(EVM_PAYMENT).where(waits)) or 0)


def mark(connection: Connection, key: str, *, is_mined: bool, is_final: bool) -> None:
    changed = {"is_mined": is_mined, "is_final": is_final}
    connection.execute(update(EVM_PAYMENT).where(EVM_PAYMENT.c.key == key).values(changed))


def _payment_of(connection: Connection, row: Row[Any]) -> Payment:
    query = select(EVM_BROADCAST).where(EVM_BROADCAST.c.key == row.key).order_by(EVM_BROADCAST.c.number)
    broadcasts = tuple(
        Broadcast(one.hash, one.fee_wei, one.tip_wei, one.block, one.raw) for one in connection.execute(query)
    )
    known = row.key, row.sender, row.nonce, row.destination, int(row.units), row.gas_units
    return Payment(*known, broadcasts, row.is_mined)
