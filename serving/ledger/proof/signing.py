"""The duty that signs heads: what is new in the book is taken into the tree, and its head goes out of the database.

What was committed since the newest head is covered by none yet: whoever has the database could rewrite that much, and
no more. A head is signed every HEADS_SECONDS when there is news, and when the service stops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from features.home import Home
from features.secrets import secret_of
from serving.database import reading
from serving.ledger.proof import kept, lanes, tree
from serving.ledger.proof.heads import Head, is_signed, key_id, key_of, signed
from serving.ledger.proof.rows import Rows
from serving.ledger.proof.tree import Tree

HEADS_SECONDS: Final = 10.0
KEY: Final = "heads.key"
TILES: Final = "heads.tiles"


class BookRewritten(RuntimeError):  # noqa: N818  # it names what was found
    """The book is not what the newest head says it was: nothing is signed until somebody has looked."""


def key_of_home(home: Home) -> Ed25519PrivateKey:
    """Made when it is first asked for. Raises ValueError for a damaged file."""
    return key_of(secret_of(home.root / KEY))


@dataclass(frozen=True, slots=True)
class Places:
    """`folders` get every head; `tiles` is a file that spares reading the whole book at the start, and may be lost."""

    folders: Sequence[Path]
    tiles: Path

    @classmethod
    def of_home(cls, home: Home) -> "Places":
        return cls(kept.folders_of(home), home.root / TILES)


class Signer:
    """One a service. Nothing is read before the first `sign`; what it hashes with is compiled before, for nobody shall
    wait for that.
    """

    def __init__(self, engine: Engine, places: Places, key: Ed25519PrivateKey) -> None:
        lanes.warm_up()
        self._engine, self._places, self._key = engine, places, key
        self._tree: Tree | None = None
        self._signed = 0

    def sign(self, now: int) -> Head | None:
        """The head that was signed and kept, None when the newest head covers all. `now` in microseconds.

        Raises `BookRewritten`, and OSError when a folder does not take the head; the others have it then.
        """
        with reading(self._engine) as connection:
            rows = Rows(connection)
            if self._tree is None:
                self._tree, self._signed = self._begun(rows)
            self._tree.follow(rows.hashes)
            size = self._tree.size
            if size == self._signed:
                return None
            (last,) = rows.hashes(size - 1, 1)
        head = signed(Head(size, self._tree.root, last, now, key=""), self._key)
        self._keep(head)
        self._signed = size
        tree.save(self._tree, self._places.tiles)
        return head

    def _begun(self, rows: Rows) -> tuple[Tree, int]:
        """The tree as far as the newest head, which it must fit: by the tiles that were kept, or else by all rows."""
        newest = self._newest()
        if newest is None:
            self._places.tiles.unlink(missing_ok=True)
            return Tree(), 0
        for begun in (tree.load(self._places.tiles), Tree()):
            if begun.size <= newest.size:
                begun.follow(rows.hashes, newest.size)
                if (begun.size, begun.root) == (newest.size, newest.root):
                    return begun, newest.size
            self._places.tiles.unlink(missing_ok=True)
        raise BookRewritten(
            f"the book does not fit the head over its first {newest.size} events: run `assay ledger verify`, and sign "
            "nothing until it is known who changed what"
        )

    def _newest(self) -> Head | None:
        """Of all folders: where one was lost or put back from a backup, another one knows."""
        mine = key_id(self._key.public_key())
        last = [head for head in map(kept.last_of, self._places.folders) if head is not None]
        ours = [head for head in last if head.key == mine and is_signed(head, self._key.public_key())]
        return max(ours, key=lambda head: head.size, default=None)

    def _keep(self, head: Head) -> None:
        failures = []
        for folder in self._places.folders:
            try:
                kept.keep(head, folder)
            except OSError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
