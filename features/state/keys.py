"""From a key to its record: an open-addressed table of records, found by the 64-bit digest of the key.

A record begins with the digest and the number of its entity.
"""

from typing import Final

import numpy as np

from features.compiling import inlined, loop
from features.state.heap import KEYS, NOWHERE, SALT, Memory, Words, allocate, nth, release

RECORD_DIGEST: Final = 0
RECORD_ENTITY: Final = 1
RECORD_HEAD: Final = 2
"""Words before a record's own parts."""


@inlined
def _home(heap: Words, index: Words, entity: int, digest: int) -> int:
    """Where the probing for a key begins."""
    return ((digest + entity) * heap[nth(SALT)] >> 20) & (len(index) - 1)


@inlined
def _place(heap: Words, index: Words, entity: int, digest: int) -> int:
    """The place in the index of the key's record, or the empty one where it would go."""
    place = _home(heap, index, entity, digest)
    while index[nth(place)] != NOWHERE:
        record = index[nth(place)]
        if heap[nth(record + RECORD_DIGEST)] == digest and heap[nth(record + RECORD_ENTITY)] == entity:
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
    if index[nth(place)] == NOWHERE:
        record = allocate(heap, words)
        heap[nth(record + RECORD_DIGEST)], heap[nth(record + RECORD_ENTITY)] = digest, entity
        heap[nth(KEYS)] += 1
        index[nth(place)] = record
    return index[nth(place)]


@inlined
def remove(memory: Memory, record: int, words: int) -> None:
    """Forget a key; the keys that were pushed past its place move back, so that no gap cuts them off."""
    heap, index = memory.heap, memory.table
    hole = _place(heap, index, heap[nth(record + RECORD_ENTITY)], heap[nth(record + RECORD_DIGEST)])
    mask = len(index) - 1
    at = (hole + 1) & mask
    while index[nth(at)] != NOWHERE:
        other = index[nth(at)]
        home = _home(heap, index, heap[nth(other + RECORD_ENTITY)], heap[nth(other + RECORD_DIGEST)])
        if ((at - home) & mask) >= ((at - hole) & mask):
            index[nth(hole)] = other
            hole = at
        at = (at + 1) & mask
    index[nth(hole)] = NOWHERE
    heap[nth(KEYS)] -= 1
    release(heap, record, words)


@loop
def rehashed(memory: Memory, size: int) -> Words:
    """The same index with `size` places, a power of two."""
    index = np.zeros(size, np.int64)
    for record in memory.table:
        if record != NOWHERE:
            entity, digest = memory.heap[nth(record + RECORD_ENTITY)], memory.heap[nth(record + RECORD_DIGEST)]
            index[nth(_place(memory.heap, index, entity, digest))] = record
    return index
