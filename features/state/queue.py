"""Queues: sorted entries of a few words each, side by side in a block; they leave in front and mostly come at the end.

A queue lies in its key's record as `[address, capacity, first, length]`. What leaves in front only moves `first`; when
the end of the block is reached, the queue slides to the front, or moves into a block of twice the size.
"""

from typing import Final

from features.compiling import inlined
from features.state.heap import Words, allocate, nth, release

ADDRESS: Final = 0
CAPACITY: Final = 1
FIRST: Final = 2
LENGTH: Final = 3
QUEUE_WORDS: Final = 4
CAPACITY_FIRST: Final = 4


@inlined
def entry_of(heap: Words, at: int, width: int, number: int) -> int:
    """The address of an entry, the oldest being number 0."""
    return heap[nth(at + ADDRESS)] + (heap[nth(at + FIRST)] + number) * width


@inlined
def drop_first(heap: Words, at: int, many: int) -> None:
    heap[nth(at + FIRST)] += many
    heap[nth(at + LENGTH)] -= many


@inlined
def drop(heap: Words, at: int, width: int, number: int) -> None:
    """Take out one entry; the later ones move up."""
    for word in range(entry_of(heap, at, width, number), entry_of(heap, at, width, heap[nth(at + LENGTH)] - 1)):
        heap[nth(word)] = heap[nth(word + width)]
    heap[nth(at + LENGTH)] -= 1


@inlined
def _move(heap: Words, at: int, width: int, block: int, capacity: int) -> None:
    """Copy the queue to the front of a block, its own or a larger one."""
    old = entry_of(heap, at, width, 0)
    for word in range(heap[nth(at + LENGTH)] * width):
        heap[nth(block + word)] = heap[nth(old + word)]
    heap[nth(at + ADDRESS)], heap[nth(at + CAPACITY)], heap[nth(at + FIRST)] = block, capacity, 0


@inlined
def _make_place(heap: Words, at: int, width: int) -> None:
    """Room for one more at the end."""
    block, capacity = heap[nth(at + ADDRESS)], heap[nth(at + CAPACITY)]
    if heap[nth(at + FIRST)] + heap[nth(at + LENGTH)] >= capacity:
        if capacity and 2 * heap[nth(at + FIRST)] >= capacity:
            _move(heap, at, width, block, capacity)
        else:
            larger = 2 * capacity if capacity else CAPACITY_FIRST
            _move(heap, at, width, allocate(heap, larger * width), larger)
            if capacity:
                release(heap, block, capacity * width)


@inlined
def insert(heap: Words, at: int, width: int, number: int) -> int:
    """The address of a new entry before entry `number`; whatever was there moves down. Its words are the caller's."""
    _make_place(heap, at, width)
    entry = entry_of(heap, at, width, number)
    for word in range(entry_of(heap, at, width, heap[nth(at + LENGTH)]) - 1, entry - 1, -1):
        heap[nth(word + width)] = heap[nth(word)]
    heap[nth(at + LENGTH)] += 1
    return entry


@inlined
def count_before(heap: Words, at: int, width: int, floor: int) -> int:
    """How many entries are older than `floor`; an entry's first word is its time."""
    low, high = 0, heap[nth(at + LENGTH)]
    if high and heap[nth(entry_of(heap, at, width, 0))] >= floor:
        high = 0  # as it is nearly always
    while low < high:
        middle = (low + high) >> 1
        if heap[nth(entry_of(heap, at, width, middle))] < floor:
            low = middle + 1
        else:
            high = middle
    return low


@inlined
def give_back(heap: Words, at: int, width: int) -> None:
    """Release the block of a queue that is no longer needed."""
    if heap[nth(at + CAPACITY)]:
        release(heap, heap[nth(at + ADDRESS)], heap[nth(at + CAPACITY)] * width)
