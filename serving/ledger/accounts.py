"""The tables of the book, and the rules that the database keeps by itself, whoever writes to it."""

from typing import Final

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    event,
)

from features.money import MICROS_MAX
from serving.database import METADATA
from serving.ledger.transfer import TRANSFER_ID_LENGTH_MAX

# SQLite numbers only a column that is called INTEGER, which there has 64 bits too.
SEQUENCE: Final = BigInteger().with_variant(Integer(), "sqlite")
ACCOUNT_ID: Final = String(255)
TRANSFER_ID: Final = String(TRANSFER_ID_LENGTH_MAX)
ASSET: Final = String(3)

ACCOUNT = Table(
    "account",
    METADATA,
    Column("id", ACCOUNT_ID, primary_key=True),
    Column("asset", ASSET, nullable=False),
    Column("exponent", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("posted", BigInteger, nullable=False),
    Column("pending_out", BigInteger, nullable=False),
    Column("min_available", BigInteger),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("min_available IS NULL OR posted - pending_out >= min_available", name="account_available"),
    CheckConstraint("pending_out >= 0", name="account_pending_out"),
    Index("account_of_kind", "kind", "asset"),
)

TRANSFER = Table(
    "transfer",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True),
    Column("id", TRANSFER_ID, nullable=False),
    Column("debit", ACCOUNT_ID, ForeignKey("account.id"), nullable=False),
    Column("credit", ACCOUNT_ID, ForeignKey("account.id"), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("asset", ASSET, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("hold_id", String(255), ForeignKey("hold.id")),
    Column("cause_id", String(255), nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    UniqueConstraint("id", name="transfer_once"),
    CheckConstraint(f"amount_micros > 0 AND amount_micros <= {MICROS_MAX}", name="transfer_amount"),
    CheckConstraint("debit <> credit", name="transfer_two_accounts"),
    Index("transfer_of_debit", "debit", "sequence"),
    Index("transfer_of_credit", "credit", "sequence"),
    sqlite_autoincrement=True,
)

HOLD = Table(
    "hold",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("account", ACCOUNT_ID, ForeignKey("account.id"), nullable=False),
    Column("asset", ASSET, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause_id", String(255), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    CheckConstraint(f"amount_micros > 0 AND amount_micros <= {MICROS_MAX}", name="hold_amount"),
    CheckConstraint("state IN ('open', 'captured', 'released')", name="hold_state"),
    CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="hold_resolved"),
    Index("hold_of_account", "account", "state"),
)

_IDENTITY_OF_A_HOLD: Final = "NEW.id <> OLD.id OR NEW.account <> OLD.account OR NEW.amount_micros <> OLD.amount_micros"


def _refuse(table: Table, act: str, message: str, when: str = "1 = 1") -> None:
    """A trigger on `table` that refuses `act` with `message`. PostgreSQL gets a listener of its own beside this one."""
    statement = (
        f"CREATE TRIGGER {table.name}_refuses_{act.lower()} BEFORE {act} ON {table.name} WHEN {when} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )
    trigger = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left this constructor untyped
    event.listen(table, "after_create", trigger.execute_if(dialect="sqlite"))


# INSERT OR REPLACE deletes without asking the triggers on DELETE.
_refuse(
    TRANSFER,
    "INSERT",
    "a transfer is never replaced: reverse it",
    "EXISTS (SELECT 1 FROM transfer WHERE id = NEW.id OR sequence = NEW.sequence)",
)
_refuse(HOLD, "INSERT", "a hold is never replaced", "EXISTS (SELECT 1 FROM hold WHERE id = NEW.id)")
_refuse(TRANSFER, "UPDATE", "a transfer is never edited: reverse it")
_refuse(TRANSFER, "DELETE", "a transfer is never deleted: reverse it")
_refuse(HOLD, "UPDATE", "a hold resolves once and never changes", f"OLD.state <> 'open' OR {_IDENTITY_OF_A_HOLD}")
_refuse(HOLD, "DELETE", "a hold is never deleted: release it")
