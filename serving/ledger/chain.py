"""The chain: every event of the book carries the hash of itself and of the hash before it.

    hash(n) = SHA-256(hash(n - 1) + body(n)),  hash(0) = 32 zero bytes,  n = 1, 2, 3, ... without a gap

The bodies are bytes of all the row's columns; see `transfer_hash` and `event_hash`. They hold no owner, only the digest
of one, so that an owner can be forgotten. A retry is compared before anything is hashed, so it may come at any instant.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from struct import Struct
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from serving.ledger.accounts import LEDGER_EVENT, LEDGER_HEAD, TRANSFER

GENESIS: Final = bytes(32)
"""The hash of a book in which nothing happened."""

PAGE: Final = 5_000
"""Rows that are read at once."""

# sequence, tag, debit, credit, amount, transfer before on debit and on credit, effective at, recorded at, three lengths
_TRANSFER: Final = Struct(">QcQQQQQqqHHH").pack
# sequence, tag, account, whether there are micros, micros, at, lengths of kind and body
_EVENT: Final = Struct(">QcQ?qqHI").pack
_sha256: Final = hashlib.sha256


class EventKind(StrEnum):
    """What is no transfer. By its `micros`: a limit (opened, limited), or the change of what is held on the account."""

    OPENED = "opened"
    LIMITED = "limited"
    HELD = "held"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"
    RESERVED = "reserved"
    FORGOTTEN = "forgotten"
    ADOPTED = "adopted"


HOLDING: Final = frozenset(
    {EventKind.HELD, EventKind.CAPTURED, EventKind.RELEASED, EventKind.EXPIRED, EventKind.RESERVED}
)
"""The kinds whose micros are the change of what is held."""


@dataclass(frozen=True, slots=True)
class Link:
    """One row of the chain, as it is stored: its table's columns, its hash, and what its hash should be."""

    sequence: int
    hash: bytes
    expected: bytes
    row: Row[Any]
    is_transfer: bool


def transfer_hash(  # noqa: PLR0913, PLR0917  # one call a transfer: a bundle made on the way would cost as much again
    previous: bytes,
    sequence: int,
    debit: int,
    credit: int,
    amount_micros: int,
    debit_before: int,
    credit_before: int,
    effective_at: int,
    recorded_at: int,
    words: tuple[str, str, str, str],
) -> bytes:
    """The hash of a transfer. `words`: id, kind, cause and hold, the last empty for none."""
    id_, kind, cause, hold = words
    name, why, held = id_.encode(), cause.encode(), hold.encode()
    numbers = _TRANSFER(
        sequence, b"T", debit, credit, amount_micros, debit_before, credit_before,
        effective_at, recorded_at, len(name), len(why), len(held),
    )  # fmt: skip
    return _sha256(b"%b%b%b%b%b%b" % (previous, numbers, name, why, held, kind.encode())).digest()


def event_hash(  # as above
    previous: bytes, sequence: int, kind: str, account: int, micros: int | None, at: int, body: str
) -> bytes:
    """The hash of any other event of the book."""
    told = body.encode()
    numbers = _EVENT(sequence, b"E", account, micros is not None, micros or 0, at, len(kind), len(told))
    return _sha256(b"%b%b%b%b" % (previous, numbers, kind.encode(), told)).digest()


_spelled: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""Made once: every payout spells several bodies."""


def canonical(body: dict[str, Any]) -> str:
    """JSON of one spelling."""
    return _spelled(body)


def walk(connection: Connection, after: int = 0, previous: bytes = GENESIS) -> Iterator[Link]:
    """The chain after a sequence whose hash is `previous`, in order. Verifies nothing: compare `hash` and `expected`.

    What follows a row is expected to follow its stored hash, so that one changed row is one finding.
    """
    rows = merge(
        _paged(connection, TRANSFER, after), _paged(connection, LEDGER_EVENT, after), key=lambda row: row.sequence
    )
    for row in rows:
        is_transfer = hasattr(row, "debit")
        expected = _of_transfer(row, previous) if is_transfer else _of_event(row, previous)
        previous = bytes(row.hash)
        yield Link(row.sequence, previous, expected, row, is_transfer)


def head(connection: Connection) -> tuple[int, bytes]:
    """The newest sequence and its hash. A book in which nothing happened: 0 and `GENESIS`."""
    row = connection.execute(select(LEDGER_HEAD)).one_or_none()
    return (0, GENESIS) if row is None else (row.sequence, bytes(row.hash))


def _paged(connection: Connection, table: Table, after: int) -> Iterator[Row[Any]]:
    while True:
        query = select(table).where(table.c.sequence > after).order_by(table.c.sequence).limit(PAGE)
        rows = connection.execute(query).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].sequence


def _of_transfer(row: Row[Any], previous: bytes) -> bytes:
    numbers = row.debit, row.credit, row.amount_micros, row.debit_before, row.credit_before
    words = row.id, row.kind, row.cause_id, row.hold_id or ""
    return transfer_hash(previous, row.sequence, *numbers, row.effective_at, row.recorded_at, words)


def _of_event(row: Row[Any], previous: bytes) -> bytes:
    return event_hash(previous, row.sequence, row.kind, row.account, row.micros, row.at, row.body)
