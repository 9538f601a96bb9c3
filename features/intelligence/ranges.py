"""Ranges of IP addresses: which one an address lies in, the longest prefix first, for IPv4 and IPv6 alike.

Every address is 16 bytes; IPv4 is mapped into ::ffff:0:0/96 (RFC 4291, 2.5.5.2), so that `::ffff:1.2.3.4` and
`1.2.3.4` are one address. Nested and overlapping ranges are cut at load into disjoint ones, in order, so that a look-up
is one binary search over bytes, whatever the list holds.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any, Final, NamedTuple

import numpy as np

from features.addresses import REMEMBERED

Vector = np.ndarray[Any, np.dtype[np.float64]]

ADDRESS_LENGTH_MAX: Final = 45  # ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255
_MAPPED: Final = bytes(10) + b"\xff\xff"
_MAPPED_FIRST: Final = 0xFFFF << 32
_MAPPED_LAST: Final = _MAPPED_FIRST + 2**32 - 1
_END: Final = 2**128
# A prefix shorter than /8 (IPv4) or /16 (IPv6) is a mistake, or would be one: it covers half the world.
_ADDRESSES_MAX: Final = {4: 2**24, 6: 2**112}


class TooWide(ValueError):  # noqa: N818  # it says what the range is
    """A range that would cover the world."""


class Range(NamedTuple):
    """From `first` to `last`, both included, as numbers of 128 bits; `value` is what the list says of them."""

    first: int
    last: int
    value: float


def packed(address: str) -> bytes | None:
    """The 16 bytes of an address; None for what is no address, and for one with a zone (`%eth0`)."""
    return _packed(address) if len(address) <= ADDRESS_LENGTH_MAX else None


@lru_cache(REMEMBERED)
def _packed(address: str) -> bytes | None:
    try:
        return inet_pton(AF_INET6, address) if ":" in address else _MAPPED + inet_pton(AF_INET, address)
    except (OSError, ValueError):
        return None


def range_of(text: str, value: float = 1.0, *, any_width: bool = False) -> Range:
    """Reads `1.2.3.4`, `1.2.3.0/24` or `1.2.3.4-1.2.3.9`, or the same of IPv6; bits below a prefix are dropped.

    Raises ValueError for anything else, and TooWide for a range that no honest list holds, unless `any_width`.
    """
    start, dash, stop = text.partition("-")
    first, last = _ends(start.strip(), stop.strip()) if dash else _prefix(text)
    if _is_ipv4(first) != _is_ipv4(last) or first < _MAPPED_FIRST <= _MAPPED_LAST < last:
        raise TooWide("runs across IPv4 and IPv6, and would cover all of IPv4")
    if last - first >= _ADDRESSES_MAX[4 if _is_ipv4(first) else 6] and not any_width:
        raise TooWide("is wider than a /8 of IPv4 or a /16 of IPv6")
    return Range(first, last, value)


def _is_ipv4(number: int) -> bool:
    return _MAPPED_FIRST <= number <= _MAPPED_LAST


def _number(address: str) -> int:
    found = packed(address)
    if found is None:
        raise ValueError("is no IP address, CIDR prefix, or range of two addresses")
    return int.from_bytes(found, "big")


def _ends(start: str, stop: str) -> tuple[int, int]:
    first, last = _number(start), _number(stop)
    if (":" in start) != (":" in stop):
        raise ValueError("begins in one family of addresses and ends in the other")
    if last < first:
        raise ValueError("ends before it begins")
    return first, last


def _prefix(text: str) -> tuple[int, int]:
    address, slash, length = text.partition("/")
    number, width = _number(address), 128 if ":" in address else 32
    if slash and not (length.isascii() and length.isdigit() and len(length) <= 3 and int(length) <= width):
        raise ValueError(f"has a prefix length that is none from 0 to {width}")
    free = width - int(length) if slash else 0
    first = number >> free << free
    return first, first + (1 << free) - 1


class Ranges:
    """Answers with the value of the narrowest range around an address, of equal ones the later; `otherwise` outside."""

    def __init__(self, ranges: Iterable[Range], otherwise: float) -> None:
        steps = _disjoint(list(ranges), otherwise)
        self._starts = [start.to_bytes(16, "big") for start, _ in steps]
        self._values = [value for _, value in steps]
        self._array = np.array(self._starts, dtype="S16")
        self._numbers = np.array([*self._values, np.nan])  # the last is for what is no address

    def of(self, address: str) -> float:
        """The value for one address; NaN for what is no address."""
        key = packed(address)
        return np.nan if key is None else self._values[bisect_right(self._starts, key) - 1]

    def of_many(self, addresses: Sequence[str]) -> Vector:
        """The same for many: `(addresses,)`."""
        keys = [packed(address) for address in addresses]
        array = np.frombuffer(b"".join(key or bytes(16) for key in keys), dtype="S16")
        places = self._array.searchsorted(array, side="right") - 1
        places[np.array([key is None for key in keys], dtype=bool)] = -1
        return np.asarray(self._numbers[places])

    def mapped(self, known: Iterable[float]) -> "Ranges":
        """The same ranges with 1 for the values in `known`, 0 for others; what had no value (NaN) stays without."""
        chosen = frozenset(known)
        copy = object.__new__(Ranges)
        copy._starts, copy._array = self._starts, self._array
        copy._values = [value if np.isnan(value) else float(value in chosen) for value in self._values]
        copy._numbers = np.array([*copy._values, np.nan])
        return copy


def _disjoint(ranges: list[Range], otherwise: float) -> list[tuple[int, float]]:
    """Where the answer changes, and to what: a sweep over all ends, with the open ranges in a heap, narrowest first."""
    ranges.sort(key=lambda one: one.first)
    edges = sorted({0, *(one.first for one in ranges), *(one.last + 1 for one in ranges if one.last + 1 < _END)})
    steps: list[tuple[int, float]] = []
    open_: list[tuple[int, int, int, float]] = []
    at = 0
    for edge in edges:
        while at < len(ranges) and ranges[at].first == edge:
            first, last, value = ranges[at]
            heapq.heappush(open_, (last - first, -at, last, value))
            at += 1
        while open_ and open_[0][2] < edge:
            heapq.heappop(open_)
        value = open_[0][3] if open_ else otherwise
        if not steps or not (steps[-1][1] is value or steps[-1][1] == value):
            steps.append((edge, value))
    return steps
