"""Components of the past, from the log of unions, compiled."""

import numpy as np

from features.compiling import loop
from features.graph.layout import BORN, UNIONS, Arrays, Integers


@loop
def members_at(graph: Arrays, node: int, sequence: int) -> Integers:
    """The numbers of the nodes that the unions up to `sequence` had joined to `node`, itself among them.

    Unions name roots, so each one's later fate is known when they are walked backwards: one pass over the log.
    """
    root = np.arange(len(graph.nodes))
    for at in range(graph.totals[UNIONS] - 1, -1, -1):
        if graph.unions[at, 0] <= sequence:
            root[graph.unions[at, 2]] = root[graph.unions[at, 1]]
    mine = root[node]
    for at in range(len(root)):
        if graph.nodes[at, BORN] == 0:
            root[at] = -1
    return np.flatnonzero(root == mine)
