"""From a key to its record: an open-addressed table of records, found by the 64-bit digest of the key.

A record begins with the digest and the number of its entity.
"""

from typing import Final

import numpy as np

from features.compiling import inlined
from features.state.heap import KEYS, NOWHERE, SALT, Memory, Words, allocate, release

RECORD_DIGEST: Final = 0
RECORD_ENTITY: Final = 1
RECORD_HEAD: Final = 2
"""Words before a record's own parts."""


@inlined
def _home(heap: Words, index: Words, entity: int, digest: int) -> int:
    """Where the probing for a key begins."""
    return ((digest + entity) * heap[SALT] >> 20) & (len(index) - 1)


@inlined
def _place(heap: Words, index: Words, entity: int, digest: int) -> int:
    """The place in the index of the key's record, or the empty one where it would go."""
    place = _home(heap, index, entity, digest)
    while index[place] != NOWHERE:
        record = index[place]
        if heap[record + RECORD_DIGEST] == digest and heap[record + RECORD_ENTITY] == entity:
            break
        place = (place + 1) & (len(index) - 1)
    return place


@inlined
def find(memory: Memory, entity: int, digest: int) -> int:
    """The record of a key, or NOWHERE."""
    return memory.table[_place(memory.heap, memory.table, entity, digest)]


@inlined
def find_or_add(memory: Memory, entity: int, digest: int, words: int) -> int:
    """The record of a key; a new one is all zeros. The caller has made sure of the room."""
    heap, index = memory.heap, memory.table
    place = _place(heap, index, entity, digest)
    if index[place] == NOWHERE:
        record = allocate(heap, words)
        heap[record + RECORD_DIGEST], heap[record + RECORD_ENTITY] = digest, entity
        heap[KEYS] += 1
        index[place] = record
    return index[place]


@inlined
def remove(memory: Memory, record: int, words: int) -> None:
    """Forget a key; the keys that were pushed past its place move back, so that no gap cuts them off."""
    heap, index = memory.heap, memory.table
    hole = _place(heap, index, heap[record + RECORD_ENTITY], heap[record + RECORD_DIGEST])
    mask = len(index) - 1
    at = (hole + 1) & mask
    while index[at] != NOWHERE:
        other = index[at]
        home = _home(heap, index, heap[other + RECORD_ENTITY], heap[other + RECORD_DIGEST])
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[hole] = other
            hole = at
        at = (at + 1) & mask
    index[hole] = NOWHERE
    heap[KEYS] -= 1
    release(heap, record, words)


@inlined
def rehashed(memory: Memory, size: int) -> Words:
    """The same index with `size` places, a power of two."""
    index = np.zeros(size, np.int64)
    for record in memory.table:
        if record != NOWHERE:
            entity, digest = memory.heap[record + RECORD_ENTITY], memory.heap[record + RECORD_DIGEST]
            index[_place(memory.heap, index, entity, digest)] = record
    return index
