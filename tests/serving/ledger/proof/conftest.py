"""A small book of all that a chain can hold, and somebody who has the database and none of the keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, CursorResult, Engine, text

from serving.ledger import book, holds
from serving.ledger.chain import GENESIS, event_hash, transfer_hash
from serving.ledger.holds import Hold
from serving.ledger.proof import heads, kept
from serving.ledger.proof.signing import Places, Signer
from serving.ledger.proof.verify import Report, verify
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

KEY = heads.key_of(bytes(range(32)))
NOW = 1_790_000_000_000_000
CHECKS = "transfer_amount transfer_two_accounts transfer_before transfer_hash".split()
Run = Callable[..., CursorResult[Any]]


def _reward(number: int, user: str, currency: str, cause: str) -> Transfer:
    return Transfer(
        id=f"event-{number}/reward",
        debit=Account(AccountKind.REWARD_EXPENSE, "platform", currency),
        credit=Account(AccountKind.WALLET_AVAILABLE, user, currency),
        amount_micros=1_000_000 + number,
        kind=TransferKind.REWARD,
        cause_id=cause,
        effective_at=NOW + number,
    )


def _fill(connection: Connection, rewards: int, first: int = 0, cause: str = "event-{}") -> None:
    waiting: list[Transfer] = []
    for number in range(first, first + rewards):
        one = _reward(number, f"user-{number % 12}", "JPY" if number % 12 == 5 else "CNY", cause.format(number))
        waiting.append(one)
        if number % 5 and number + 1 < first + rewards:
            continue
        book.post(connection, waiting, NOW + number)
        waiting.clear()
        if number % 5 == 0:
            holds.hold(connection, Hold(f"hold-{number}", one.credit, 400_000, f"withdrawal-{number}"), NOW + number)
        if number % 10 == 0:
            bank = Account(AccountKind.CLEARING, "bank", one.asset)
            holds.capture(connection, f"hold-{number}", bank, NOW + number)
        elif number % 15 == 0:
            holds.release(connection, f"hold-{number}", NOW + number)


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def fill() -> Callable[..., None]:
    """Writes so many rewards of twelve people, every fifth with a hold that is open, captured or released."""
    return _fill


@pytest.fixture
def filled(engine: Engine) -> Engine:
    """A book of some two hundred events."""
    with engine.begin() as connection:
        _fill(connection, 120)
    return engine


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that whoever has the database has not."""
    return tmp_path / "outside"


@pytest.fixture
def signer(engine: Engine, outside: Path, tmp_path: Path) -> Signer:
    return Signer(engine, Places([outside], tmp_path / "tiles"), KEY)


@pytest.fixture
def judged(outside: Path) -> Callable[..., Report]:
    """Verifies what a connection sees against the heads outside."""

    def judge(connection: Connection, **more: Any) -> Report:
        keys = {heads.key_id(KEY.public_key()): KEY.public_key()}
        return verify(connection, list(kept.lines_of(outside)), keys, **more)

    return judge


@pytest.fixture(scope="session")
def run() -> Run:
    """Executes a statement: names in braces are written into it, the others are bound."""

    def execute(connection: Connection, statement: str, **values: Any) -> CursorResult[Any]:
        for name, value in values.items():
            statement = statement.replace("{" + name + "}", str(value))
        return connection.execute(text(statement), values)

    return execute


@pytest.fixture
def intruder(filled: Engine, run: Run) -> Iterator[Connection]:
    """A transaction in which no trigger and no constraint refuses anything; it is rolled back."""
    with filled.connect() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            for (name,) in run(connection, "SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
                connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for name in CHECKS:
                connection.exec_driver_sql(f"ALTER TABLE transfer DROP CONSTRAINT {name}")
        yield connection
        connection.rollback()
        if is_sqlite:
            connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
            connection.rollback()


@pytest.fixture(scope="session")
def forge(run: Run) -> Callable[[Connection], None]:
    """Makes everything in the database fit what its rows now say: only what lies outside can still tell."""

    def forged(connection: Connection) -> None:
        last: dict[int, int] = {}
        for row in run(connection, "SELECT sequence, debit, credit FROM transfer ORDER BY sequence").all():
            befores = {"debit": last.get(row.debit, 0), "credit": last.get(row.credit, 0), "at": row.sequence}
            change = "UPDATE transfer SET debit_before = :debit, credit_before = :credit WHERE sequence = :at"
            run(connection, change, **befores)
            last[row.debit] = last[row.credit] = row.sequence
        rows = [*run(connection, "SELECT * FROM transfer"), *run(connection, "SELECT * FROM ledger_event")]
        previous, sequence = GENESIS, 0
        for row in sorted(rows, key=lambda row: row.sequence):
            sequence, is_transfer = row.sequence, hasattr(row, "debit")
            previous = _transfer_hash(previous, row) if is_transfer else _event_hash(previous, row)
            table = "transfer" if is_transfer else "ledger_event"
            run(
                connection,
                "UPDATE {table} SET hash = :hash WHERE sequence = :at",
                table=table,
                hash=previous,
                at=sequence,
            )
        run(connection, "UPDATE ledger_head SET sequence = :at, hash = :hash", at=sequence, hash=previous)
        for change in _SETTLING:
            run(connection, change)

    return forged


def _transfer_hash(previous: bytes, row: Any) -> bytes:
    numbers = row.debit, row.credit, row.amount_micros, row.debit_before, row.credit_before
    words = row.id, row.kind, row.cause_id, row.hold_id or ""
    return transfer_hash(previous, row.sequence, *numbers, row.effective_at, row.recorded_at, words)


def _event_hash(previous: bytes, row: Any) -> bytes:
    return event_hash(previous, row.sequence, row.kind, row.account, row.micros, row.at, row.body)


_SETTLING = (
    "DELETE FROM balance WHERE account NOT IN (SELECT sequence FROM ledger_event WHERE kind = 'opened')",
    "DELETE FROM account WHERE number NOT IN (SELECT account FROM balance)",
    "UPDATE balance SET posted = coalesce((SELECT sum(amount_micros) FROM transfer WHERE credit = account), 0)"
    " - coalesce((SELECT sum(amount_micros) FROM transfer WHERE debit = account), 0)",
    "UPDATE balance SET pending_out = coalesce((SELECT sum(micros) FROM ledger_event e"
    " WHERE e.account = balance.account AND e.kind IN ('held', 'captured', 'released', 'expired', 'reserved')), 0)",
    "UPDATE balance SET last = coalesce("
    "(SELECT max(sequence) FROM transfer WHERE credit = account OR debit = account), 0)",
)
