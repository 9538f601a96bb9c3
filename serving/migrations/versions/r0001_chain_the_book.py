"""The book of earlier releases becomes a chain: accounts get numbers, every transfer and hold its place and its hash.

What was recorded is chained anew in its order: accounts, transfers, holds, what is reserved, and last an event
`adopted` that counts them, so that a reader of the chain knows which part was chained when it was already history.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from alembic import op
from sqlalchemy import Connection, ForeignKeyConstraint, inspect, text
from sqlalchemy.schema import AddConstraint

from serving.database import METADATA
from serving.ledger import owners
from serving.ledger.accounts import ACCOUNT, BALANCE, HOLD, LEDGER_EVENT, LEDGER_HEAD, TRANSFER
from serving.ledger.chain import GENESIS, EventKind, canonical, event_hash, transfer_hash
from serving.ledger.drivers import driver_of

revision = "r0001"
down_revision = None

PAGE = 5_000
_BEFORE = ("account", "transfer", "hold")


def upgrade() -> None:
    connection = op.get_bind()
    if "number" in {column["name"] for column in inspect(connection).get_columns("account")}:
        return
    referring = _put_aside(connection)
    for table in (ACCOUNT, BALANCE, TRANSFER, LEDGER_EVENT, LEDGER_HEAD, HOLD, owners.SUBJECT_KEY):
        table.create(connection)
    _Adoption(connection).run()
    for constraint in referring:
        connection.execute(AddConstraint(constraint))
    for name in _BEFORE:
        connection.exec_driver_sql(f"DROP TABLE before_{name}")


def _put_aside(connection: Connection) -> list[ForeignKeyConstraint]:
    """Copy the three tables and drop them; what other tables' references to them are to be made again.

    SQLite judges references when the transaction ends, and then the new tables are there.
    """
    for name in _BEFORE:
        connection.exec_driver_sql(f"CREATE TABLE before_{name} AS SELECT * FROM {name}")  # noqa: S608  # names from above
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        for name in ("transfer", "hold", "account"):
            connection.exec_driver_sql(f"DROP TABLE {name}")
        return []
    there = set(inspect(connection).get_table_names())
    for name in ("transfer", "hold", "account"):
        connection.exec_driver_sql(f"DROP TABLE {name} CASCADE")
    return [
        constraint
        for table in METADATA.sorted_tables
        if table.name in there.difference(_BEFORE)
        for constraint in table.foreign_key_constraints
        if constraint.referred_table.name in _BEFORE
    ]


class _Adoption:
    def __init__(self, connection: Connection) -> None:
        self._connection, self._driver = connection, driver_of(connection)
        self._sequence, self._hash = 0, GENESIS
        self._numbers: dict[str, int] = {}
        self._last: dict[int, int] = {}

    def run(self) -> None:
        counts = {"accounts": 0, "transfers": 0, "holds": 0}
        self._driver.begin(GENESIS)
        for page in self._pages("account", "id"):
            self._open(page)
            counts["accounts"] += len(page)
        for page in self._pages("transfer", "sequence"):
            self._transfer(page)
            counts["transfers"] += len(page)
        held: dict[str, int] = {}
        for page in self._pages("hold", "id"):
            self._hold(page, held)
            counts["holds"] += len(page)
        self._reserve(held)
        self._append([(EventKind.ADOPTED, 0, None, 0, canonical(counts))])
        self._driver.change([(0, 0, newest, number) for number, newest in self._last.items()])
        if self._sequence:
            self._driver.advance(self._sequence, self._hash)

    def _pages(self, name: str, key: str) -> Iterator[Sequence[Any]]:
        after: Any = "" if key == "id" else 0
        query = text(f"SELECT * FROM before_{name} WHERE {key} > :after ORDER BY {key} LIMIT {PAGE}")  # noqa: S608  # as above
        while rows := self._connection.execute(query, {"after": after}).all():
            yield rows
            after = getattr(rows[-1], key)

    def _append(self, events: Sequence[tuple[EventKind, int, int | None, int, str]]) -> None:
        rows = []
        for kind, account, micros, at, body in events:
            self._sequence += 1
            number = self._sequence if kind is EventKind.OPENED else account
            self._hash = event_hash(self._hash, self._sequence, kind.value, number, micros, at, body)
            rows.append((self._sequence, kind.value, number, micros, at, body, self._hash))
        if rows:
            self._driver.insert("ledger_event", rows)

    def _open(self, page: Sequence[Any]) -> None:
        rows: list[tuple[Any, ...]] = []
        balances: list[tuple[Any, ...]] = []
        events: list[tuple[EventKind, int, int | None, int, str]] = []
        keys = owners.keys_made(self._connection, {row.owner for row in page}, 0)
        for row in page:
            seal = owners.sealed(row.owner, keys[row.owner])
            digest = owners.digest(seal)
            number = self._sequence + len(rows) + 1
            self._numbers[row.id] = number
            body = {"asset": row.asset, "exponent": row.exponent, "kind": row.kind, "owner": digest.hex()}
            events.append((EventKind.OPENED, number, row.min_available, 0, canonical(body)))
            rows.append((number, row.id, row.asset, row.exponent, row.kind, row.owner, digest, seal))
            balances.append((number, row.posted, row.pending_out, row.min_available, 0))
        self._driver.insert("account", rows)
        self._driver.insert("balance", balances)
        self._append(events)

    def _transfer(self, page: Sequence[Any]) -> None:
        rows: list[tuple[Any, ...]] = []
        for row in page:
            self._sequence += 1
            debit, credit = self._numbers[row.debit], self._numbers[row.credit]
            before = self._last.get(debit, 0), self._last.get(credit, 0)
            numbers = debit, credit, row.amount_micros
            words = row.id, row.kind, row.cause_id, row.hold_id or ""
            times = row.effective_at, row.recorded_at
            self._hash = transfer_hash(self._hash, self._sequence, *numbers, *before, *times, words)
            told = self._sequence, row.id, *numbers, row.kind, row.hold_id, row.cause_id
            rows.append((*told, *times, *before, self._hash))
            self._last[debit] = self._last[credit] = self._sequence
        self._driver.insert("transfer", rows)

    def _hold(self, page: Sequence[Any], held: dict[str, int]) -> None:
        rows: list[dict[str, Any]] = []
        for row in page:
            number, captured = self._numbers[row.account], row.amount_micros if row.state == "captured" else 0
            body = {"id": row.id, "cause": row.cause_id, "expires_at": None}
            events = [(EventKind.HELD, number, row.amount_micros, row.opened_at, canonical(body))]
            if row.state == "open":
                held[row.account] = held.get(row.account, 0) + row.amount_micros
            else:
                kind = EventKind.CAPTURED if captured else EventKind.RELEASED
                end = canonical({"id": row.id, "captured": captured})
                events.append((kind, number, -row.amount_micros, row.resolved_at, end))
            self._append(events)
            kept = ("id", "amount_micros", "state", "cause_id", "opened_at", "resolved_at")
            rows.append({name: getattr(row, name) for name in kept} | {"account": number, "captured_micros": captured})
        self._connection.execute(HOLD.insert(), rows)

    def _reserve(self, held: dict[str, int]) -> None:
        """What is set aside beside holds."""
        rows = self._connection.execute(text("SELECT id, pending_out FROM before_account ORDER BY id"))
        rest = [(self._numbers[row.id], row.pending_out - held.get(row.id, 0)) for row in rows]
        self._append([(EventKind.RESERVED, number, micros, 0, "{}") for number, micros in rest if micros])
