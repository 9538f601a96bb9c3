"""Connected components of integer edges, by union-find over arrays; spanning forests of parts merge into the whole."""

from collections.abc import Sequence

import numpy as np

from features.compiling import loop
from features.rings.ties import Ints, Truths


def components(nodes: int, left: Ints, right: Ints) -> Ints:
    """For each node the smallest node of its component: the same whatever the order of the edges."""
    parent = np.arange(nodes)
    _unite(parent, left, right, np.zeros(len(left), np.bool_))
    _flatten(parent)
    return parent


def forest(nodes: int, edges: Ints) -> Ints:
    """Those of the `edges`, shaped (2, edges), that joined two components: shaped (2, at most nodes - 1)."""
    joined = np.zeros(edges.shape[1], np.bool_)
    _unite(np.arange(nodes), edges[0], edges[1], joined)
    return np.ascontiguousarray(edges[:, joined])


def merged_forest(nodes: int, forests: Sequence[Ints]) -> Ints:
    """The spanning forest of several forests together: a monoid, so any tree of merges has the same components."""
    return forest(nodes, np.concatenate(forests, axis=1))


@loop
def _root(parent: Ints, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@loop
def _unite(parent: Ints, left: Ints, right: Ints, joined: Truths) -> None:
    for at in range(len(left)):
        one, two = _root(parent, left[at]), _root(parent, right[at])
        if one != two:
            joined[at] = True
            # The smaller number stays root: halved paths keep this shallow, and the root needs no second pass.
            parent[max(one, two)] = min(one, two)


@loop
def _flatten(parent: Ints) -> None:
    for node in range(len(parent)):
        # A parent is smaller than its child, so it is flat already.
        parent[node] = parent[parent[node]]
