import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.ledger.proof import merkle, tree
from serving.ledger.proof.tree import TILE, Tree

HASHES = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(5 * TILE + 17)]
LEAVES = [merkle.leaf_hash(one) for one in HASHES]
SIZES = st.integers(1, len(HASHES))


def hashes_after(after: int, limit: int) -> Sequence[bytes]:
    return HASHES[after : after + limit]


def grown(size: int) -> Tree:
    made = Tree()
    made.follow(hashes_after, size)
    return made


@given(st.lists(SIZES, min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)  # the first example compiles
def test_however_a_tree_grew_its_root_is_that_of_the_standard(sizes: list[int]) -> None:
    made = Tree()
    for size in sorted(sizes):
        made.follow(hashes_after, size)
        assert made.size == size
        assert made.root == merkle.root(LEAVES[:size])


@given(SIZES, st.data())
@settings(max_examples=60, deadline=None)  # as above
def test_proofs_from_tiles_are_those_from_all_leaves(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    root_of = grown(size).root_of(hashes_after)
    all_leaves = merkle.root_over(LEAVES)
    assert merkle.prove_inclusion(index, size, root_of) == merkle.prove_inclusion(index, size, all_leaves)
    assert merkle.prove_consistency(index + 1, size, root_of) == merkle.prove_consistency(index + 1, size, all_leaves)


def test_a_proof_reads_less_than_a_tile_and_the_end(tmp_path: Path) -> None:
    read: list[int] = []

    def counting(after: int, limit: int) -> Sequence[bytes]:
        read.append(limit)
        return hashes_after(after, limit)

    merkle.prove_inclusion(300, len(HASHES), grown(len(HASHES)).root_of(counting))
    assert sum(read) < 2 * TILE


@pytest.mark.parametrize("size", [0, 1, TILE, TILE + 1, 3 * TILE - 1])
def test_a_tree_that_was_saved_goes_on_where_its_tiles_end(tmp_path: Path, size: int) -> None:
    tree.save(grown(size), tmp_path / "tiles")
    loaded = tree.load(tmp_path / "tiles")
    assert loaded.size == size - size % TILE
    loaded.follow(hashes_after)
    assert loaded.root == merkle.root(LEAVES)
    tree.save(loaded, tmp_path / "tiles")
    assert (tmp_path / "tiles").read_bytes() == b"".join(loaded.tiles)


def test_tiles_that_were_cut_or_are_too_many_are_written_as_they_are(tmp_path: Path) -> None:
    tree.save(grown(3 * TILE), tmp_path / "tiles")
    with (tmp_path / "tiles").open("ab") as file:
        file.write(b"cut")
    assert tree.load(tmp_path / "tiles").tiles == grown(3 * TILE).tiles
    tree.save(grown(4 * TILE), tmp_path / "tiles")
    assert tree.load(tmp_path / "tiles").tiles == grown(4 * TILE).tiles
    tree.save(grown(TILE), tmp_path / "tiles")
    assert tree.load(tmp_path / "tiles").tiles == grown(TILE).tiles
