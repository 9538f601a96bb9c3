"""How a node is tied: its degree, core, clustering, community, and how much its neighbours are each other's."""

from typing import Final

import numpy as np

from features.compiling import loop
from features.rings.matrix import Sparse, row_counts, rows_of
from features.rings.shape import clustering, communities, core_numbers, inner_share
from features.rings.ties import Floats, Ints

STRUCTURE_NAMES: Final = tuple(
    "degree multiplicity core clustering core_share community_nodes community_closed "
    "overlap_mean overlap_max common_mean common_max".split()
)


def structure_of(graph: Sparse, adjacency: Sparse) -> Floats:
    """`(nodes, STRUCTURE_NAMES)`; NaN where a node has too few ties to say. `graph` is `adjacency` with ones.

    The overlap of two neighbours is the share of their joint neighbourhood that both know (Jaccard).
    """
    degree = row_counts(graph).astype(np.float64)
    core = core_numbers(graph).astype(np.float64)
    community = communities(graph)
    common = common_neighbours(graph)
    rows = rows_of(graph)
    overlap = (common + 1) / (degree[rows] + degree[graph.indices] - common - 1)
    columns = (
        degree,
        _share(np.asarray(adjacency.sum(axis=1)).ravel(), degree),
        core,
        clustering(graph),
        _share(core, degree),
        np.bincount(community)[community],
        inner_share(graph, community),
        _share(np.bincount(rows, overlap, len(degree)).astype(np.float64), degree),
        _largest(graph, overlap),
        _share(np.bincount(rows, common, len(degree)).astype(np.float64), degree),
        _largest(graph, common),
    )
    return np.column_stack(columns).astype(np.float64)


def _share(of: Floats, degree: Floats) -> Floats:
    share: Floats = np.divide(of, degree, out=np.full(len(degree), np.nan), where=degree > 0)
    return share


def _largest(graph: Sparse, of_entries: Floats) -> Floats:
    largest = np.full(graph.shape[0], np.nan)
    tied = row_counts(graph) > 0
    if tied.any():
        largest[tied] = np.maximum.reduceat(of_entries, graph.indptr[:-1][tied])
    return largest


def common_neighbours(graph: Sparse) -> Floats:
    """For each stored entry of a symmetric matrix of ones, how many neighbours its two nodes have in common."""
    counted = graph.copy()
    counted.data = _common_once(graph.indptr.astype(np.int64), graph.indices.astype(np.int64))
    both = (counted + counted.T).tocsr()
    both.sort_indices()
    common: Floats = both.data - 1
    return common


@loop
def _common_once(indptr: Ints, indices: Ints) -> Floats:
    """One more than the common neighbours, in the row of the end of more neighbours alone: a hub's are never walked."""
    nodes = len(indptr) - 1
    found, marked_by = np.zeros(len(indices)), np.full(nodes, -1)
    for node in range(nodes):
        start, stop = indptr[node], indptr[node + 1]
        for edge in range(start, stop):
            marked_by[indices[edge]] = node
        for edge in range(start, stop):
            other = indices[edge]
            degree = indptr[other + 1] - indptr[other]
            if degree < stop - start or (degree == stop - start and other < node):
                found[edge] = 1
                for further in range(indptr[other], indptr[other + 1]):
                    if marked_by[indices[further]] == node:
                        found[edge] += 1
    return found
