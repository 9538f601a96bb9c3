"""What `assay bench ledger` races: the whole book, and the least work that still keeps double entry and a chain."""

import hashlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol
from uuid import uuid4

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from features.money import MICROS_PER_UNIT
from pipelines.console import UserError
from serving.ledger import book, holds, proofs
from serving.ledger.drivers import TRANSFER_COLUMNS, arrays
from serving.ledger.holds import Hold
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind

ACCOUNTS: Final = 1000
FUNDS: Final = 1000 * MICROS_PER_UNIT
HELD_EVERY: Final = 10
"""One account in so many has an open hold, which each batch must count out of what is available."""
_NOW: Final = 1_760_000_000_000_000


class Lane(Protocol):
    """Posts random transfers between the same number of accounts, batch by batch, each in a commit of its own."""

    def run(self, batch: int, seconds: float) -> float:
        """Transfers a second."""

    def close(self) -> None: ...


class Book:
    """The book as it serves: `book.post` with everything that it checks, in the engine's own settings."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine, self._dice, self._number = engine, Random(seed), 0  # noqa: S311  # a load is no secret
        self._wallets = [Account(AccountKind.WALLET_AVAILABLE, f"u{number}", "CNY") for number in range(ACCOUNTS)]
        expense = Account(AccountKind.REWARD_EXPENSE, PLATFORM, "CNY")
        funded = [_transfer(f"fund-{one.owner}", expense, one, FUNDS) for one in self._wallets]
        with engine.begin() as connection:
            book.post(connection, funded, _NOW)
            for one in self._wallets[::HELD_EVERY]:
                holds.hold(connection, Hold(f"hold-{one.owner}", one, FUNDS // 2, "bench"), _NOW)

    def run(self, batch: int, seconds: float) -> float:
        began, posted = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            wanted = [self._drawn() for _ in range(batch)]
            with self._engine.begin() as connection:
                posted += book.post(connection, wanted, _NOW)
        return posted / (time.perf_counter() - began)

    def _drawn(self) -> Transfer:
        """Its id is the caller's, 16 bytes as text, in the order of time."""
        debit, credit = self._dice.sample(self._wallets, 2)
        self._number += 1
        key = f"{self._number:016x}{self._dice.getrandbits(64):016x}"
        return _transfer(key, debit, credit, self._dice.randrange(1, 5))

    def findings(self) -> list[str]:
        """Of the proofs, over everything that was posted."""
        with self._engine.connect() as connection:
            return proofs.check(connection)

    def close(self) -> None:
        self._engine.dispose()


def _transfer(id_: str, debit: Account, credit: Account, micros: int) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id=id_,
        effective_at=_NOW,
    )


class Floor:
    """One writer, SQLite in WAL mode with synchronous=FULL, net balance updates, a hash chain, a unique 16-byte id.

    No accounts by name, no holds, no validation; balances are known without reading them.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._book = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._dice, self._posted = Random(seed), [FUNDS] * ACCOUNTS  # noqa: S311  # as above
        self._head, self._sequence = bytes(32), 0
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE account(id INTEGER PRIMARY KEY, posted INT NOT NULL CHECK(posted >= 0)) STRICT",
            "CREATE TABLE transfer(seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, debit INT NOT NULL,"
            " credit INT NOT NULL, amount INT NOT NULL CHECK(amount > 0), hash BLOB NOT NULL) STRICT",
            "BEGIN",
        ):
            self._book.execute(statement)
        self._book.executemany("INSERT INTO account VALUES(?, ?)", enumerate(self._posted))
        self._book.execute("COMMIT")

    def run(self, batch: int, seconds: float) -> float:
        began, posted = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            touched: set[int] = set()
            rows = [self._drawn(touched) for _ in range(batch)]
            self._book.execute("BEGIN IMMEDIATE")
            self._book.executemany("INSERT INTO transfer VALUES(?, ?, ?, ?, ?, ?)", rows)
            self._book.executemany(
                "UPDATE account SET posted = ? WHERE id = ?", [(self._posted[one], one) for one in touched]
            )
            self._book.execute("COMMIT")
            posted += batch
        return posted / (time.perf_counter() - began)

    def _drawn(self, touched: set[int]) -> tuple[Any, ...]:
        debit, credit = self._dice.sample(range(ACCOUNTS), 2)
        amount = self._dice.randrange(1, 5)
        self._sequence += 1
        key = self._sequence.to_bytes(8, "big") + self._dice.randbytes(8)
        self._posted[debit] -= amount
        self._posted[credit] += amount
        touched.update((debit, credit))
        body = b"%b%b%d|%d|%d|%d" % (self._head, key, debit, credit, amount, self._sequence)
        self._head = hashlib.sha256(body).digest()
        return self._sequence, key, debit, credit, amount, self._head

    def close(self) -> None:
        self._book.close()


class Script:
    """A floor of somebody else's: `FILE --seconds S --batches B --dir FOLDER` prints {"batch", "transfers_per_s"}."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder

    def run(self, batch: int, seconds: float) -> float:
        told = [f"--seconds={seconds}", f"--batches={batch}", f"--dir={self._folder}"]
        command = [sys.executable, str(self._file), *told]
        made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the user's own file
        if made.returncode:
            raise UserError(f"--floor {self._file} failed: {made.stderr.strip().rpartition(chr(10))[2]}")
        lines = [json.loads(line) for line in made.stdout.splitlines() if line.startswith("{")]
        found = [float(line["transfers_per_s"]) for line in lines if line.get("batch") == batch]
        if not found:
            raise UserError(f"--floor {self._file} printed no JSON line with batch {batch} and transfers_per_s")
        return found[-1]

    def close(self) -> None: ...


class BareArrays:
    """PostgreSQL: nothing but one INSERT from arrays a commit, into a table of the book's columns and two keys."""

    _INSERT: Final = (
        "INSERT INTO bare SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],"
        " %s::text[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bytea[])"
    )

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine, self._dice, self._number = engine, Random(seed), 0  # noqa: S311  # as above
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE bare (sequence bigint PRIMARY KEY, id varchar(255) NOT NULL UNIQUE,"
                " debit bigint NOT NULL, credit bigint NOT NULL, amount_micros bigint NOT NULL,"
                " kind varchar(24) NOT NULL, hold_id varchar(255), cause_id varchar(255) NOT NULL,"
                " effective_at bigint NOT NULL,"
                " recorded_at bigint NOT NULL, debit_before bigint NOT NULL, credit_before bigint NOT NULL,"
                " hash bytea NOT NULL)"
            )

    def run(self, batch: int, seconds: float) -> float:
        began, posted = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            columns = arrays(TRANSFER_COLUMNS, [self._drawn() for _ in range(batch)])
            with self._engine.begin() as connection:
                connection.connection.cursor().execute(self._INSERT, columns)
            posted += batch
        return posted / (time.perf_counter() - began)

    def _drawn(self) -> tuple[Any, ...]:
        debit, credit = self._dice.sample(range(ACCOUNTS), 2)
        self._number += 1
        key = f"{self._number:016x}{self._dice.getrandbits(64):016x}"
        amount = self._dice.randrange(1, 5)
        return self._number, key, debit, credit, amount, "reward", None, key, _NOW, _NOW, debit, credit, bytes(32)

    def close(self) -> None: ...


@contextmanager
def own_database(server: str) -> Iterator[str | None]:
    """The address of an empty database on a PostgreSQL server, gone afterwards; None where none answers."""
    name = f"assay_bench_{uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            _say(connection, f"CREATE DATABASE {name}")
    except (DBAPIError, ImportError):
        yield None
        return
    try:
        yield engine.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            _say(connection, f"DROP DATABASE {name} WITH (FORCE)")
        engine.dispose()


def _say(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)
