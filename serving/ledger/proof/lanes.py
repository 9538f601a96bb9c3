"""SHA-256 (FIPS 180-4) of many short messages of one length at once, side by side in the lanes of a core's registers.

One message by `hashlib` costs half a microsecond of calling alone. Beside each other, a block costs less than a tenth:
the book is verified by hashing every event three times, and this is what makes that bearable.
"""

from itertools import islice
from math import isqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]
_LANES: Final = 128
_PRIMES: Final = list(islice((n for n in range(2, 400) if all(n % d for d in range(2, isqrt(n) + 1))), 64))


def _cube_root(number: int) -> int:
    """Rounded down."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


# The first 32 bits of the fractions of square and cube roots of the first primes.
_FIRST: Final = np.array([isqrt(prime << 64) & 0xFFFFFFFF for prime in _PRIMES[:8]], np.uint32)
_ROUNDS: Final = np.array([_cube_root(prime << 96) & 0xFFFFFFFF for prime in _PRIMES], np.uint32)


def digests(messages: Bytes) -> Bytes:
    """The digests, (n, 32), of `messages`, (n, length): n messages of one length in bytes."""
    count, length = messages.shape
    lengths = np.full(count, length)
    padded = np.zeros((count, (length + 9 + 63) // 64 * 64), np.uint8)
    padded[:, :length] = messages
    return padded_digests(padded, lengths)


def warm_up() -> None:
    """Load, or once compile, the loops."""
    digests(np.zeros((1, 32), np.uint8))


def blocks_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many blocks of 64 bytes messages of these lengths are padded to."""
    blocks: NDArray[np.int64] = (lengths + 9 + 63) // 64
    return blocks


def padded_digests(padded: Bytes, lengths: NDArray[np.int64]) -> Bytes:
    """The same of messages that lie in zeroed rows of as many blocks as each of them needs. Writes to the rows."""
    count = len(padded)
    padded[np.arange(count), lengths] = 0x80
    padded[:, -8:] = (lengths * 8).astype(">u8").view(np.uint8).reshape(count, 8)
    words = padded.view(">u4").astype(np.uint32)
    state = np.empty((count, 8), np.uint32)
    _digest(words, state, np.empty((64, _LANES), np.uint32), np.empty((8, _LANES), np.uint32))
    found: Bytes = state.astype(">u4").view(np.uint8)
    return found


def leaf_hashes(entries: Bytes) -> Bytes:
    """`merkle.leaf_hash` of each row."""
    return digests(_prefixed(0, entries))


def parents(hashes: Bytes) -> Bytes:
    """`merkle.node_hash` of each two rows that follow each other: (2n, 32) to (n, 32)."""
    return digests(_prefixed(1, hashes.reshape(-1, 64)))


def subtrees(leaves: Bytes, level: int) -> Bytes:
    """The roots of the complete subtrees of 2**level leaf hashes each: (n * 2**level, 32) to (n, 32)."""
    for _ in range(level):
        leaves = parents(leaves)
    return leaves


def _prefixed(prefix: int, rows: Bytes) -> Bytes:
    messages = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    messages[:, 0] = prefix
    messages[:, 1:] = rows
    return messages


@loop
def _digest(words: Words, state: Words, work: Any, turn: Any) -> None:
    """`work` and `turn` are room for the message schedule and the eight working variables of every lane."""
    for first in range(0, words.shape[0], _LANES):
        lanes = min(_LANES, words.shape[0] - first)
        mine = state[first : first + lanes]
        mine[:] = _FIRST
        for block in range(0, words.shape[1], 16):
            work[:16, :lanes] = words[first : first + lanes, block : block + 16].T
            turn[:, :lanes] = mine.T
            _schedule(work)
            _turn(work, turn)
            mine += turn[:, :lanes].T


@loop
def _schedule(work: Any) -> None:
    """Section 6.2.2, step 1. What arithmetic carries beyond 32 bits falls away where it is stored."""
    for at in range(16, 64):
        for lane in range(_LANES):
            near, far = work[at - 2, lane], work[at - 15, lane]
            wide = ((far >> 7) | (far << 25)) ^ ((far >> 18) | (far << 14)) ^ (far >> 3)
            narrow = ((near >> 17) | (near << 15)) ^ ((near >> 19) | (near << 13)) ^ (near >> 10)
            work[at, lane] = work[at - 16, lane] + wide + work[at - 7, lane] + narrow


@loop
def _turn(work: Any, turn: Any) -> None:
    """Step 3: sixty-four rounds. The variables stand still and their names move, so that no lane is copied."""
    for at in range(64):
        a, b, c, d = turn[-at & 7], turn[(1 - at) & 7], turn[(2 - at) & 7], turn[(3 - at) & 7]
        e, f, g, h = turn[(4 - at) & 7], turn[(5 - at) & 7], turn[(6 - at) & 7], turn[(7 - at) & 7]
        for lane in range(_LANES):
            x, y = e[lane], a[lane]
            sums = ((x >> 6) | (x << 26)) ^ ((x >> 11) | (x << 21)) ^ ((x >> 25) | (x << 7))
            one = h[lane] + sums + ((x & f[lane]) ^ (~x & g[lane])) + _ROUNDS[at] + work[at, lane]
            sums = ((y >> 2) | (y << 30)) ^ ((y >> 13) | (y << 19)) ^ ((y >> 22) | (y << 10))
            two = sums + ((y & b[lane]) ^ (y & c[lane]) ^ (b[lane] & c[lane]))
            d[lane] = d[lane] + one
            h[lane] = one + two
