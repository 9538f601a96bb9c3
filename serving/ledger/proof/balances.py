"""Balances rebuilt from the rows of the chain alone, to be held beside those that the book keeps."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from serving.ledger import owners
from serving.ledger.chain import HOLDING, EventKind
from serving.ledger.proof.findings import Finding
from serving.ledger.proof.parsed import EMPTY, Parsed

Words = NDArray[np.int64]
_KIND_BYTES: Final = 24
_HOLDING: Final = np.array(sorted(kind.value for kind in HOLDING), "S24")
_LIMITING: Final = np.array([EventKind.OPENED.value, EventKind.LIMITED.value], "S24")
_READ_AT_ONCE: Final = 5_000
_ACCOUNTS: Final = (
    "SELECT number, id, asset, exponent, kind, owner, owner_digest, owner_sealed,"
    " posted, pending_out, min_available, last"
    " FROM account LEFT JOIN balance ON balance.account = number ORDER BY number"
)


class Balances:
    """Rows are taken in the order of the chain. `findings` grows with what names an account that was never opened."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.openings: dict[int, str] = {}
        self.forgotten: set[int] = set()
        self._count = 0
        self._numbers = np.zeros(1024, np.int64)
        # posted, held, what must stay (EMPTY for no bound), newest transfer
        self._sums = np.zeros((4, 1024), np.int64)

    def take(self, transfers: Parsed, events: Parsed) -> None:
        kinds = kinds_of(events)
        self._open(events, np.flatnonzero(kinds == EventKind.OPENED.value.encode()))
        self._move(transfers)
        self._hold(events.numbers[np.isin(kinds, _HOLDING)])
        self._limit(events.numbers[np.isin(kinds, _LIMITING)])
        for row in np.flatnonzero(kinds == EventKind.FORGOTTEN.value.encode()).tolist():
            self.forgotten.update(_numbers_in(events.word(row, 1)))

    def compare(self, connection: Connection) -> Iterator[Finding]:
        """What the book keeps of its accounts and the chain says otherwise."""
        sums = dict(zip(self._numbers[: self._count].tolist(), self._sums[:, : self._count].T.tolist(), strict=True))
        keys = _Keys(connection)
        for row in _accounts(connection):
            number, _, asset, _, kind = row[:5]
            rebuilt = sums.pop(number, None)
            if rebuilt is None:
                yield Finding(number, f"account {number} is in the book, and no event opened it")
                continue
            told = [*_unlike(row, self.openings[number]), *_unequal(row, rebuilt)]
            if number not in self.forgotten and not keys.open(row[5], row[7]):
                told.append("has lost its owner, and no event forgot it")
            yield from (Finding(number, f"account {number} ({kind} in {asset}) {what}") for what in told)
        for number in sums:
            yield Finding(number, f"event {number} opened an account, and the book has none of that number")

    def _open(self, events: Parsed, rows: Words) -> None:
        for row, number in zip(rows.tolist(), events.numbers[rows, 0].tolist(), strict=True):
            self.openings[number] = events.word(row, 1)
            self._add(number)

    def _add(self, number: int) -> None:
        if self._count == len(self._numbers):
            self._numbers = np.concatenate((self._numbers, np.zeros_like(self._numbers)))
            self._sums = np.concatenate((self._sums, np.zeros_like(self._sums)), axis=1)
        self._numbers[self._count] = number
        self._sums[2, self._count] = EMPTY
        self._count += 1

    def _places(self, accounts: Words, sequences: Words) -> tuple[Words, NDArray[np.bool_]]:
        """Where the sums of accounts are, and which of them were opened at all."""
        numbers = self._numbers[: self._count]
        places = np.searchsorted(numbers, accounts)
        known = np.zeros(len(accounts), np.bool_)
        inside = places < self._count
        known[inside] = numbers[places[inside]] == accounts[inside]
        for sequence, account in zip(sequences[~known].tolist(), accounts[~known].tolist(), strict=True):
            self.findings.append(Finding(sequence, f"event {sequence} names account {account}, which no event opened"))
        return places, known

    def _move(self, transfers: Parsed) -> None:
        sequences, amounts = transfers.numbers[:, 0], transfers.numbers[:, 3]
        for column, sign in ((1, -1), (2, 1)):
            places, known = self._places(transfers.numbers[:, column], sequences)
            np.add.at(self._sums[0], places[known], sign * amounts[known])
            np.maximum.at(self._sums[3], places[known], sequences[known])

    def _hold(self, events: Words) -> None:
        places, known = self._places(events[:, 1], events[:, 0])
        np.add.at(self._sums[1], places[known], events[known, 2])

    def _limit(self, events: Words) -> None:
        places, known = self._places(events[:, 1], events[:, 0])
        for place, micros in zip(places[known].tolist(), events[known, 2].tolist(), strict=True):
            self._sums[2, place] = micros


def kinds_of(events: Parsed) -> NDArray[np.bytes_]:
    """The kind of each event, as bytes of a fixed width; one that is longer than any kind is cut."""
    if not len(events.numbers):
        return np.empty(0, "S24")
    starts, ends = events.spans[:, 0, 0, None], events.spans[:, 0, 1, None]
    places = starts + np.arange(_KIND_BYTES)
    letters = np.where(places < ends, events.text[np.minimum(places, len(events.text) - 1)], 0).astype(np.uint8)
    return np.ascontiguousarray(letters).view("S24")[:, 0]


def _accounts(connection: Connection) -> Iterator[Any]:
    """Rows of the driver: a book may have as many accounts as a fifth of its events."""
    cursor = connection.connection.cursor()
    cursor.execute(_ACCOUNTS)
    while rows := cursor.fetchmany(_READ_AT_ONCE):
        yield from rows


class _Keys:
    """The owners' keys, each read once."""

    def __init__(self, connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("SELECT owner, key FROM subject_key")
        self._keys = dict(cursor.fetchall())

    def open(self, owner: Any, seal: Any) -> bool:
        """Whether the sealed bytes are just this owner's."""
        key = self._keys.get(owner)
        return isinstance(key, bytes) and isinstance(seal, bytes) and owners.opened(seal, key) == owner


def _unlike(row: Any, opening: str) -> Iterator[str]:
    """What an account is, against the body of the event that opened it."""
    _, id_, asset, exponent, kind, owner, digest, sealed, *_ = row
    if not isinstance(digest, bytes) or not isinstance(sealed, bytes | None):
        yield "has an owner's digest, or a sealed owner, that is none"
        return
    told = f'{{"asset":"{asset}","exponent":{exponent},"kind":"{kind}","owner":"{digest.hex()}"}}'
    if told != opening:
        yield f"is kept as {told}, and was opened as {opening}"
    if sealed is not None and hashlib.sha256(sealed).digest() != digest:
        yield "has another sealed owner than it was opened with"
    if id_ != f"{kind}:{asset}:{owner}":
        yield "is named otherwise than by its kind, asset and owner"


def _unequal(row: Any, sums: list[int]) -> Iterator[str]:
    """What an account has, against its events."""
    posted, held, bound, newest = row[8:]
    least = None if sums[2] == EMPTY else sums[2]
    if posted != sums[0]:
        yield f"has {posted} micros in the book, and {sums[0]} by its events"
    if held != sums[1]:
        yield f"holds {held} micros in the book, and {sums[1]} by its events"
    if bound != least:
        yield f"must keep {bound} micros in the book, and {least} by its events"
    if newest != sums[3]:
        yield f"has transfer {newest} for its newest in the book, and {sums[3]} by its events"


def _numbers_in(body: str) -> list[int]:
    accounts = _read(body).get("accounts", [])
    return [one for one in accounts if isinstance(one, int)] if isinstance(accounts, list) else []


def _read(body: str) -> dict[str, Any]:
    try:
        read = json.loads(body)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
