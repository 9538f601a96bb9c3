"""Where a node lies in the graph as a whole: the leading eigenvectors of the normalised adjacency.

By subspace iteration from a fixed start, a fixed number of steps, so the cost is known and equal graphs give equal
coordinates. The graph is regularised (Amini, Chen, Bickel, Levina 2013): everybody is tied to everybody with a little
weight, or else every small component would have a leading vector of its own.
"""

from typing import Final

import numpy as np

from features.rings.matrix import Sparse
from features.rings.ties import Floats

COORDINATES: Final = 8
SPARE: Final = 8
"""Vectors carried beside those that are wanted; the wanted ones then settle faster (Halko et al. 2011)."""
STEPS: Final = 30
_START: Final = 20_260_101
"""The seed of the start vectors: any, but always the same."""


def positions(graph: Sparse, coordinates: int = COORDINATES) -> Floats:
    """`(nodes, coordinates)`, scaled so that a coordinate's mean square is 1; zero for nodes without ties.

    The sign is fixed: a coordinate's largest entry is positive. Coordinates of two graphs are not comparable.
    """
    nodes = graph.shape[0]
    degree = np.asarray(graph.sum(axis=1)).ravel()
    tied = degree > 0
    found = np.zeros((nodes, coordinates))
    if not tied.any():
        return found
    vectors = _leading(graph, degree, coordinates)
    found[:, : vectors.shape[1]] = vectors
    found[~tied] = 0
    scaled: Floats = found * np.sqrt(nodes)
    return scaled


def bad_direction(position: Floats, bad: Floats) -> Floats:
    """The cosine between a node's position and the mean position of the bad ones other than itself; 0 without any.

    Unlike coordinates it means the same in every graph, since a turn or a change of sign leaves it as it is.
    """
    is_bad = (bad == 1)[:, None]
    others = (position * is_bad).sum(axis=0) - position * is_bad
    length = np.linalg.norm(position, axis=1) * np.linalg.norm(others, axis=1)
    cosine: Floats = np.divide((position * others).sum(axis=1), length, out=np.zeros(len(bad)), where=length > 1e-9)
    return cosine


def _leading(graph: Sparse, degree: Floats, coordinates: int) -> Floats:
    nodes = len(degree)
    width = min(coordinates + SPARE, nodes)
    little = degree.mean()
    scale = 1 / np.sqrt(degree + little)
    vectors = np.random.default_rng(_START).standard_normal((nodes, width))
    for _ in range(STEPS):
        vectors, _ = np.linalg.qr(_applied(graph, scale, little, vectors))
    values, turn = np.linalg.eigh(vectors.T @ _applied(graph, scale, little, vectors))
    chosen = vectors @ turn[:, np.argsort(-values)[:coordinates]]
    largest = np.abs(chosen).argmax(axis=0)
    signed: Floats = chosen * np.where(chosen[largest, np.arange(chosen.shape[1])] < 0, -1, 1)
    return signed


def _applied(graph: Sparse, scale: Floats, little: float, vectors: Floats) -> Floats:
    """(normalised adjacency + identity) times vectors: the identity puts its mirrored spectrum, down to -1, last."""
    scaled = scale[:, None] * vectors
    tied = graph @ scaled + little * scaled.mean(axis=0)
    applied: Floats = scale[:, None] * tied + vectors
    return applied
