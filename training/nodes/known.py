"""What the train labels say of a node's surroundings; a node's own label never enters, and no other label is read.

Rates leave the node out exactly, and are drawn to one prior for all nodes: a prior without the node's own label would
tell it. Walks start at train nodes of other folds than the node's own. On sparse graphs of like with like these columns
carry much; on dense ones, where all sorts meet, the columns without labels know it already.
"""

from typing import Final

import numpy as np

from features.rings.known import bad_walks
from features.rings.matrix import Sparse
from features.rings.ties import Floats, Truths

SMOOTHING: Final = 5.0
_VISITS_LITTLE: Final = 0.05
"""Added to the visits of both kinds of walk, 1 being an even spread, so that a place nobody visits says nothing."""


def known_of(graph: Sparse, labels: Floats, train: Truths) -> Floats:
    """`(nodes, 4)`: the rate and the count of known neighbours, the rate two ties away, and walks. `graph` has ones, no
    loops. Labels outside `train` may be anything, they are not read.
    """
    known = train & ~np.isnan(labels)
    is_known, is_bad = known.astype(np.float64), np.where(known, labels, 0.0)
    prior = is_bad.sum() / max(is_known.sum(), 1.0)
    near_bad, near_known = graph @ is_bad, graph @ is_known
    degree = np.asarray(graph.sum(axis=1)).ravel()
    # Two ties away without the way back to where it began, which has as many walks as the node has neighbours.
    two_bad, two_known = graph @ near_bad - degree * is_bad, graph @ near_known - degree * is_known
    bad = bad_walks(graph, np.where(known, labels, np.nan))
    good = bad_walks(graph, np.where(known, 1 - labels, np.nan))
    columns = (
        (near_bad + SMOOTHING * prior) / (near_known + SMOOTHING),
        near_known,
        (two_bad + SMOOTHING * prior) / (two_known + SMOOTHING),
        np.log((bad + _VISITS_LITTLE) / (good + _VISITS_LITTLE)),
    )
    return np.column_stack(columns)
