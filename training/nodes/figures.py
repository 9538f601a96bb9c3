"""How well scores rank the test nodes: split by split, their mean, its spread and its interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

from training.curves import Ranking, auc, average_precision, recall_at
from training.estimates import Estimate
from training.nodes.cells import Floats

FALSE_POSITIVE_RATE: Final = 0.01


@dataclass(frozen=True)
class SplitFigures:
    """Of one split's labelled test nodes; the blank ones among them cannot be measured and are `blank`."""

    auc: float
    ap: float
    recall_at_1pct_fpr: float
    nodes: int
    positives: int
    blank: int


MEASURES: Final = ("auc", "ap", "recall_at_1pct_fpr")


def measured(labels: Floats, scores: Floats) -> SplitFigures:
    """Labels 1.0, 0.0 or NaN of a test part that has both classes, and their scores."""
    known = ~np.isnan(labels)
    curve = Ranking.of(labels[known], scores[known]).curve(np.ones(int(known.sum())))
    return SplitFigures(
        auc(curve),
        average_precision(curve),
        recall_at(curve, FALSE_POSITIVE_RATE),
        int(known.sum()),
        int(labels[known].sum()),
        int((~known).sum()),
    )


def spread(splits: Sequence[SplitFigures], measure: str) -> float | None:
    """The standard deviation over splits; None for a single one."""
    values = [asdict(split)[measure] for split in splits]
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def mean_of(splits: Sequence[SplitFigures], measure: str, test_over_rest: float) -> Estimate:
    """The mean over splits with a 95% interval (Nadeau and Bengio 2003): splits drawn from the same nodes are not
    independent, so their variance is not divided by their number alone but `1 / splits + test_over_rest` is put in its
    place, where `test_over_rest` is the nodes tested over those not tested. The ends are clipped to [0, 1]: every
    measure is a share, and the normal form of the interval, which knows no bounds, would pass them on a small graph.
    """
    values = np.array([asdict(split)[measure] for split in splits])
    mean = float(values.mean())
    if len(values) < 2:
        return Estimate(mean)
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) * np.sqrt(1 / len(values) + test_over_rest))
    return Estimate(mean, max(mean - half, 0.0), min(mean + half, 1.0))
