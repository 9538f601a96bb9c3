"""Ties as sparse matrices: the weighted graph of people and keys, and people tied to people through shared keys.

A key of many people says little about any two of them, so it weighs 1 / log(1 + people); a hub weighs nothing.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from features.graph.layout import DEGREE_MAX
from features.rings.ties import Floats, Ints, Truths

Sparse = Any
"""A scipy CSR matrix; scipy ships no types."""

PAIRS_MAX: Final = 10_000_000
"""Pairs of people that one projection may make; the keys of most people are left out first."""


def people_of_keys(nodes: int, right: Ints) -> Ints:
    """How many people each node is tied to from the other side; edges are given once each."""
    return np.bincount(right, minlength=nodes)


def weights_of(degree: Ints, limit: Ints) -> Floats:
    """1 / log(1 + people) of a key by its degree; 0 for a hub of `limit` people or more."""
    return np.where(degree >= limit, 0.0, 1 / np.log1p(np.maximum(degree, 1)))


def symmetric(nodes: int, left: Ints, right: Ints, weight: Floats) -> Sparse:
    """The adjacency of an undirected graph, `(nodes, nodes)`; several edges between two nodes add up, loops and
    edges that weigh nothing are left out.
    """
    kept = (weight > 0) & (left != right)
    one, two, weight = left[kept], right[kept], weight[kept]
    rows, columns = np.concatenate([one, two]), np.concatenate([two, one])
    matrix = sp.coo_array((np.concatenate([weight, weight]), (rows, columns)), shape=(nodes, nodes)).tocsr()
    matrix.sort_indices()
    return matrix


def incidence(persons: int, keys: int, person: Ints, key: Ints) -> Sparse:
    """Ones at (person, key), shape `(persons, keys)`; repeated pairs count once."""
    matrix = sp.coo_array((np.ones(len(person)), (person, key)), shape=(persons, keys)).tocsr()
    matrix.data[:] = 1
    return matrix


def degree_within(degree: Ints, pairs_max: int = PAIRS_MAX, degree_max: int = DEGREE_MAX) -> int:
    """The largest degree, at most `degree_max`, so that all keys up to it make at most `pairs_max` pairs of people."""
    counts = np.bincount(np.minimum(degree, degree_max + 1), minlength=degree_max + 2)[: degree_max + 1]
    people = np.arange(degree_max + 1)
    pairs = np.cumsum(counts * people * (people - 1) // 2)
    return int(np.searchsorted(pairs, pairs_max, side="right")) - 1


def shared(incident: Sparse, weight: Floats | None = None, pairs_max: int = PAIRS_MAX) -> Sparse:
    """People by people: the weight of the keys that two people share (without `weight`, their number), diagonal empty.

    Keys of more people than `degree_within` allows are left out, so the result has at most `2 * pairs_max` entries.
    """
    degree = np.bincount(incident.indices, minlength=incident.shape[1])
    chosen = np.flatnonzero((degree > 1) & (degree <= degree_within(degree, pairs_max)))
    part = incident.tocsc()[:, chosen].tocsr()
    scaled = part if weight is None else part @ sp.diags_array(weight[chosen])
    pairs = (scaled @ part.T).tocsr()
    pairs.setdiag(0)
    pairs.eliminate_zeros()
    pairs.sort_indices()
    return pairs


def row_maximum(matrix: Sparse) -> Floats:
    """The largest entry of each row, 0 for an empty one; entries are not negative."""
    return np.asarray(matrix.max(axis=1).todense()).ravel().astype(np.float64)


def row_counts(matrix: Sparse) -> Ints:
    """How many entries each row has."""
    counts: Ints = np.diff(matrix.indptr).astype(np.int64)
    return counts


def select(matrix: Sparse, entries: Truths) -> Sparse:
    """The matrix with only those of its stored entries."""
    copy = matrix.copy()
    copy.data = np.where(entries, copy.data, 0)
    copy.eliminate_zeros()
    return copy


def rows_of(matrix: Sparse) -> npt.NDArray[np.int64]:
    """The row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), row_counts(matrix))
