"""Distinct counts: the values that a key met most recently, each with the last time, the oldest first.

At most DISTINCT_MAX are kept, the most recent. How many of all values lie within a window is then exact up to that
limit, for every window at once: whatever was dropped would leave each window before all that was kept. What is kept
depends on nothing but the set of events (ties go by the value's digest), so any order of folding gives the same bytes.
"""

from typing import Final

from features.compiling import inlined
from features.digests import NO_DIGEST
from features.state.heap import Words, nth
from features.state.program import AS_OF, MISSING, TIME, Record
from features.state.queue import LENGTH, count_before, drop, drop_first, entry_of, insert
from features.windows import DISTINCT_MAX

WIDTH: Final = 2
"""Of an entry: the last time, then the value's digest."""
_STRIDE: Final = 8


@inlined
def _find(heap: Words, at: int, digest: int) -> int:
    """The number of a value's entry, or -1. Newest first, several at a time: a crowded key spends its time here."""
    number, hits = heap[nth(at + LENGTH)], 0
    while number >= _STRIDE and not hits:
        number -= _STRIDE
        entry = entry_of(heap, at, WIDTH, number)
        for step in range(_STRIDE):
            hits += heap[nth(entry + WIDTH * step + 1)] == digest
    number += _STRIDE if hits else 0
    while number and heap[nth(entry_of(heap, at, WIDTH, number - 1) + 1)] != digest:
        number -= 1
    return number - 1


@inlined
def _place(heap: Words, at: int, time: int, digest: int) -> int:
    """Where an entry belongs; late ones are few, so it is looked for from the end."""
    number = heap[nth(at + LENGTH)]
    while number and not _is_before(heap, entry_of(heap, at, WIDTH, number - 1), time, digest):
        number -= 1
    return number


@inlined
def _is_before(heap: Words, entry: int, time: int, digest: int) -> bool:
    return heap[nth(entry)] < time or (heap[nth(entry)] == time and heap[nth(entry + 1)] < digest)


@inlined
def _is_kept(heap: Words, at: int, known: int, time: int, digest: int) -> bool:
    """Whether an entry belongs among the most recent, `known` being the number of the value's older one or -1."""
    if known >= 0:
        return heap[nth(entry_of(heap, at, WIDTH, known))] < time
    return heap[nth(at + LENGTH)] < DISTINCT_MAX or _is_before(heap, entry_of(heap, at, WIDTH, 0), time, digest)


@inlined
def fold_recent(heap: Words, at: int, time: int, digest: int, oldest: int) -> None:
    """Remember that the key met a value at `time`; forget what is older than `oldest`."""
    drop_first(heap, at, count_before(heap, at, WIDTH, oldest))
    if time >= oldest:
        known = _find(heap, at, digest)
        if _is_kept(heap, at, known, time, digest):
            if known >= 0:
                drop(heap, at, WIDTH, known)
            elif heap[nth(at + LENGTH)] == DISTINCT_MAX:
                drop_first(heap, at, 1)
            entry = insert(heap, at, WIDTH, _place(heap, at, time, digest))
            heap[nth(entry)], heap[nth(entry + 1)] = time, digest


@inlined
def fold_different(heap: Words, recent: Record, at: int, facts: Words, row: int) -> None:
    """Remember the value of one event, if it has one."""
    value = facts[nth(recent.column), nth(row)]
    if facts[nth(recent.input), nth(row)] != MISSING and value != NO_DIGEST:
        fold_recent(heap, at, facts[nth(TIME), nth(row)], value, facts[nth(AS_OF), nth(row)] - recent.reach)


@inlined
def count_since(heap: Words, at: int, floor: int) -> int:
    """How many different values were met at or after `floor`, at most DISTINCT_MAX."""
    return heap[nth(at + LENGTH)] - count_before(heap, at, WIDTH, floor)
