"""What a node's surroundings are like: means of columns one and two ties away, spreads one tie away."""

from typing import Final

import numpy as np
import scipy.sparse as sp

from features.rings.matrix import Sparse
from features.rings.ties import Floats

AGGREGATES: Final = ("mean_1", "mean_2", "spread_1", "quiet_mean_1", "quiet_mean_2", "difference")


def aggregated(graph: Sparse, columns: Floats) -> Floats:
    """`(nodes, len(AGGREGATES) * columns)`, in blocks in the order of AGGREGATES; NaN where nobody near is known.

    `quiet` means weigh a neighbour by 1 / its own neighbours, so that a hub says as little to each as it knows of it.
    A mean two ties away is the mean of the neighbours' means, the node itself among them; `difference` is what the
    node has more than its neighbours on average.
    """
    quiet = graph @ sp.diags_array(1 / np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1))
    mean = means(graph, columns)
    quiet_mean = means(quiet, columns)
    blocks = (
        mean,
        means(graph, mean),
        _spread(mean, means(graph, columns**2)),
        quiet_mean,
        means(quiet, quiet_mean),
        columns - mean,
    )
    return np.concatenate(blocks, axis=1)


def means(weights: Sparse, columns: Floats) -> Floats:
    """The weighted mean over the neighbours whose value is known; NaN without any."""
    known = ~np.isnan(columns)
    total = weights @ np.where(known, columns, 0.0)
    weight = weights @ known.astype(np.float64)
    mean: Floats = np.divide(total, weight, out=np.full(columns.shape, np.nan), where=weight > 0)
    return mean


def _spread(mean: Floats, squares: Floats) -> Floats:
    spread: Floats = np.sqrt(np.maximum(squares - mean**2, 0.0))
    return spread
