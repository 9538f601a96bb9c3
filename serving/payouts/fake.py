"""A provider that pays nobody, for the embedded default and for tests: it has a memory of its own, and it can fail.

Its file is not ours: it outlives our restart and our rollbacks, as a real provider would.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payment (
    key TEXT PRIMARY KEY, destination TEXT NOT NULL, amount_micros INTEGER NOT NULL, currency TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sending (number INTEGER PRIMARY KEY, key TEXT NOT NULL, destination TEXT NOT NULL)
"""


class Fault(StrEnum):
    NONE = "none"
    REFUSE = "refuse"
    LOSE_REQUEST = "lose_request"
    LOSE_ANSWER = "lose_answer"
    SETTLE_LATER = "settle_later"


class PaymentState(StrEnum):
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REFUSED = "refused"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Payment:
    key: str
    destination: str
    amount_micros: int
    currency: str
    state: PaymentState


class FakeProvider:
    """`script[destination]` lists what befalls the first, second, ... request for it; after the list nothing does."""

    name: str = "fake"
    key_lifetime_micros: int = 24 * 3_600 * 1_000_000

    def __init__(self, path: Path, script: Mapping[str, Sequence[Fault]] | None = None) -> None:
        self._path = path
        self._script = script or {}
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            connection.executescript(_SCHEMA)

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        with self._writing() as connection:
            fault = self._next_fault(connection, key, destination)
            if fault is Fault.LOSE_REQUEST:
                return Unknown("the request was lost")
            wanted = Payment(key, destination, amount_micros, currency, _first_state(fault))
            answer = _answer_of(_find(connection, key) or _record(connection, wanted))
        return Unknown("the answer was lost") if fault is Fault.LOSE_ANSWER else answer

    def lookup(self, key: str) -> Answer:
        with self._writing() as connection:
            payment = _find(connection, key)
        return _answer_of(payment) if payment else Absent()

    def settle(self, key: str) -> None:
        """An accepted payment reaches the person."""
        self._change(key, PaymentState.ACCEPTED, PaymentState.SETTLED)

    def send_back(self, key: str) -> None:
        """A settled payment comes back."""
        self._change(key, PaymentState.SETTLED, PaymentState.RETURNED)

    def payments(self) -> list[Payment]:
        """Everything that this provider ever decided upon, by key."""
        with self._writing() as connection:
            rows = connection.execute("SELECT * FROM payment ORDER BY key").fetchall()
        return [_payment_of(row) for row in rows]

    def paid(self) -> list[Payment]:
        """What people really have."""
        return [payment for payment in self.payments() if payment.state is PaymentState.SETTLED]

    def sendings(self, key: str) -> int:
        """How often a payment was requested under `key`, lost requests included."""
        with self._writing() as connection:
            row = connection.execute("SELECT count(*) FROM sending WHERE key = ?", (key,)).fetchone()
        return int(row[0])

    def _next_fault(self, connection: sqlite3.Connection, key: str, destination: str) -> Fault:
        query = "SELECT count(*) FROM sending WHERE destination = ?"
        count = connection.execute(query, (destination,)).fetchone()[0]
        connection.execute("INSERT INTO sending (key, destination) VALUES (?, ?)", (key, destination))
        faults = self._script.get(destination, ())
        return faults[count] if count < len(faults) else Fault.NONE

    def _change(self, key: str, before: PaymentState, after: PaymentState) -> None:
        query = "UPDATE payment SET state = ? WHERE key = ? AND state = ?"
        with self._writing() as connection:
            if connection.execute(query, (after, key, before)).rowcount != 1:
                raise ValueError(f"there is no {before} payment under {key}")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


def _first_state(fault: Fault) -> PaymentState:
    states = {Fault.REFUSE: PaymentState.REFUSED, Fault.SETTLE_LATER: PaymentState.ACCEPTED}
    return states.get(fault, PaymentState.SETTLED)


def _find(connection: sqlite3.Connection, key: str) -> Payment | None:
    row = connection.execute("SELECT * FROM payment WHERE key = ?", (key,)).fetchone()
    return _payment_of(row) if row else None


def _record(connection: sqlite3.Connection, payment: Payment) -> Payment:
    values = payment.key, payment.destination, payment.amount_micros, payment.currency, payment.state
    connection.execute("INSERT INTO payment VALUES (?, ?, ?, ?, ?)", values)
    return payment


def _payment_of(row: tuple[str, str, int, str, str]) -> Payment:
    key, destination, amount_micros, currency, state = row
    return Payment(key, destination, amount_micros, currency, PaymentState(state))


def _answer_of(payment: Payment) -> Answer:
    reference = f"fake-{payment.key[:12]}"
    answers: dict[PaymentState, Answer] = {
        PaymentState.ACCEPTED: Accepted(reference),
        PaymentState.SETTLED: Settled(reference),
        PaymentState.REFUSED: Refused("the destination cannot be paid"),
        PaymentState.RETURNED: Returned(reference),
    }
    return answers[payment.state]
