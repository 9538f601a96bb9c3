"""The shape of the graph around a node: its core number, its clustering, its community. Plain loops over CSR arrays."""

from typing import Final

import numpy as np

from features.compiling import loop
from features.rings.matrix import Sparse, row_counts
from features.rings.ties import Floats, Ints, Truths

SWEEPS_MAX: Final = 20
"""Communities settle within a few sweeps; those that do not are stopped here."""
GAIN_MIN: Final = 1e-9
"""A smaller gain is rounding, and moving for it might never end."""


def core_numbers(graph: Sparse) -> Ints:
    """The largest k such that the node lies in a part of the graph where everybody has k neighbours.

    Batagelj and Zaversnik (2003): peel the node of fewest neighbours, again and again; linear in the edges.
    """
    return _core_numbers(graph.indptr.astype(np.int64), graph.indices.astype(np.int64))


def clustering(graph: Sparse) -> Floats:
    """The share of a node's pairs of neighbours that are neighbours themselves; NaN with fewer than two."""
    indptr, indices = _forward(graph)
    triangles = _triangles(indptr, indices)
    degree = row_counts(graph)
    pairs = degree * (degree - 1) / 2
    share: Floats = np.divide(triangles, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return share


def communities(graph: Sparse) -> Ints:
    """Each node in turn moves to the community around it where it adds most to modularity, until nobody moves.

    The first phase of Louvain (Blondel, Guillaume, Lambiotte, Lefebvre 2008), in a fixed order, so that equal graphs
    have equal communities. Later phases would merge small rings into large ones. The result numbers communities from
    0 in the order of their smallest node.
    """
    weight = graph.data.astype(np.float64)
    volume = np.asarray(graph.sum(axis=1), np.float64).ravel()
    return numbered(_move(graph.indptr.astype(np.int64), graph.indices.astype(np.int64), weight, volume, SWEEPS_MAX))


def numbered(label: Ints) -> Ints:
    """Labels as 0, 1, 2, ... in the order of their first node."""
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    places: Ints = rank[inverse]
    return places


def inner_share(graph: Sparse, group: Ints) -> Floats:
    """Of the weight around each group's nodes, the share that stays inside; NaN for a group without ties."""
    rows = np.repeat(np.arange(graph.shape[0]), row_counts(graph))
    inside = group[rows] == group[graph.indices]
    groups = int(group.max(initial=-1)) + 1
    total = np.bincount(group[rows], graph.data, minlength=groups)
    within = np.bincount(group[rows], graph.data * inside, minlength=groups)
    share: Floats = np.divide(within, total, out=np.full(groups, np.nan), where=total > 0)
    return share[group]


def _forward(graph: Sparse) -> tuple[Ints, Ints]:
    """Each edge once, towards the end of more neighbours: hubs are then never walked through."""
    degree = row_counts(graph)
    rows, columns = np.repeat(np.arange(graph.shape[0]), degree), graph.indices.astype(np.int64)
    ahead: Truths = (degree[rows] < degree[columns]) | ((degree[rows] == degree[columns]) & (rows < columns))
    counts = np.bincount(rows[ahead], minlength=graph.shape[0])
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), columns[ahead]


@loop
def _core_numbers(indptr: Ints, indices: Ints) -> Ints:
    nodes = len(indptr) - 1
    core = indptr[1:] - indptr[:-1]
    first = np.zeros(core.max() + 2 if nodes else 2, np.int64)
    for node in range(nodes):
        first[core[node] + 1] += 1
    first = np.cumsum(first)
    place, order, filled = np.empty(nodes, np.int64), np.empty(nodes, np.int64), first.copy()
    for node in range(nodes):
        place[node] = filled[core[node]]
        order[place[node]] = node
        filled[core[node]] += 1
    for at in range(nodes):
        node = order[at]
        for edge in range(indptr[node], indptr[node + 1]):
            other = indices[edge]
            if core[other] > core[node]:
                _demote(other, core, first, place, order)
    return core


@loop
def _demote(node: int, core: Ints, first: Ints, place: Ints, order: Ints) -> None:
    """One neighbour fewer: change places with the first node of its degree, which the lower degree then takes in."""
    degree = core[node]
    start = first[degree]
    swapped = order[start]
    order[start], order[place[node]] = node, swapped
    place[swapped], place[node] = place[node], start
    first[degree] += 1
    core[node] -= 1


@loop
def _triangles(indptr: Ints, indices: Ints) -> Ints:
    nodes = len(indptr) - 1
    found, marked_by = np.zeros(nodes, np.int64), np.full(nodes, -1)
    for node in range(nodes):
        for edge in range(indptr[node], indptr[node + 1]):
            marked_by[indices[edge]] = node
        for edge in range(indptr[node], indptr[node + 1]):
            other = indices[edge]
            for further in range(indptr[other], indptr[other + 1]):
                third = indices[further]
                if marked_by[third] == node:
                    found[node] += 1
                    found[other] += 1
                    found[third] += 1
    return found


@loop
def _move(indptr: Ints, indices: Ints, weight: Floats, degree: Floats, sweeps_max: int) -> Ints:
    nodes = len(indptr) - 1
    label, around, volume = np.arange(nodes), np.zeros(nodes), degree.copy()
    total = degree.sum()
    for _ in range(sweeps_max):
        moved = 0
        for node in range(nodes):
            start, stop, own = indptr[node], indptr[node + 1], label[node]
            for edge in range(start, stop):
                around[label[indices[edge]]] += weight[edge]
            volume[own] -= degree[node]
            best = _best(label, around, volume, indices[start:stop], own, degree[node] / total)
            volume[best] += degree[node]
            for edge in range(start, stop):
                around[label[indices[edge]]] = 0.0
            moved += best != own
            label[node] = best
        if moved == 0:
            break
    return label


@loop
def _best(label: Ints, around: Floats, volume: Floats, neighbours: Ints, own: int, share: float) -> int:
    """The community that gains most by the node, beyond what chance would tie; its own unless another gains more."""
    best, most = own, around[own] - volume[own] * share
    for other in neighbours:
        gain = around[label[other]] - volume[label[other]] * share
        if gain > most + GAIN_MIN or (gain > most - GAIN_MIN and best != own and label[other] < best):
            best, most = label[other], gain
    return best
