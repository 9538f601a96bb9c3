"""That the book only grew: a head that somebody kept and a later one, joined by a consistency proof (RFC 9162, 2.1.4).

Whoever keeps one head, and neither the book nor any other, sees by at most 64 hashes that all it covers still stands.
"""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from serving.ledger.proof.heads import Head, is_signed
from serving.ledger.proof.merkle import is_consistent, prove_consistency
from serving.ledger.proof.rows import Rows
from serving.ledger.proof.signing import BookRewritten
from serving.ledger.proof.slip import Unproven
from serving.ledger.proof.tree import Tree


def grow_to(tree: Tree, rows: Rows, head: Head) -> None:
    """Take in the events up to `head`'s. Raises `BookRewritten` for a book that it does not fit."""
    tree.follow(rows.hashes, head.size)
    if (tree.size, tree.root) != (head.size, head.root):
        raise BookRewritten("the book does not fit its newest head: run `assay ledger verify`")


def prove_growth(connection: Connection, old: int, new: int, head: Head, tree: Tree) -> list[bytes]:
    """The hashes that join the first `old` events to the first `new`. `tree` is that of the book, as far as `head` at
    most, which covers them all.

    Raises ValueError unless 0 < old <= new, `BookRewritten` for a book that the head does not fit.
    """
    rows = Rows(connection)
    grow_to(tree, rows, head)
    return prove_consistency(old, new, tree.root_of(rows.hashes))


def check_growth(proof: Any, old: Head, new: Head, key: Ed25519PublicKey) -> None:
    """Check what the service answered, `{"from": ..., "to": ..., "path": [...]}`, without us. Raises `Unproven`."""
    for name, head in (("earlier", old), ("later", new)):
        if not is_signed(head, key):
            raise Unproven(f"the {name} head is not signed with this key")
    try:
        sizes, path = (proof["from"], proof["to"]), [bytes.fromhex(step) for step in proof["path"]]
    except (KeyError, TypeError, ValueError) as failure:
        raise Unproven(f"the proof is not what /v1/ledger/proofs/consistency answers: {failure!r}") from None
    if sizes != (old.size, new.size):
        raise Unproven(f"the proof is of {sizes[0]} and {sizes[1]} events, the heads are of {old.size} and {new.size}")
    if not is_consistent(old.size, new.size, path, old.root, new.root):
        raise Unproven(f"the first {old.size} events are not the same under both heads: the book was rewritten")
