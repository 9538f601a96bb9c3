"""What is known to be bad, seen from each node: two ties away, in its group, and by random walks.

`bad` holds 1 for a person known to be bad, 0 for one known to be good, and NaN where nobody can know yet, who counts
as neither. A node's own verdict never enters its own figure.
"""

from typing import Final

import numpy as np
import scipy.sparse as sp

from features.rings.matrix import Sparse
from features.rings.ties import Floats, Ints, Truths

SMOOTHING: Final = 1.0
"""A share among few is drawn towards the share among all, as if one more neighbour had been an average person."""
DAMPING: Final = 0.85
WALK_STEPS: Final = 30
"""0.85 ** 30 is below one percent: longer walks change nothing that is used."""
FOLDS: Final = 10
"""A walk returns to where it began, so each node is judged by walks from the seeds of the other folds."""


def smoothed(found: Floats, known: Floats, bad: Floats) -> Floats:
    """`(found + prior) / (known + 1)`, where prior is the share of bad ones among all others that are known."""
    is_bad, is_known = _counts(bad)
    others = is_known.sum() - is_known
    prior = np.divide(is_bad.sum() - is_bad, others, out=np.zeros(len(bad)), where=others > 0)
    share: Floats = (found + SMOOTHING * prior) / (known + SMOOTHING)
    return share


def two_hop_density(graph: Sparse, bad: Floats) -> Floats:
    """The same among those two ties away; in a graph of people and keys, those who share a key. A walk that comes
    straight back is left out.
    """
    is_bad, is_known = _counts(bad)
    back = np.asarray(graph.multiply(graph).sum(axis=1)).ravel()
    found = graph @ (graph @ is_bad) - back * is_bad
    known = graph @ (graph @ is_known) - back * is_known
    # What subtraction leaves of a node without others is rounding, not density.
    return smoothed(np.maximum(found, 0), np.maximum(known, 0), bad)


def group_density(group: Ints, bad: Floats) -> Floats:
    """The smoothed share of bad ones among the known others of the same group, groups numbered from 0."""
    is_bad, is_known = _counts(bad)
    found, known = np.bincount(group, is_bad)[group] - is_bad, np.bincount(group, is_known)[group] - is_known
    return smoothed(found, known, bad)


def bad_walks(graph: Sparse, bad: Floats) -> Floats:
    """Personalised PageRank from the bad ones: how often a walk that starts at a random bad person and, with
    probability 0.15 a step, starts again, is here; times the number of nodes, so that 1 is an even spread.

    Page, Brin, Motwani, Winograd (1999), with restarts at the seeds; WALK_STEPS steps of the power iteration.
    """
    fold = np.arange(len(bad)) % FOLDS
    starts = _starts(fold, bad == 1)
    degree = np.asarray(graph.sum(axis=0)).ravel()
    steps = graph @ sp.diags_array(np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0))
    visits = starts.copy()
    for _ in range(WALK_STEPS):
        visits = (1 - DAMPING) * starts + DAMPING * (steps @ visits)
    chosen: Floats = visits[np.arange(len(bad)), fold] * len(bad)
    return chosen


def _counts(bad: Floats) -> tuple[Floats, Floats]:
    return (bad == 1).astype(np.float64), (~np.isnan(bad)).astype(np.float64)


def _starts(fold: Ints, is_seed: Truths) -> Floats:
    """`(nodes, FOLDS)`: where walks start, evenly over the seeds that are not of the column's own fold."""
    starts = np.where(fold[:, None] == np.arange(FOLDS), 0.0, is_seed[:, None])
    totals = starts.sum(axis=0)
    scaled: Floats = np.divide(starts, totals, out=starts, where=totals > 0)
    return scaled
