"""The tables of the book, and the rules that the database keeps by itself, whoever writes to it.

Two of them are the chain: `transfer`, and `ledger_event` for everything else that changes what an account has or may
spend. They share one sequence without gaps, from 1 on, and each row carries the hash of itself and of all before it.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from features.money import MICROS_MAX
from serving.database import METADATA
from serving.ledger.transfer import TRANSFER_ID_LENGTH_MAX
from serving.triggers import refuse, refuse_before_the_newest, refuse_replacing, refuse_unknown

# SQLite numbers only a column that is called INTEGER, which there has 64 bits too.
SEQUENCE: Final = BigInteger().with_variant(Integer(), "sqlite")
ACCOUNT_ID: Final = String(255)
TRANSFER_ID: Final = String(TRANSFER_ID_LENGTH_MAX)
ASSET: Final = String(3)
HASH: Final = LargeBinary(32)

POSTED_MAX: Final = 2**62
"""Micros either side of zero that an account may hold, 4.6 million millions of a currency. Beyond 64 bits SQLite would
go on with floats, and lose micros without a word."""

ACCOUNT = Table(
    "account",
    METADATA,
    Column("number", SEQUENCE, primary_key=True, autoincrement=False),
    Column("id", ACCOUNT_ID, nullable=False),
    Column("asset", ASSET, nullable=False),
    Column("exponent", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("owner_digest", HASH, nullable=False),
    Column("owner_sealed", LargeBinary),
    UniqueConstraint("id", name="account_once"),
    CheckConstraint("exponent >= 0 AND exponent <= 6", name="account_exponent"),
    CheckConstraint("length(owner_digest) = 32", name="account_owner_digest"),
    Index("account_of_kind", "kind", "asset"),
)
"""What an account is. `number`: the sequence of the event that opened it. What it has is its `balance`.

The chain covers `owner_digest`, the SHA-256 of `owner_sealed`: who owns the account can be forgotten, the rest not.
"""

BALANCE = Table(
    "balance",
    METADATA,
    Column("account", SEQUENCE, ForeignKey("account.number"), primary_key=True, autoincrement=False),
    Column("posted", BigInteger, nullable=False),
    Column("pending_out", BigInteger, nullable=False),
    Column("min_available", BigInteger),
    Column("last", BigInteger, nullable=False),
    CheckConstraint("min_available IS NULL OR posted - pending_out >= min_available", name="balance_available"),
    CheckConstraint("pending_out >= 0", name="balance_pending_out"),
    CheckConstraint(f"posted >= -{POSTED_MAX} AND posted <= {POSTED_MAX}", name="balance_countable"),
    postgresql_with={"fillfactor": 50},  # room for the next version of a row beside it, so that no index is touched
)
"""What an account has. `last`: the sequence of its newest transfer, 0 before the first.

Apart from the account, because every batch writes balances: of these rows a page holds eight times as many.
"""

STANDING: Final = ACCOUNT.join(BALANCE)
"""Every account with what it has. One without a balance is nowhere in it: only the proofs look for such."""

TRANSFER = Table(
    "transfer",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("id", TRANSFER_ID, nullable=False),
    Column("debit", BigInteger, nullable=False),
    Column("credit", BigInteger, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("hold_id", String(255)),
    Column("cause_id", String(255), nullable=False),
    Column("effective_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("debit_before", BigInteger, nullable=False),
    Column("credit_before", BigInteger, nullable=False),
    Column("hash", HASH, nullable=False),
    UniqueConstraint("id", name="transfer_once"),
    CheckConstraint(f"amount_micros > 0 AND amount_micros <= {MICROS_MAX}", name="transfer_amount"),
    CheckConstraint("debit > 0 AND credit > 0 AND debit <> credit", name="transfer_two_accounts"),
    CheckConstraint(
        "debit_before >= 0 AND debit_before < sequence AND credit_before >= 0 AND credit_before < sequence",
        name="transfer_before",
    ),
    CheckConstraint("length(hash) = 32", name="transfer_hash"),
)
"""`debit_before` and `credit_before` name the transfer before this one on either account, 0 where there was none: an
account's history is read from its newest transfer back, without an index whose pages every batch would write anew.
"""

LEDGER_EVENT = Table(
    "ledger_event",
    METADATA,
    Column("sequence", SEQUENCE, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("micros", BigInteger),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", HASH, nullable=False),
    CheckConstraint("length(hash) = 32", name="ledger_event_hash"),
    Index("ledger_event_of_account", "account", "sequence"),
)
"""What opened an account, limited it, held on it or let go: `micros` is the change of what is held, or the limit.

`body` is canonical JSON. `account` is 0 for an event of the book as a whole.
"""

LEDGER_HEAD = Table(
    "ledger_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    Column("hash", HASH, nullable=False),
    CheckConstraint("id = 1", name="ledger_head_one"),
    CheckConstraint("length(hash) = 32", name="ledger_head_hash"),
)
"""The newest sequence of the chain and its hash. Whoever writes to the book locks this row first."""

HOLD = Table(
    "hold",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("account", BigInteger, ForeignKey("account.number"), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("cause_id", String(255), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("expires_at", BigInteger),
    Column("captured_micros", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint(f"amount_micros > 0 AND amount_micros <= {MICROS_MAX}", name="hold_amount"),
    CheckConstraint("state IN ('open', 'captured', 'released')", name="hold_state"),
    CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="hold_resolved"),
    CheckConstraint("captured_micros >= 0 AND captured_micros <= amount_micros", name="hold_captured_part"),
    CheckConstraint("(state = 'captured') = (captured_micros > 0)", name="hold_captured"),
    CheckConstraint("expires_at IS NULL OR expires_at > opened_at", name="hold_expires"),
    Index("hold_of_account", "account", "state"),
    Index(
        "hold_due",
        "expires_at",
        sqlite_where=text("state = 'open' AND expires_at IS NOT NULL"),
        postgresql_where=text("state = 'open' AND expires_at IS NOT NULL"),
    ),
)

_IDENTITY_OF_AN_ACCOUNT: Final = ("number", "asset", "exponent", "kind", "owner_digest")
_NEVER_ACCOUNT: Final = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in _IDENTITY_OF_AN_ACCOUNT)
_NEVER_HOLD: Final = (
    " OR ".join(f"NEW.{name} <> OLD.{name}" for name in ("id", "account", "amount_micros", "cause_id", "opened_at"))
    + " OR coalesce(NEW.expires_at, -1) <> coalesce(OLD.expires_at, -1)"
)
for table, name in ((TRANSFER, "a transfer"), (LEDGER_EVENT, "an event of the book")):
    refuse(table, "UPDATE", f"{name} is never edited: reverse it")
    refuse(table, "DELETE", f"{name} is never deleted: reverse it")
    # A row that would replace another by its id is stopped by the trigger on DELETE: see `recursive_triggers`.
    refuse_before_the_newest(table, "sequence", f"{name} is never replaced: it comes after all others")
refuse_unknown(TRANSFER, ("debit", "credit"), BALANCE, "account", "a transfer moves between accounts that exist")
refuse_unknown(LEDGER_EVENT, ("account",), BALANCE, "account", "an event of the book speaks of an account that exists")
refuse(ACCOUNT, "DELETE", "an account is never deleted")
refuse(ACCOUNT, "UPDATE", "an account stays what it was opened as", _NEVER_ACCOUNT, of=_IDENTITY_OF_AN_ACCOUNT)
refuse_replacing(ACCOUNT, "an account is never replaced", "number = NEW.number OR id = NEW.id")
refuse(BALANCE, "DELETE", "a balance is never deleted")
refuse(BALANCE, "UPDATE", "a balance stays that of its account", "NEW.account <> OLD.account", of=("account",))
refuse_replacing(BALANCE, "a balance is never replaced", "account = NEW.account")
refuse(LEDGER_HEAD, "DELETE", "the head of the chain is never deleted")
refuse(LEDGER_HEAD, "UPDATE", "the head of the chain only moves forward", "NEW.sequence <= OLD.sequence")
refuse_replacing(LEDGER_HEAD, "the head of the chain is never replaced", "id = NEW.id")
refuse_replacing(HOLD, "a hold is never replaced", "id = NEW.id")
refuse(HOLD, "UPDATE", "a hold resolves once and never changes", f"OLD.state <> 'open' OR {_NEVER_HOLD}")
refuse(HOLD, "DELETE", "a hold is never deleted: release it")
