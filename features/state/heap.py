"""A heap of 64-bit words in one array: what is known of a million keys is one object to Python, not millions.

Words 0 to 2 say where unused room begins, how many keys there are, and a salt; word `n` above them begins the list of
released blocks of `n` words. Address 0 means nowhere. A block is zero when it is handed out.
"""

import secrets
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.compiling import inlined

Words = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NOWHERE: Final = 0
_UNUSED: Final = 0
KEYS: Final = 1
SALT: Final = 2
BLOCK_WORDS_MAX: Final = 2048
"""Lists of released blocks are kept for sizes below this."""
nth = np.uint64
"""A place in an array. An integer without a sign never counts from the end, so Numba leaves out the test for it: where
every row passes, a third of the time.
"""


class Memory(NamedTuple):
    """`floats` is a view of `heap`; `table` finds a key's record; `scratch` holds one ring's totals while reading."""

    heap: Words
    floats: Floats
    table: Words
    scratch: Words


def new_memory(words: int, keys: int, scratch: int) -> Memory:
    """Room for `words` beyond the lists of blocks, and for half of `keys` (a power of two) in the index."""
    heap = np.zeros(BLOCK_WORDS_MAX + words, np.int64)
    heap[nth(_UNUSED)] = BLOCK_WORDS_MAX
    # Where a key lies in the index is nobody's to choose: nobody can pile up keys of their own making.
    heap[nth(SALT)] = secrets.randbits(62) | 1
    return Memory(heap, heap.view(np.float64), np.zeros(keys, np.int64), np.zeros(scratch, np.int64))


def enlarged(memory: Memory) -> Memory:
    """The same with a heap of twice the size."""
    heap = np.zeros(2 * len(memory.heap), np.int64)
    heap[: len(memory.heap)] = memory.heap
    return memory._replace(heap=heap, floats=heap.view(np.float64))


@inlined
def room(heap: Words) -> int:
    """Words that were never used."""
    return len(heap) - heap[nth(_UNUSED)]


@inlined
def allocate(heap: Words, words: int) -> int:
    """The address of a block of zeros. The caller has made sure of the room."""
    at = heap[nth(words)]
    if at == NOWHERE:
        at = heap[nth(_UNUSED)]
        heap[nth(_UNUSED)] = at + words
    else:
        heap[nth(words)] = heap[nth(at)]
    for word in range(at, at + words):
        heap[nth(word)] = 0
    return at


@inlined
def release(heap: Words, at: int, words: int) -> None:
    heap[nth(at)] = heap[nth(words)]
    heap[nth(words)] = at
