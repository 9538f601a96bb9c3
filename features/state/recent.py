"""Distinct counts: the values that a key met most recently, each with the last time, the oldest first.

At most DISTINCT_MAX are kept, the most recent. How many of all values lie within a window is then exact up to that
limit, for every window at once: whatever was dropped would leave each window before all that was kept. What is kept
depends on nothing but the set of events (ties go by the value's digest), so any order of folding gives the same bytes.
"""

from typing import Final

from features.compiling import inlined
from features.state.heap import Words
from features.state.queue import LENGTH, count_before, drop, drop_first, entry_of, insert
from features.windows import DISTINCT_MAX

WIDTH: Final = 2
"""Of an entry: the last time, then the value's digest."""
_STRIDE: Final = 8


@inlined
def _find(heap: Words, at: int, digest: int) -> int:
    """The number of a value's entry, or -1. Newest first, several at a time: a crowded key spends its time here."""
    number = heap[at + LENGTH]
    while number >= _STRIDE:
        entry, hits = entry_of(heap, at, WIDTH, number), 0
        for step in range(_STRIDE):
            hits += heap[entry - 2 * step - 1] == digest
        if hits:
            break
        number -= _STRIDE
    while number > 0:
        number -= 1
        if heap[entry_of(heap, at, WIDTH, number) + 1] == digest:
            return number
    return -1


@inlined
def _place(heap: Words, at: int, time: int, digest: int) -> int:
    """Where an entry belongs; late ones are few, so it is looked for from the end."""
    number = heap[at + LENGTH]
    while number:
        entry = entry_of(heap, at, WIDTH, number - 1)
        if (heap[entry], heap[entry + 1]) < (time, digest):
            break
        number -= 1
    return number


@inlined
def fold_recent(heap: Words, at: int, time: int, digest: int, oldest: int) -> None:
    """Remember that the key met a value at `time`; forget what is older than `oldest`."""
    drop_first(heap, at, count_before(heap, at, WIDTH, oldest))
    if time < oldest:
        return
    known = _find(heap, at, digest)
    if known >= 0:
        if heap[entry_of(heap, at, WIDTH, known)] >= time:
            return
        drop(heap, at, WIDTH, known)
    elif heap[at + LENGTH] == DISTINCT_MAX:
        first = entry_of(heap, at, WIDTH, 0)
        if (heap[first], heap[first + 1]) > (time, digest):
            return
        drop_first(heap, at, 1)
    entry = insert(heap, at, WIDTH, _place(heap, at, time, digest))
    heap[entry], heap[entry + 1] = time, digest


@inlined
def count_since(heap: Words, at: int, floor: int) -> int:
    """How many different values were met at or after `floor`, at most DISTINCT_MAX."""
    return heap[at + LENGTH] - count_before(heap, at, WIDTH, floor)
