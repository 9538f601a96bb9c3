"""Reads a list as people publish them: one entry a line, comments behind `#` or `;`, UTF-8. Judges it as a whole.

A list is either taken or refused. A few lines that cannot be read are passed over and shown; many, or one that would
call half the world suspicious, refuse the list.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np

from features.intelligence.names import Domains, Models, TooCommon, listed_domain, listed_model
from features.intelligence.ranges import Range, Ranges, TooWide, range_of

FILE_BYTES_MAX: Final = 64 * 2**20
ENTRIES_MAX: Final = 2_000_000
LINE_LENGTH_MAX: Final = 1024
BAD_SHARE_MAX: Final = 0.01
SHOWN_MAX: Final = 20
# A list that lost half of its entries at once was more likely cut than cleaned.
KEPT_SHARE_MIN: Final = 0.5
# The first line may say what the list's look does not: that it is smaller on purpose, or that it is to end.
SMALLER: Final = "!smaller"
DROPPED: Final = "!none"
_COMMENT: Final = re.compile(r"(?:^|\s)[#;].*$")
_ASN: Final = re.compile(r"(?:AS)?(\d{1,10})", re.IGNORECASE)


class ListKind(StrEnum):
    """What a list speaks of. The value is the beginning of its files' names."""

    DATA_CENTRE = "data_centre"
    VPN = "vpn"
    TOR = "tor"
    DATA_CENTRE_ASN = "data_centre_asn"
    ASN_RANGES = "asn_ranges"
    DISPOSABLE_EMAIL = "disposable_email"
    EMULATOR_MODEL = "emulator_model"


class Refused(Exception):  # noqa: N818  # it says what happened to the list
    """The list is not taken. The message says why, for who may read the list; `told` repeats none of it, for a log."""

    def __init__(self, message: str, told: str = "") -> None:
        super().__init__(message)
        self.told = told or message


@dataclass(frozen=True)
class BadLine:
    number: int
    reason: str
    text: str

    @property
    def in_words(self) -> str:
        return f"line {self.number:,}, {self.text!r}, {self.reason}"

    @property
    def told(self) -> str:
        """Without the line itself: a file that was named a list by mistake may hold anything."""
        return f"line {self.number:,} {self.reason}"


@dataclass(frozen=True)
class Content:
    """A list that was read: what it knows, how many entries, and the lines that could not be read (the first 20)."""

    known: Any
    """Ranges, Domains, Models, or a set of AS numbers."""
    entries: int
    lines: int
    bad: int
    shown: tuple[BadLine, ...]
    fatal: BadLine | None


def _asn(text: str) -> int:
    found = _ASN.fullmatch(text)
    if not found or int(found[1]) >= 2**32:
        raise ValueError("is no AS number, e.g. AS64500")
    return int(found[1])


def _asn_range(text: str) -> Range | None:
    """`1.2.3.0/24 AS64500`, or `1.2.3.0 1.2.3.255 64500` and more behind. AS 0 means that nobody announces it."""
    first, *rest = text.split()
    pair = len(rest) > 1 and not _ASN.fullmatch(rest[0])
    if not rest:
        raise ValueError("names no AS number behind the range")
    number = _asn(rest[1] if pair else rest[0])
    return range_of(f"{first}-{rest[0]}" if pair else first, float(number), any_width=True) if number else None


def _ranges(entries: Iterable[Range]) -> Ranges:
    return Ranges(entries, 0.0)


def _numbered(entries: Iterable[Range]) -> Ranges:
    return Ranges(entries, np.nan)


_LANGUAGES: Final[dict[ListKind, tuple[Callable[[str], Any], Callable[[Any], Any]]]] = {
    ListKind.DATA_CENTRE: (range_of, _ranges),
    ListKind.VPN: (range_of, _ranges),
    ListKind.TOR: (range_of, _ranges),
    ListKind.DATA_CENTRE_ASN: (_asn, frozenset),
    ListKind.ASN_RANGES: (_asn_range, _numbered),
    ListKind.DISPOSABLE_EMAIL: (listed_domain, Domains),
    ListKind.EMULATOR_MODEL: (listed_model, Models),
}


def read_list(kind: ListKind, raw: bytes) -> Content:
    """The content of a list as it is, good or bad. Raises Refused for what is no text, or holds too much of it."""
    entry_of, build = _LANGUAGES[kind]
    entries: list[Any] = []
    shown: list[BadLine] = []
    lines = bad = 0
    fatal = None
    for number, line in enumerate(_text(raw).split("\n"), 1):
        text = _COMMENT.sub("", line[: LINE_LENGTH_MAX + 1]).strip()
        if not text or text == SMALLER:
            continue
        lines += 1
        try:
            entries.append(_entry(entry_of, text))
        except ValueError as failure:
            wrong = BadLine(number, str(failure), text[:80])
            bad += 1
            shown += [wrong][: SHOWN_MAX - len(shown)]
            fatal = fatal or (wrong if isinstance(failure, (TooWide, TooCommon)) else None)
    known = [entry for entry in entries if entry is not None]
    return Content(build(known), len(known), lines, bad, tuple(shown), fatal)


def _text(raw: bytes) -> str:
    if len(raw) > FILE_BYTES_MAX:
        raise Refused(f"holds {len(raw):,} bytes; at most {FILE_BYTES_MAX:,} are read")
    if raw.count(b"\n") > 2 * ENTRIES_MAX:
        raise Refused(f"holds over {2 * ENTRIES_MAX:,} lines")
    try:
        text = raw.decode("utf-8").replace("\ufeff", "")
    except UnicodeDecodeError as failure:
        raise Refused(f"is no text in UTF-8: {failure.reason} at byte {failure.start:,}") from None
    if "\0" in text:
        raise Refused("is no text: it holds NUL bytes")
    return text


def _entry(entry_of: Callable[[str], Any], text: str) -> Any:
    if len(text) > LINE_LENGTH_MAX:
        raise ValueError(f"is longer than {LINE_LENGTH_MAX} characters")
    return entry_of(text)


def is_dropped(raw: bytes) -> bool:
    return raw.strip() == DROPPED.encode()


def judge(content: Content, raw: bytes, entries_before: int) -> None:
    """Raises Refused, with the reason, unless the list may replace one of `entries_before` entries (0: none)."""
    if content.fatal:
        raise Refused(content.fatal.in_words, content.fatal.told)
    if content.bad > BAD_SHARE_MAX * content.lines:
        first = content.shown[0]
        said = f"{content.bad:,} of {content.lines:,} lines cannot be read (at most 1% may not), e.g. "
        raise Refused(said + first.in_words, said + first.told)
    if not content.entries:
        raise Refused("is empty, and an empty list says nothing")
    if content.entries > ENTRIES_MAX:
        raise Refused(f"holds {content.entries:,} entries; at most {ENTRIES_MAX:,} are taken")
    if not raw.endswith(b"\n"):
        raise Refused("does not end with a line's end: it is taken for half-written")
    if content.entries < KEPT_SHARE_MIN * entries_before and not raw.startswith(SMALLER.encode()):
        remedy = f"if it is right, make {SMALLER} its first line"
        raise Refused(f"holds {content.entries:,} entries, before {entries_before:,}: it was probably cut; {remedy}")
