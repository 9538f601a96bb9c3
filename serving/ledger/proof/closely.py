"""A window of the chain read row by row, where the quick way of reading it did not come out even."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from serving.ledger.chain import event_hash, transfer_hash
from serving.ledger.proof.findings import Finding
from serving.ledger.proof.parsed import EMPTY, HASH, Parsed
from serving.ledger.proof.rows import EVENTS, TRANSFERS, Layout, Rows


@dataclass(frozen=True, slots=True)
class Seen:
    """The findings of a window, and its rows as far as they can be read: `hashes` is of those that are there."""

    findings: list[Finding]
    transfers: Parsed
    events: Parsed
    hashes: list[bytes]


@dataclass(frozen=True, slots=True)
class _Row:
    """`wrong`: what in its columns could not have been written by the book; such a row has no `expected` hash."""

    layout: Layout
    hash: bytes
    numbers: tuple[Any, ...]
    texts: tuple[Any, ...]
    wrong: str | None

    @property
    def sequence(self) -> int:
        return int(self.numbers[0])

    @property
    def name(self) -> str:
        if self.layout is TRANSFERS and not self.wrong:
            return f"event {self.sequence} (transfer {self.texts[0]!r})"
        return f"event {self.sequence} ({'transfer' if self.layout is TRANSFERS else 'no transfer'})"

    def expected(self, previous: bytes) -> bytes:
        if self.layout is TRANSFERS:
            sequence, debit, credit, amount, debit_before, credit_before, effective_at, recorded_at = self.numbers
            id_, cause, hold, kind = self.texts
            before = debit_before, credit_before
            words = id_, kind, cause, hold or ""
            return transfer_hash(previous, sequence, debit, credit, amount, *before, effective_at, recorded_at, words)
        sequence, account, micros, at = self.numbers
        return event_hash(previous, sequence, self.texts[0], account, micros, at, self.texts[1])


def look(rows: Rows, after: int, until: int, previous: bytes) -> Seen:
    """The rows with after < sequence <= until, of which the first follows the hash `previous`."""
    there = sorted((one for layout in _BOTH for one in _read(rows, layout, after, until)), key=lambda row: row.sequence)
    findings = [*_missing([row.sequence for row in there], after, until)]
    for row in there:
        what = row.wrong or _unlinked(row, previous)
        if what:
            findings.append(Finding(row.sequence, f"{row.name} {what}"))
        previous = row.hash
    good = [row for row in there if not row.wrong]
    transfers = _parsed([row for row in good if row.layout is TRANSFERS], TRANSFERS)
    events = _parsed([row for row in good if row.layout is EVENTS], EVENTS)
    return Seen(findings, transfers, events, [row.hash for row in there])


_BOTH: Final = (TRANSFERS, EVENTS)


def _unlinked(row: _Row, previous: bytes) -> str | None:
    """What follows a row is expected to follow its stored hash: one changed column is one finding."""
    try:
        expected = row.expected(previous)
    except (ArithmeticError, ValueError, struct.error):
        return "holds a number that the book cannot have written"
    return None if expected == row.hash else "is not what was recorded: its hash does not follow from it"


def _missing(sequences: Sequence[int], after: int, until: int) -> Iterator[Finding]:
    expected = after + 1
    for sequence in [*sequences, until + 1]:
        if sequence < expected:
            yield Finding(sequence, f"event {sequence} stands twice: as a transfer and as another event")
        elif sequence > expected:
            last = sequence - 1
            gone = f"event {last} is" if last == expected else f"events {expected} to {last} are"
            yield Finding(last, f"{gone} missing")
        expected = max(expected, sequence + 1)


def _read(rows: Rows, layout: Layout, after: int, until: int) -> Iterator[_Row]:
    numbers, texts = len(layout.numbers), len(layout.texts)
    for hash_, *columns in rows.rows(layout, after, until):
        figures, words = tuple(columns[:numbers]), columns[-texts:]
        types = columns[numbers:-texts] or [None] * texts
        read = [_text(word, type_) for word, type_ in zip(words, types, strict=True)]
        wrong = _wrong(layout, hash_, figures, read)
        kept = bytes(hash_) if isinstance(hash_, bytes | memoryview) else b""
        yield _Row(layout, kept[:HASH].ljust(HASH, b"\0"), figures, tuple(read), wrong)


class _Unreadable:
    """A text that is none."""


def _text(word: Any, type_: str | None) -> Any:
    if word is None or isinstance(word, str):
        return word
    if type_ not in {None, "text"}:
        return _Unreadable()
    try:
        return bytes(word).decode()
    except UnicodeDecodeError:
        return _Unreadable()


def _wrong(layout: Layout, hash_: Any, numbers: Sequence[Any], texts: Sequence[Any]) -> str | None:
    if not isinstance(hash_, bytes | memoryview) or len(bytes(hash_)) != HASH:
        return "has a hash that is none"
    for name, number in zip(layout.numbers, numbers, strict=True):
        if type(number) is not int and not (number is None and name == layout.optional):
            return f"has a {name} that is no whole number"
    for name, text in zip(layout.texts, texts, strict=True):
        is_absent = text is None and name == layout.optional
        if (not isinstance(text, str) and not is_absent) or (text == "" and name == layout.optional):
            return f"has a {name} that is no text"
    return None


def _parsed(rows: Sequence[_Row], layout: Layout) -> Parsed:
    text, spans = bytearray(), np.zeros((len(rows), len(layout.texts), 2), np.int64)
    numbers = np.zeros((len(rows), len(layout.numbers)), np.int64)
    for place, row in enumerate(rows):
        numbers[place] = [EMPTY if number is None else number for number in row.numbers]
        for column, word in enumerate(row.texts):
            start = len(text)
            text += (word or "").encode()
            spans[place, column] = start, len(text)
    hashes = np.frombuffer(b"".join(row.hash for row in rows), np.uint8).reshape(-1, HASH)
    return Parsed(np.frombuffer(bytes(text), np.uint8), hashes, numbers, spans)
