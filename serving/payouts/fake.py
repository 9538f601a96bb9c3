"""A provider that pays nobody, for the embedded default and for tests: it has a memory of its own, and it can fail.

Its file is not ours: it outlives our restart and our rollbacks, as a real provider would.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hmac import compare_digest
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from features.events import Id, Word
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.notices import Notice, Unverified, hmac_sha256

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS payment (
    key TEXT PRIMARY KEY, destination TEXT NOT NULL, amount_micros INTEGER NOT NULL, currency TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sending (number INTEGER PRIMARY KEY, key TEXT NOT NULL, destination TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secret (number INTEGER PRIMARY KEY CHECK (number = 1), value BLOB NOT NULL)
"""
_SECRET_BYTES: Final = 32


class Fault(StrEnum):
    """What can befall one request. `*_before`: nothing was done; `*_after`: it was done, and the answer says otherwise.

    `slow`: done, and the answer takes longer than anybody waits. `duplicate`: the network delivers the request twice.
    """

    NONE = "none"
    REFUSE = "refuse"
    LOSE_REQUEST = "lose_request"
    LOSE_ANSWER = "lose_answer"
    SETTLE_LATER = "settle_later"
    TIME_OUT_BEFORE = "time_out_before"
    TIME_OUT_AFTER = "time_out_after"
    FAIL_BEFORE = "fail_before"
    FAIL_AFTER = "fail_after"
    TOO_MANY = "too_many"
    SLOW = "slow"
    DUPLICATE = "duplicate"


WITHOUT_EFFECT: Final = frozenset({Fault.LOSE_REQUEST, Fault.TIME_OUT_BEFORE, Fault.FAIL_BEFORE, Fault.TOO_MANY})
WITHOUT_ANSWER: Final = frozenset({Fault.LOSE_ANSWER, Fault.TIME_OUT_AFTER, Fault.FAIL_AFTER, Fault.SLOW})
_TIMEOUTS: Final = frozenset({Fault.TIME_OUT_BEFORE, Fault.TIME_OUT_AFTER, Fault.SLOW})


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


class _Event(BaseModel):
    """The body of a notification, as `notify` writes it; in these forms any database can keep it."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)
    id: Id
    key: Word
    state: PaymentState


class FakeProvider:
    """`script[destination]` lists what befalls the first, second, ... request for it; after the list nothing does.

    `secret` signs its notifications. Without one it is random, made on first use and kept in the file: the door for
    notifications is open to everybody, and only who can read the file may say that a payment came back.
    """

    name: str = "fake"
    key_lifetime_micros: int = 24 * 3_600 * 1_000_000

    def __init__(
        self, path: Path, script: Mapping[str, Sequence[Fault]] | None = None, secret: bytes | None = None
    ) -> None:
        self._path = path
        self._script = script or {}
        self._secret = secret
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            connection.executescript(_SCHEMA)

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        """Raises TimeoutError where the script says that no answer comes in time."""
        with self._writing() as connection:
            fault = self._next_fault(connection, key, destination)
            wanted = Payment(key, destination, amount_micros, currency, _first_state(fault))
            answer: Answer = Absent()
            for _ in range(arrivals(fault)):
                answer = _answer_of(_find(connection, key) or _record(connection, wanted))
        if fault in _TIMEOUTS:
            raise TimeoutError("no answer in time")
        if fault in WITHOUT_ANSWER or fault in {Fault.LOSE_REQUEST, Fault.FAIL_BEFORE}:
            return Unknown(fault)
        return answer

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

    def fail(self, key: str) -> None:
        """A settled payment is said to have failed after all: what a provider should never say, and some do."""
        self._change(key, PaymentState.SETTLED, PaymentState.REFUSED)

    def forget(self, key: str) -> None:
        """The lifetime of the key is over: what was paid stays paid, and the key would pay again."""
        with self._writing() as connection:
            sendings = connection.execute("SELECT count(*) FROM sending").fetchone()[0]
            connection.execute("UPDATE payment SET key = ? WHERE key = ?", (f"{key}, forgotten {sendings}", key))

    def notify(self, key: str, event_id: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of a signed notification of what the payment is now, for `read_notice`."""
        with self._writing() as connection:
            payment = _find(connection, key)
        assert payment is not None, "a provider notifies of what it knows"
        body = json.dumps({"id": event_id, "key": key, "state": payment.state}).encode()
        return {"fake-signature": self._signature(body)}, body

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        """Raises `Unverified`, also for a signed body that it would never have written."""
        del now
        if not compare_digest(headers.get("fake-signature", "").encode(), self._signature(body).encode()):
            raise Unverified("fake-signature does not fit the body")
        try:
            event = _Event.model_validate_json(body)
        except ValidationError:
            raise Unverified("the body is no notification: send what `notify` returned") from None
        return Notice(event.id, event.key, _answer_of(Payment(event.key, "", 0, "", event.state)))

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

    def _signature(self, body: bytes) -> str:
        if not self._secret:  # remembered: an unsigned post must not take the file's lock each time
            self._secret = self._kept_secret()
        return hmac_sha256(self._secret, body).hex()

    def _kept_secret(self) -> bytes:
        with self._writing() as connection:
            made = secrets.token_bytes(_SECRET_BYTES)
            connection.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", (made,))
            return bytes(connection.execute("SELECT value FROM secret").fetchone()[0])

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


def arrivals(fault: Fault) -> int:
    """How often a request gets there."""
    if fault in WITHOUT_EFFECT:
        return 0
    return 2 if fault is Fault.DUPLICATE else 1


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
