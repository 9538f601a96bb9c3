"""The book's few hot statements, spoken to the driver itself: SQLite row by row in one call, PostgreSQL by arrays.

Everything runs on the caller's connection and inside its transaction; a driver's error is raised as SQLAlchemy's.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Rows = Sequence[tuple[Any, ...]]

TRANSFER_COLUMNS: Final = (
    "sequence id debit credit amount_micros kind hold_id cause_id effective_at recorded_at debit_before credit_before "
    "hash"
).split()
_EVENT_COLUMNS: Final = "sequence kind account micros at body hash".split()
_COLUMNS: Final = {
    "transfer": TRANSFER_COLUMNS,
    "ledger_event": _EVENT_COLUMNS,
    "account": "number id asset exponent kind owner owner_digest owner_sealed".split(),
    "balance": "account posted pending_out min_available last".split(),
}
_BYTES: Final = frozenset({"hash", "owner_digest", "owner_sealed"})
_NUMBERS: Final = frozenset(
    "sequence debit credit amount_micros effective_at recorded_at debit_before credit_before account micros at number "
    "exponent posted pending_out min_available last".split()
)
_STANDING: Final = (
    "SELECT id, number, posted, pending_out, min_available, last"
    " FROM account JOIN balance ON balance.account = account.number WHERE id"
)
_KNOWN: Final = "SELECT id, debit, credit, amount_micros, kind, cause_id, hold_id FROM transfer WHERE id"
_AMONG: Final = " IN (SELECT value FROM json_each(?))"
_NAMES: Final = "SELECT number, id FROM account WHERE number"


class Driver(Protocol):
    """One connection's statements."""

    def lock(self, ids: Sequence[str], size: int) -> tuple[tuple[int, bytes] | None, Rows]:
        """The head of the chain, from now on nobody else's until the transaction ends; None: there is no row yet.

        And of the transfers `ids` those that exist: id, debit, credit, amount, kind, cause, hold; accounts by numbers.
        `size`: about how many events the book has.
        """

    def begin(self, first: bytes) -> None:
        """Make the head's row, unless somebody just did."""

    def standing(self, ids: Sequence[str]) -> Rows:
        """id, number, posted, pending_out, min_available and last of the accounts that exist."""

    def names(self, numbers: Sequence[int]) -> Rows:
        """The number and id of accounts."""

    def together(self) -> AbstractContextManager[object]:
        """What is written inside may be sent in one go."""

    def insert(self, table: str, rows: Rows) -> None:
        """Rows of `transfer`, `ledger_event`, `account` or `balance`, with the columns above in their order."""

    def change(self, rows: Rows) -> None:
        """Of accounts: change of posted, change of pending_out, newest transfer, number."""

    def limit(self, number: int, min_available: int | None) -> None:
        """Set what an account must keep."""

    def advance(self, sequence: int, hash_: bytes) -> None:
        """Move the head of the chain."""


def driver_of(connection: Connection) -> Driver:
    """Begins the transaction if none is under way."""
    if not connection.in_transaction():
        connection.begin()
    cursor = connection.connection.cursor()
    return _Sqlite(cursor) if connection.dialect.name == "sqlite" else _Postgresql(cursor)


@contextmanager
def translated(connection: Connection) -> Iterator[None]:
    """Raise a driver's error as the one that SQLAlchemy would have raised."""
    base = connection.dialect.loaded_dbapi.Error
    try:
        yield
    except base as failure:
        raise DBAPIError.instance(
            "a statement of the book", None, failure, base, hide_parameters=True, dialect=connection.dialect
        ) from failure


class _Sqlite:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def lock(self, ids: Sequence[str], size: int) -> tuple[tuple[int, bytes] | None, Rows]:
        # BEGIN IMMEDIATE has locked everything.
        head = self._cursor.execute("SELECT sequence, hash FROM ledger_head WHERE id = 1").fetchone()
        return head, self._each(_KNOWN, ids) if ids else ()

    def begin(self, first: bytes) -> None:
        self._cursor.execute("INSERT INTO ledger_head (id, sequence, hash) VALUES (1, 0, ?)", (first,))

    def standing(self, ids: Sequence[str]) -> Rows:
        return self._each(_STANDING, ids)

    def names(self, numbers: Sequence[int]) -> Rows:
        return self._each(_NAMES, numbers)

    def together(self) -> AbstractContextManager[object]:
        return nullcontext()

    def insert(self, table: str, rows: Rows) -> None:
        self._cursor.executemany(_INSERT_ROWS[table], rows)

    def change(self, rows: Rows) -> None:
        self._cursor.executemany(
            "UPDATE balance SET posted = posted + ?, pending_out = pending_out + ?, last = ? WHERE account = ?", rows
        )

    def limit(self, number: int, min_available: int | None) -> None:
        self._cursor.execute("UPDATE balance SET min_available = ? WHERE account = ?", (min_available, number))

    def advance(self, sequence: int, hash_: bytes) -> None:
        self._cursor.execute("UPDATE ledger_head SET sequence = ?, hash = ? WHERE id = 1", (sequence, hash_))

    def _each(self, query: str, ids: Sequence[str] | Sequence[int]) -> Rows:
        if len(ids) == 1:
            found = self._cursor.execute(f"{query} = ?", ids)
        else:
            found = self._cursor.execute(query + _AMONG, (json.dumps(ids),))
        return found.fetchall()  # type: ignore[no-any-return]  # the driver has no types


class _Postgresql:
    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def lock(self, ids: Sequence[str], size: int) -> tuple[tuple[int, bytes] | None, Rows]:
        # Both go to the server at once; the second sees what was committed while the first waited. Its plan is kept
        # until the book has doubled, when its words are others: see `_each`.
        with self.together():
            locked = self._cursor.connection.cursor()
            locked.execute("SELECT sequence, hash FROM ledger_head WHERE id = 1 FOR UPDATE")
            if ids:
                self._cursor.execute(f"{_KNOWN} = ANY(%s) -- below 2^{size.bit_length()}", (_texts(ids),))
        return locked.fetchone(), self._cursor.fetchall() if ids else ()

    def begin(self, first: bytes) -> None:
        self._cursor.execute(
            "INSERT INTO ledger_head (id, sequence, hash) VALUES (1, 0, %s) ON CONFLICT DO NOTHING", (first,)
        )

    def standing(self, ids: Sequence[str]) -> Rows:
        return self._each(_STANDING, ids)

    def names(self, numbers: Sequence[int]) -> Rows:
        return self._each(_NAMES, numbers)

    def together(self) -> AbstractContextManager[object]:
        return self._cursor.connection.pipeline()  # type: ignore[no-any-return]  # as above

    def insert(self, table: str, rows: Rows) -> None:
        self._cursor.execute(_INSERT_ARRAYS[table], arrays(_COLUMNS[table], rows))

    def change(self, rows: Rows) -> None:
        self._cursor.execute(
            "UPDATE balance SET posted = posted + c.posted_change, pending_out = pending_out + c.pending_change,"
            " last = c.newest FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
            " AS c(posted_change, pending_change, newest, number) WHERE account = c.number",
            [_numbers(column) for column in zip(*rows, strict=True)],
            prepare=False,  # as in `_each`
        )

    def limit(self, number: int, min_available: int | None) -> None:
        self._cursor.execute("UPDATE balance SET min_available = %s WHERE account = %s", (min_available, number))

    def advance(self, sequence: int, hash_: bytes) -> None:
        self._cursor.execute("UPDATE ledger_head SET sequence = %s, hash = %s WHERE id = 1", (sequence, hash_))

    def _each(self, query: str, ids: Sequence[str] | Sequence[int]) -> Rows:
        # Planned anew each time: a plan that was kept from when a table was small would read the whole of it for ever.
        return self._cursor.execute(f"{query} = ANY(%s)", (list(ids),), prepare=False).fetchall()  # type: ignore[no-any-return]  # as above


def arrays(columns: Sequence[str], rows: Rows) -> list[str]:
    """Rows as one array a column, in PostgreSQL's own words: its driver takes five times as long to make them."""
    return [_ARRAYS[_type_of(name)](values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)]


def _numbers(values: Sequence[int | None]) -> str:
    return "{" + str(list(values))[1:-1].replace("None", "NULL") + "}"


def _texts(values: Sequence[str | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(value: str) -> str:
    if "\\" in value or '"' in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _bytes(values: Sequence[bytes | None]) -> str:
    return "{" + ",".join(["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values]) + "}"


_ARRAYS: Final[dict[str, Callable[[Sequence[Any]], str]]] = {"bigint": _numbers, "text": _texts, "bytea": _bytes}


def _type_of(column: str) -> str:
    return "bytea" if column in _BYTES else "bigint" if column in _NUMBERS else "text"


_INSERT_ROWS: Final = {
    table: f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608  # names from above
    for table, columns in _COLUMNS.items()
}
_INSERT_ARRAYS: Final = {
    table: f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest("  # noqa: S608  # as above
    f"{', '.join(f'%s::{_type_of(name)}[]' for name in columns)})"
    for table, columns in _COLUMNS.items()
}
