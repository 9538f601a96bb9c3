"""The tree against the published vectors of Certificate Transparency, the RFC's own recursion, and every mutation."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.ledger.proof import merkle
from serving.ledger.proof.merkle import Frontier, includes, is_consistent, prove_consistency, prove_inclusion, root_over

# The eight entries, roots and proofs that Certificate Transparency's own implementations are tested with.
ENTRIES = [
    bytes.fromhex(entry)
    for entry in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = """
6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125
aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77
d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7
4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4
76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef
ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c
5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328
""".split()
INCLUSIONS = {
    (0, 1): "",
    (0, 8): """96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7
        5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4""",
    (5, 8): """bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b
        ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0
        d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7""",
    (2, 3): "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    (1, 5): """6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d
        5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b""",
}
CONSISTENCIES = {
    (1, 1): "",
    (1, 8): INCLUSIONS[0, 8],
    (6, 8): """0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a
        ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0
        d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7""",
    (2, 5): """5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e
        bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b""",
}
LEAVES = [merkle.leaf_hash(entry) for entry in ENTRIES]
SIZES = st.integers(1, 300)


def hashes(text: str) -> list[bytes]:
    return [bytes.fromhex(word) for word in text.split()]


def made(size: int) -> list[bytes]:
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def defined(leaves: Sequence[bytes]) -> bytes:
    """MTH as RFC 9162 writes it down: the recursion that everything else is quicker than."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:half]) + defined(leaves[half:])).digest()


def defined_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH, likewise."""
    if len(leaves) == 1:
        return []
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if index < half:
        return [*defined_path(index, leaves[:half]), defined(leaves[half:])]
    return [*defined_path(index - half, leaves[half:]), defined(leaves[:half])]


def defined_subproof(old: int, leaves: Sequence[bytes], *, is_whole: bool = True) -> list[bytes]:
    """SUBPROOF, likewise."""
    if old == len(leaves):
        return [] if is_whole else [defined(leaves)]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    if old <= half:
        return [*defined_subproof(old, leaves[:half], is_whole=is_whole), defined(leaves[half:])]
    return [*defined_subproof(old - half, leaves[half:], is_whole=False), defined(leaves[:half])]


def test_the_empty_tree_has_the_root_of_the_standard() -> None:
    assert Frontier().root == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots_are_reached(size: int) -> None:
    assert merkle.root(LEAVES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("place", "path"), INCLUSIONS.items())
def test_published_inclusion_proofs_are_made_and_accepted(place: tuple[int, int], path: str) -> None:
    index, size = place
    assert prove_inclusion(index, size, root_over(LEAVES)) == hashes(path)
    assert includes(LEAVES[index], index, size, hashes(path), bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("sizes", "path"), CONSISTENCIES.items())
def test_published_consistency_proofs_are_made_and_accepted(sizes: tuple[int, int], path: str) -> None:
    old, new = sizes
    assert prove_consistency(old, new, root_over(LEAVES)) == hashes(path)
    assert is_consistent(old, new, hashes(path), bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]))


@given(SIZES, st.data())
def test_proofs_are_those_of_the_recursion_in_the_standard(size: int, data: st.DataObject) -> None:
    leaves, index = made(size), data.draw(st.integers(0, size - 1))
    assert merkle.root(leaves) == defined(leaves)
    assert prove_inclusion(index, size, root_over(leaves)) == defined_path(index, leaves)
    assert prove_consistency(index + 1, size, root_over(leaves)) == defined_subproof(index + 1, leaves)


@given(st.lists(st.integers(0, 40), max_size=8))
def test_appending_bit_by_bit_is_appending_at_once(parts: list[int]) -> None:
    leaves, frontier, at = made(sum(parts)), Frontier(), 0
    for part in parts:
        frontier = frontier.with_peaks(leaves[at : at + part])
        at += part
    assert frontier == Frontier().with_peaks(leaves)
    assert len(frontier.peaks) == frontier.size.bit_count()


@given(st.integers(0, 40), st.integers(0, 7))
def test_whole_subtrees_are_appended_as_their_leaves_are(tiles: int, rest: int) -> None:
    leaves = made(tiles * 8 + rest)
    roots = [merkle.root(leaves[at * 8 : at * 8 + 8]) for at in range(tiles)]
    assert Frontier().with_peaks(roots, 3).with_peaks(leaves[tiles * 8 :]).root == merkle.root(leaves)


def test_a_subtree_that_would_not_begin_there_is_refused() -> None:
    with pytest.raises(ValueError, match="8 leaves cannot follow 3 leaves"):
        Frontier().with_peaks(made(3)).with_peaks(made(1), 3)


@given(SIZES, st.data())
def test_no_other_leaf_place_size_or_path_is_accepted(size: int, data: st.DataObject) -> None:
    leaves, index = made(size), data.draw(st.integers(0, size - 1))
    path, root = prove_inclusion(index, size, root_over(leaves)), merkle.root(leaves)
    other = data.draw(st.integers(-1, size).filter(lambda place: place != index))
    assert includes(leaves[index], index, size, path, root)
    assert not includes(leaves[index][::-1], index, size, path, root)
    assert not includes(leaves[index], other, size, path, root)
    assert not includes(leaves[index], index, size, [*path, root], root)
    assert not includes(leaves[index], index, size, path, root[::-1])
    for at in range(len(path)):
        assert not includes(leaves[index], index, size, [*path[:at], path[at][::-1], *path[at + 1 :]], root)
        assert not includes(leaves[index], index, size, path[:at] + path[at + 1 :], root)


@given(st.integers(2, 300), st.data())
def test_a_changed_past_has_no_consistency_proof(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    leaves = made(size)
    path, first, second = (
        prove_consistency(old, size, root_over(leaves)),
        merkle.root(leaves[:old]),
        merkle.root(leaves),
    )
    assert is_consistent(old, size, path, first, second)
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*leaves[:changed], leaves[changed][::-1], *leaves[changed + 1 :]]
    forged = prove_consistency(old, size, root_over(rewritten))
    assert not is_consistent(old, size, forged, first, merkle.root(rewritten))
    assert not is_consistent(old, size, path, first, merkle.root(rewritten))
    assert not is_consistent(old, size, path, first[::-1], second)
    assert not is_consistent(old, size, [*path, first], first, second)
    for at in range(len(path)):
        assert not is_consistent(old, size, path[:at] + path[at + 1 :], first, second)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_what_is_not_there_has_no_inclusion_proof(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {size} leaves has no leaf {index}"):
        prove_inclusion(index, size, root_over(made(size)))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_there_is_no_consistency_with_nothing_or_with_more(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=f"from {old} to {new} leaves"):
        prove_consistency(old, new, root_over(made(new)))
    assert not is_consistent(old, new, [made(1)[0]], merkle.EMPTY_ROOT, merkle.root(made(new)))
