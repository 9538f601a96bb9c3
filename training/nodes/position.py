"""Where a node lies in the graph as a whole: singular vectors of two ways to weigh its ties.

The normalised adjacency puts together who is tied alike, and its negative half tells apart who is tied across. The
logarithm of how much more two nodes are tied than chance would (pointwise mutual information; Levy and Goldberg 2014,
Qiu et al. 2018) gives more room to small groups. Unlike `features.rings.position`, where coordinates must be steady
from night to night, no tie is added here, and both halves of the spectrum are read: measured on validation nodes, the
regularised coordinates rank less well.
"""

from typing import Final

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from features.rings.components import components
from features.rings.matrix import Sparse, row_counts, rows_of
from features.rings.ties import Floats, Truths

COORDINATES: Final = 64
PART_SHARE_MIN: Final = 0.02
"""Components of a smaller share of the nodes have no position: each would take up a coordinate for itself."""
PART_NODES_MIN: Final = 20
TOLERANCE: Final = 1e-3
STEPS_MAX: Final = 300
_START: Final = 20_260_101
"""The seed of the start vector: any, but always the same."""


def positions_of(graph: Sparse, coordinates: int = COORDINATES) -> Floats:
    """`(nodes, at most 2 * coordinates)`, NaN for nodes of small components; no column in a graph without large ones.

    The sign of a coordinate is arbitrary but the same for equal graphs.
    """
    placed = _in_large_component(graph)
    part = graph[placed][:, placed]
    count = min(coordinates, part.shape[0] // 3)
    if count < 1:
        return np.empty((graph.shape[0], 0))
    degree = row_counts(part).astype(np.float64)
    scale = sp.diags_array(1 / np.sqrt(degree))
    surprise = part.copy()
    surprise.data = np.log(np.maximum(degree.sum() / (degree[rows_of(part)] * degree[part.indices]), 1.0))
    found = np.concatenate([_leading(scale @ part @ scale, count), _leading(surprise, count)], axis=1)
    places = np.full((graph.shape[0], found.shape[1]), np.nan)
    places[placed] = found
    return places


def _in_large_component(graph: Sparse) -> Truths:
    nodes = graph.shape[0]
    label = components(nodes, rows_of(graph), graph.indices.astype(np.int64))
    large: Truths = np.bincount(label, minlength=nodes)[label] >= max(PART_SHARE_MIN * nodes, PART_NODES_MIN)
    return large


def _leading(matrix: Sparse, count: int) -> Floats:
    """Vectors of the eigenvalues of largest magnitude, each times the root of it; those that settled in time."""
    if not matrix.nnz or not matrix.data.any():
        return np.empty((matrix.shape[0], 0))
    start = np.random.default_rng(_START).standard_normal(matrix.shape[0])
    try:
        values, vectors = eigsh(matrix, k=count, which="LM", v0=start, tol=TOLERANCE, maxiter=STEPS_MAX)
    except ArpackNoConvergence as failure:
        values, vectors = failure.eigenvalues, failure.eigenvectors
    order = np.argsort(-np.abs(values), kind="stable")
    chosen = vectors[:, order]
    largest = np.abs(chosen).argmax(axis=0)
    sign = np.where(chosen[largest, np.arange(chosen.shape[1])] < 0, -1.0, 1.0)
    leading: Floats = chosen * sign * np.sqrt(np.abs(values[order]))
    return leading
