import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.ledger.proof import lanes, merkle


@given(st.integers(0, 300), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)  # the first example compiles
def test_each_digest_is_the_standard_library_s(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    messages = random.integers(0, 256, (count, int(random.integers(0, 200))), np.uint8)
    found = lanes.digests(messages)
    assert [row.tobytes() for row in found] == [hashlib.sha256(row.tobytes()).digest() for row in messages]


@pytest.mark.parametrize("length", [0, 55, 56, 63, 64, 119, 120])
def test_padding_is_right_at_the_edges_of_a_block(length: int) -> None:
    messages = np.full((3, length), 0xFF, np.uint8)
    assert lanes.digests(messages)[2].tobytes() == hashlib.sha256(b"\xff" * length).digest()


def test_a_tree_of_lanes_is_the_tree_of_the_standard() -> None:
    entries = np.random.default_rng(7).integers(0, 256, (512, 32), np.uint8)
    leaves = lanes.leaf_hashes(entries)
    roots = lanes.subtrees(leaves, 8)
    assert [leaf.tobytes() for leaf in leaves] == [merkle.leaf_hash(entry.tobytes()) for entry in entries]
    assert [root.tobytes() for root in roots] == [
        merkle.root(leaf.tobytes() for leaf in half) for half in (leaves[:256], leaves[256:])
    ]
