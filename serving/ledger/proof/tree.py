"""The tree over a book that is far larger than memory: one hash for every 256 events, and the events themselves for the
rest.

A proof of one event among a hundred million reads 256 hashes from the database and 400,000 from here.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from serving.ledger.proof import lanes
from serving.ledger.proof.merkle import Frontier, leaf_hash

LEVEL: Final = 8
TILE: Final = 1 << LEVEL
BATCH: Final = 64 * TILE
"""Events that are read at once."""

HashesAfter = Callable[[int, int], Sequence[bytes]]
"""The hashes of the events after a sequence, in order, at most so many; the first event has sequence 1."""


class Tree:
    """`tiles` are the roots of complete subtrees of 256 events; what follows them is kept leaf by leaf."""

    def __init__(self, tiles: Sequence[bytes] = ()) -> None:
        self.tiles: list[bytes] = list(tiles)
        self._rest: lanes.Bytes = np.empty((0, 32), np.uint8)
        self._peaks = Frontier().with_peaks(self.tiles, LEVEL)

    @property
    def size(self) -> int:
        return len(self.tiles) * TILE + len(self._rest)

    @property
    def root(self) -> bytes:
        return self._peaks.with_peaks(split(self._rest)).root

    def extend(self, hashes: lanes.Bytes) -> None:
        """The tree after the hashes, (n, 32), of n more events."""
        leaves = np.concatenate((self._rest, lanes.leaf_hashes(hashes)))
        whole = len(leaves) - len(leaves) % TILE
        tiles = split(lanes.subtrees(leaves[:whole], LEVEL))
        self._peaks = self._peaks.with_peaks(tiles, LEVEL)
        self.tiles += tiles
        self._rest = leaves[whole:]

    def follow(self, hashes_after: HashesAfter, size: int | None = None) -> None:
        """Take in what is new, up to `size` events in all if it is given."""
        while size is None or self.size < size:
            wanted = BATCH - self.size % TILE
            news = hashes_after(self.size, wanted if size is None else min(wanted, size - self.size))
            if not news:
                return
            self.extend(joined(news))

    def root_of(self, hashes_after: HashesAfter) -> Callable[[int, int], bytes]:
        """What a prover asks. Single leaves are read anew, and only they."""

        def leaves(start: int, end: int) -> list[bytes]:
            return leaves_of(hashes_after(start, end - start)) if end > start else []

        def root(start: int, end: int) -> bytes:
            # RFC 9162 splits where a power of two divides, so that a range begins with a tile or lies inside one.
            if start % TILE or end - start < TILE:
                return Frontier().with_peaks(leaves(start, end)).root
            whole = end - end % TILE
            tiles = self.tiles[start // TILE : whole // TILE]
            return Frontier().with_peaks(tiles, LEVEL).with_peaks(leaves(whole, end)).root

        return root


def leaves_of(hashes: Sequence[bytes]) -> list[bytes]:
    """The Merkle leaf of an event is that of its hash in the chain, which covers all that is in it."""
    if len(hashes) < TILE:
        return [leaf_hash(one) for one in hashes]
    return split(lanes.leaf_hashes(joined(hashes)))


def joined(hashes: Sequence[bytes]) -> lanes.Bytes:
    return np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32)


def split(rows: lanes.Bytes) -> list[bytes]:
    text = rows.tobytes()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


def load(file: Path) -> Tree:
    """The tree of the tiles that `save` wrote, empty where there are none. Whoever loads it compares its root."""
    text = file.read_bytes() if file.exists() else b""
    return Tree([text[at : at + 32] for at in range(0, len(text) - 31, 32)])


def save(tree: Tree, file: Path) -> None:
    """Add the tiles that are new to the file. Not flushed: what is lost is computed again."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("ab+") as tiles:
        kept = tiles.seek(0, 2) // 32
        tiles.truncate(min(kept, len(tree.tiles)) * 32)
        tiles.seek(0, 2)
        tiles.write(b"".join(tree.tiles[kept:]))
