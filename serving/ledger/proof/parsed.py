"""Lines of rows to numbers, and numbers back to the bytes that the chain hashes, in compiled loops.

Reading is strict: a number is decimal digits with at most a minus, a line has exactly its fields. Anything else is not
read at all, and whoever asked looks at those rows one by one.
"""

from dataclasses import dataclass
from string import hexdigits
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop
from serving.ledger.proof import lanes
from serving.ledger.proof.rows import SEPARATOR, Layout, Lines

Words = NDArray[np.int64]
HASH: Final = 32
EMPTY: Final = -(2**63)
"""What a number that is NULL is read as; no column reaches it."""
_BREAK: Final = ord("\n")
_BETWEEN: Final = ord(SEPARATOR)
_MINUS: Final = ord("-")
_ZERO: Final = ord("0")
# Of either case: PostgreSQL writes the small letters, SQLite the capital ones.
_DIGITS: Final = np.array([int(chr(byte), 16) if chr(byte) in hexdigits else -1 for byte in range(256)])


@dataclass(frozen=True, slots=True)
class Parsed:
    """n rows: `hashes` (n, 32), `numbers` (n, columns), and where texts begin and end in `text`, (n, texts, 2)."""

    text: lanes.Bytes
    hashes: lanes.Bytes
    numbers: Words
    spans: Words

    def word(self, row: int, column: int) -> str:
        start, end = self.spans[row, column]
        return self.text[start:end].tobytes().decode()


def parse(lines: Lines, layout: Layout) -> Parsed | None:
    """None if the lines cannot be read as just so many rows."""
    text = np.frombuffer(lines.text, np.uint8)
    hashes = np.empty((lines.rows, HASH), np.uint8)
    numbers = np.empty((lines.rows, len(layout.numbers)), np.int64)
    spans = np.empty((lines.rows, len(layout.texts), 2), np.int64)
    if not lines.is_plain or not _parse(text, hashes, numbers, spans):
        return None
    return Parsed(text, hashes, numbers, spans)


def hashed(transfers: Parsed, events: Parsed, previous: lanes.Bytes) -> tuple[lanes.Bytes, lanes.Bytes]:
    """What the hashes of both kinds of rows should be, by their columns and the hash before each of them, `previous`:
    first those of the transfers, then those of the events. The layouts of bytes are those of serving/ledger/chain.py.
    """
    count = len(transfers.hashes)
    return (
        _digests(_transfer_lengths(transfers), _write_transfers, transfers, previous[:count]),
        _digests(_event_lengths(events), _write_events, events, previous[count:]),
    )


_TRANSFER_HEAD: Final = 8 + 1 + 7 * 8 + 3 * 2
_EVENT_HEAD: Final = 8 + 1 + 8 + 1 + 8 + 8 + 2 + 4


def _transfer_lengths(rows: Parsed) -> Words:
    texts: Words = (rows.spans[:, :, 1] - rows.spans[:, :, 0]).sum(axis=1)
    return texts + HASH + _TRANSFER_HEAD


def _event_lengths(rows: Parsed) -> Words:
    texts: Words = (rows.spans[:, :, 1] - rows.spans[:, :, 0]).sum(axis=1)
    return texts + HASH + _EVENT_HEAD


def _digests(lengths: Words, write: Any, rows: Parsed, previous: lanes.Bytes) -> lanes.Bytes:
    """Messages of one number of blocks are hashed together."""
    found = np.empty((len(lengths), HASH), np.uint8)
    blocks = lanes.blocks_of(lengths)
    for count in np.unique(blocks):
        which = np.flatnonzero(blocks == count)
        # Long bodies are few; cut so that they, too, need little room.
        for some in np.array_split(which, -(-len(which) * int(count) // (1 << 17))):
            padded = np.zeros((len(some), int(count) * 64), np.uint8)
            write(rows.text, rows.numbers, rows.spans, previous, some, padded)
            found[some] = lanes.padded_digests(padded, lengths[some])
    return found


@loop
def _parse(text: Any, hashes: Any, numbers: Any, spans: Any) -> bool:
    at = 0
    for row in range(hashes.shape[0]):
        if row:
            at = at + 1 if 0 <= at < text.shape[0] and text[at] == _BREAK else -1
        at = _hash(text, at, hashes, row)
        for column in range(numbers.shape[1]):
            at = _number(text, at, numbers, row, column)
        for column in range(spans.shape[1]):
            at = _text(text, at, spans, row, column)
        if at < 0:
            return False
    return bool(at == text.shape[0])


@loop
def _hash(text: Any, at: int, hashes: Any, row: int) -> int:
    """Where the hash ends; -1 if it is none, or an earlier field was none."""
    if at < 0 or at + 2 * HASH > text.shape[0]:
        return -1
    least = 0
    for byte in range(HASH):
        both = _DIGITS[text[at + 2 * byte]] * 16 | _DIGITS[text[at + 2 * byte + 1]]
        least = min(least, both)
        hashes[row, byte] = both & 0xFF
    return at + 2 * HASH if least >= 0 else -1


@loop
def _text(text: Any, at: int, spans: Any, row: int, column: int) -> int:
    """The same for the text after a separator."""
    if at < 0 or at >= text.shape[0] or text[at] != _BETWEEN:
        return -1
    at += 1
    spans[row, column, 0] = at
    while at < text.shape[0] and text[at] != _BETWEEN and text[at] != _BREAK:
        at += 1
    spans[row, column, 1] = at
    return at


@loop
def _number(text: Any, at: int, numbers: Any, row: int, column: int) -> int:
    """The same for a number: none is what has a zero before its digits, or more of them than any of ours."""
    if at < 0 or at >= text.shape[0] or text[at] != _BETWEEN:
        return -1
    at += 1
    negative = at < text.shape[0] and text[at] == _MINUS
    first = at = at + 1 if negative else at
    value = 0
    while at < text.shape[0] and _ZERO <= text[at] <= _ZERO + 9:
        value = value * 10 + (text[at] - _ZERO)
        at += 1
    digits = at - first
    if digits == 0:
        numbers[row, column] = EMPTY
        return -1 if negative else at
    too_long = digits > 19 or value < 0
    numbers[row, column] = -value if negative else value
    return -1 if too_long or (digits > 1 and text[first] == _ZERO) else at


@loop
def _put(into: Any, row: int, at: int, value: int, size: int) -> int:
    """`value`, big-endian in so many bytes."""
    for byte in range(size):
        into[row, at + byte] = (value >> (8 * (size - 1 - byte))) & 0xFF
    return at + size


@loop
def _copy(into: Any, row: int, at: int, text: Any, start: int, end: int) -> int:
    for byte in range(start, end):
        into[row, at + byte - start] = text[byte]
    return at + end - start


@loop
def _write_transfers(text: Any, numbers: Any, spans: Any, previous: Any, some: Any, into: Any) -> None:
    for row in range(some.shape[0]):
        one = some[row]
        at = _copy(into, row, 0, previous[one], 0, HASH)
        at = _put(into, row, at, numbers[one, 0], 8)
        into[row, at] = ord("T")
        at += 1
        for column in range(1, 8):
            at = _put(into, row, at, numbers[one, column], 8)
        for column in range(3):
            at = _put(into, row, at, spans[one, column, 1] - spans[one, column, 0], 2)
        for column in range(4):
            at = _copy(into, row, at, text, spans[one, column, 0], spans[one, column, 1])


@loop
def _write_events(text: Any, numbers: Any, spans: Any, previous: Any, some: Any, into: Any) -> None:
    for row in range(some.shape[0]):
        one = some[row]
        at = _copy(into, row, 0, previous[one], 0, HASH)
        at = _put(into, row, at, numbers[one, 0], 8)
        into[row, at] = ord("E")
        at = _put(into, row, at + 1, numbers[one, 1], 8)
        has_micros = numbers[one, 2] != EMPTY
        into[row, at] = 1 if has_micros else 0
        at = _put(into, row, at + 1, numbers[one, 2] if has_micros else 0, 8)
        at = _put(into, row, at, numbers[one, 3], 8)
        at = _put(into, row, at, spans[one, 0, 1] - spans[one, 0, 0], 2)
        at = _put(into, row, at, spans[one, 1, 1] - spans[one, 1, 0], 4)
        for column in range(2):
            at = _copy(into, row, at, text, spans[one, column, 0], spans[one, column, 1])
