"""Matured weeks of events: whether as many positives came as the scores expected, and how many would be caught.

A week is matured when the outcomes of all its events can be expected, so it lies back by the time that takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from training.calibration import calibration_line, log_odds
from training.curves import Ranking, recall_at
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, Scored, interval
from training.labels import MICROS_PER_DAY
from training.monitoring.periods import Span

Floats = NDArray[np.float64]

WEEK: Final = 7 * MICROS_PER_DAY
WEEKS_MAX: Final = 12
FALSE_POSITIVE_RATE: Final = 0.01
_Z95: Final = 1.959964


@dataclass(frozen=True)
class Cohort:
    """The labelled events of one span: `positives` observed, `expected` by the scores. `is_learned`: by the model."""

    span: Span
    rows: int
    positives: int
    expected: float
    ratio: Estimate
    slope: Estimate
    recall: Estimate
    is_learned: bool

    @property
    def weight(self) -> float:
        """Observed and expected: what the judgement rests on, whichever of the two is too small."""
        return self.positives + self.expected


def weeks(end: int, learned_before: int, first: int) -> list[Span]:
    """Weeks back from `end`, the oldest first; the one that holds `learned_before` begins there."""
    spans = [Span(end - (back + 1) * WEEK, end - back * WEEK) for back in range(WEEKS_MAX)]
    known = [span for span in spans if span.before > first]
    return [
        replace(span, start=learned_before) if span.start < learned_before < span.before else span
        for span in reversed(known)
    ]


def cohort_of(span: Span, scored: Scored, learned_before: int, bootstrap: Bootstrap) -> Cohort:
    """`scored` are the labelled rows of `span`; people are resampled together. Unknown figures say why."""
    return Cohort(
        span=span,
        rows=len(scored.labels),
        positives=int(scored.labels.sum()),
        expected=float(scored.scores.sum()),
        ratio=ratio_of(scored, bootstrap),
        slope=slope_of(scored),
        recall=recall_of(scored, bootstrap),
        is_learned=span.start < learned_before,
    )


def ratio_of(scored: Scored, bootstrap: Bootstrap) -> Estimate:
    """Positives observed over positives expected; 1 is right."""
    expected = float(scored.scores.sum())
    if not expected > 0:
        return unknown("the scores expect nothing")
    sums = np.column_stack([scored.labels, scored.scores])
    drawn = np.array([weights @ sums for weights in bootstrap.weights(scored.clusters)]).reshape(-1, 2)
    drawn = drawn[drawn[:, 1] > 0]
    return interval(float(scored.labels.sum()) / expected, drawn[:, 0] / drawn[:, 1])


def slope_of(scored: Scored) -> Estimate:
    """The calibration slope; its interval takes the events of one person as alike.

    The sandwich of Liang and Zeger (1986), Biometrika 73, at the estimates of `calibration_line`.
    """
    line = calibration_line(scored.labels, scored.scores)
    slope, intercept = line["calibration_slope"].value, line["calibration_intercept"].value
    if slope is None or intercept is None:
        return line["calibration_slope"]
    design = np.column_stack((np.ones(len(scored.labels)), log_odds(scored.scores)))
    fitted = expit(design @ np.array([intercept, slope]))
    bread = np.linalg.inv((design * (fitted * (1 - fitted))[:, None]).T @ design)
    pulls = np.zeros((int(scored.clusters.max()) + 1, 2))
    np.add.at(pulls, scored.clusters, design * (scored.labels - fitted)[:, None])
    error = float(np.sqrt((bread @ (pulls.T @ pulls) @ bread)[1, 1]))
    return Estimate(slope, slope - _Z95 * error, slope + _Z95 * error)


def recall_of(scored: Scored, bootstrap: Bootstrap) -> Estimate:
    """Recall at a false-positive rate of 1%."""
    if scored.one_class:
        return unknown(scored.one_class)
    ranking = Ranking.of(scored.labels, scored.scores)
    curves = (ranking.curve(weights) for weights in bootstrap.weights(scored.clusters))
    drawn = [recall_at(curve, FALSE_POSITIVE_RATE) for curve in curves if curve.has_both_classes]
    whole = recall_at(ranking.curve(np.ones(len(scored.labels))), FALSE_POSITIVE_RATE)
    return interval(whole, np.array(drawn))


def judged_of(cohorts: Sequence[Cohort], positives_min: float) -> Cohort | None:
    """The newest that the model did not learn from and that has enough positives; older ones had their turn."""
    fit = [one for one in cohorts if not one.is_learned and one.weight >= positives_min]
    return fit[-1] if fit else None
