"""The Merkle tree of RFC 9162, section 2.1 (the same as RFC 6962's): heads, inclusion proofs, consistency proofs.

Pure functions over 32-byte hashes, of the standard library alone, so that whoever checks a proof needs nothing of ours.
A prover is given `root_of(start, end)`, the root of the leaves start <= i < end, which it asks about O(log n) times.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

RootOf = Callable[[int, int], bytes]
EMPTY_ROOT: Final = hashlib.sha256().digest()


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed to append: the roots of the complete subtrees that `size` splits into, largest first.

    There are as many as `size` has bits set, so at most 64 hashes for any book.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def with_peaks(self, hashes: Iterable[bytes], level: int = 0) -> Self:
        """The tree after the roots `hashes` of complete subtrees of 2**level leaves each; level 0 is leaf hashes.

        Raises ValueError when the size is no multiple of 2**level: such subtrees do not begin here.
        """
        if self.size % (1 << level):
            raise ValueError(f"subtrees of {1 << level} leaves cannot follow {self.size} leaves")
        size, peaks = self.size, list(self.peaks)
        for arrived in hashes:
            peak, rest = arrived, size >> level
            while rest & 1:
                peak, rest = node_hash(peaks.pop(), peak), rest >> 1
            peaks.append(peak)
            size += 1 << level
        return type(self)(size, tuple(peaks))

    @property
    def root(self) -> bytes:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    return Frontier().with_peaks(leaves).root


def root_over(leaves: Sequence[bytes]) -> RootOf:
    """What a prover asks, of leaf hashes that are all in memory."""
    return lambda start, end: root(leaves[start:end])


def prove_inclusion(index: int, size: int, root_of: RootOf) -> list[bytes]:
    """The path from leaf `index` to the root of `size` leaves, from the bottom up (PATH of RFC 9162, 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start = middle
    return path[::-1]


def prove_consistency(old: int, new: int, root_of: RootOf) -> list[bytes]:
    """That the first `old` of `new` leaves are what they were (PROOF of RFC 9162, 2.1.4.1)."""
    if not 0 < old <= new:
        raise ValueError(f"there is no consistency proof from {old} to {new} leaves")
    path, start, end, is_whole = [], 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(root_of(middle, end))
            end = middle
        else:
            path.append(root_of(start, middle))
            start, is_whole = middle, False
    if not is_whole:
        path.append(root_of(start, end))
    return path[::-1]


def includes(entry_hash: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` leads from the leaf hash `entry_hash` at `index` to `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    at, last, reached = index, size - 1, entry_hash
    for step in path:
        if last == 0:
            return False
        if at & 1 or at == last:
            reached = node_hash(step, reached)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            reached = node_hash(reached, step)
        at, last = at >> 1, last >> 1
    return last == 0 and reached == root


def is_consistent(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether `path` shows that the tree of `old` leaves is the beginning of that of `new` (RFC 9162, 2.1.4.2)."""
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    steps = [old_root, *path] if old & (old - 1) == 0 else list(path)
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(step, first), node_hash(step, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, step)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """The largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
