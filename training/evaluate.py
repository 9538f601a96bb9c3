"""How good a score is on rows it never saw, with bootstrap intervals: people are resampled, not rows, if named.

Every figure is an `Estimate`; what cannot be measured (one class only, too few rows) says so instead of failing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.calibration import calibration_error, calibration_line, line_through, log_losses, places_by_odds
from training.curves import Curve, Ranking, auc, average_precision, precision_at, rare_average_precision, recall_at
from training.estimates import Estimate, unknown

Floats = NDArray[np.float64]
Measure = Callable[[Curve], float]

RESAMPLES_MIN: Final = 20
_PERCENTILES: Final = (2.5, 97.5)
_OF_PROBABILITIES: Final = (
    "brier log_loss base_rate calibration_slope calibration_intercept calibration_error "
    "top_decile_observed_over_expected"
).split()
_ONE_CLASS: Final = "one class only: {positives} of {rows} rows are positive"


@dataclass(frozen=True)
class Bootstrap:
    """How often to resample, from which seed. 400 resamples give the ends of a 95% interval to about a tenth of it."""

    resamples: int = 400
    seed: int = 0

    def weights(self, clusters: NDArray[np.int64]) -> Iterator[Floats]:
        """How often each row was drawn, resample by resample; rows of one cluster are drawn together."""
        draws = np.random.default_rng(self.seed)
        count = int(clusters.max()) + 1
        for _ in range(self.resamples):
            drawn = np.bincount(draws.integers(0, count, count), minlength=count)
            yield drawn[clusters].astype(np.float64)


@dataclass(frozen=True)
class Scored:
    """n rows: labels 0.0 or 1.0, calibrated probabilities, and cluster codes 0..k-1 (who is resampled together)."""

    labels: Floats
    scores: Floats
    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, labels: Floats, scores: Floats, clusters: NDArray[np.int64] | None = None) -> "Scored":
        return cls(labels, scores, np.arange(len(labels)) if clusters is None else clusters)

    def rows(self, chosen: NDArray[np.bool_]) -> "Scored":
        _, codes = np.unique(self.clusters[chosen], return_inverse=True)
        return Scored(self.labels[chosen], self.scores[chosen], codes.astype(np.int64))

    @property
    def rarer_people(self) -> int:
        """How many people are behind the rarer class: intervals rest on them, not on rows."""
        return min(len(np.unique(self.clusters[self.labels == label])) for label in (0.0, 1.0))

    def sums_by_person(self, columns: Sequence[Floats]) -> Floats:
        """`(people, columns)`: the columns, one value a row, added up for each cluster."""
        count = int(self.clusters.max()) + 1
        return np.column_stack([np.bincount(self.clusters, column, count) for column in columns])

    @property
    def one_class(self) -> str | None:
        """Why nothing can be ranked, or None if it can."""
        positives = int(self.labels.sum())
        if 0 < positives < len(self.labels):
            return None
        return _ONE_CLASS.format(positives=positives, rows=len(self.labels))


def ranking_measures(review_share: float) -> dict[str, Measure]:
    """The ranking metrics by name. `review_share` is the part of the rows that people have time to look at."""
    return {
        "auc": auc,
        "ap": average_precision,
        "ap_rare": rare_average_precision,
        "recall_at_fpr_0.005": lambda curve: recall_at(curve, 0.005),
        "recall_at_fpr_0.01": lambda curve: recall_at(curve, 0.01),
        "precision_at_review_budget": lambda curve: precision_at(curve, review_share),
    }


def evaluate(scored: Scored, bootstrap: Bootstrap, review_share: float = 0.01) -> dict[str, Estimate]:
    """Ranking, loss and calibration metrics, plus `rows`, `positives`, `rarer_people` and `base_rate`."""
    counted = {"rows": len(scored.labels), "positives": scored.labels.sum(), "rarer_people": scored.rarer_people}
    counts = {name: Estimate(float(count)) for name, count in counted.items()}
    measures = ranking_measures(review_share)
    if scored.one_class:
        return counts | dict.fromkeys((*measures, *_OF_PROBABILITIES), unknown(scored.one_class))
    rates = _mean_estimates(scored, bootstrap)
    line = _line(scored, bootstrap)
    error = {"calibration_error": Estimate(calibration_error(scored.labels, scored.scores))}
    top = _top_decile(scored, bootstrap)
    return counts | _ranking_estimates(scored, measures, bootstrap) | rates | line | error | top


def _ranking_estimates(scored: Scored, measures: Mapping[str, Measure], bootstrap: Bootstrap) -> dict[str, Estimate]:
    ranking = Ranking.of(scored.labels, scored.scores)

    def figures(weights: Floats) -> list[float]:
        curve = ranking.curve(weights)
        return [measure(curve) for measure in measures.values()] if curve.has_both_classes else []

    whole = figures(np.ones(len(scored.labels)))
    return _intervals(tuple(measures), whole, map(figures, bootstrap.weights(scored.clusters)))


def _mean_estimates(scored: Scored, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """Figures that are plain means over the rows."""
    columns = {
        "brier": (scored.scores - scored.labels) ** 2,
        "log_loss": log_losses(scored.labels, scored.scores),
        "base_rate": scored.labels,
    }
    losses = np.column_stack(list(columns.values()))
    resampled = (list(weights @ losses / max(weights.sum(), 1.0)) for weights in bootstrap.weights(scored.clusters))
    return _intervals(tuple(columns), list(losses.mean(axis=0)), resampled)


def _line(scored: Scored, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """`calibration_line`, fitted anew to each resample of people: its own intervals take all rows as independent."""
    line = calibration_line(scored.labels, scored.scores)
    slope, intercept = line["calibration_slope"].value, line["calibration_intercept"].value
    if slope is None or intercept is None:
        return line
    places, odds = places_by_odds(scored.scores)

    def fitted(weights: Floats) -> list[float]:
        positives, rows = np.bincount(places, weights * scored.labels), np.bincount(places, weights)
        return list(line_through(odds, positives.astype(np.float64), rows.astype(np.float64), (slope, intercept)) or ())

    drawn = map(fitted, bootstrap.weights(scored.clusters))
    return _intervals(("calibration_slope", "calibration_intercept"), [slope, intercept], drawn)


def _top_decile(scored: Scored, bootstrap: Bootstrap) -> dict[str, Estimate]:
    """Positives observed over positives expected, in the tenth of the rows with the highest scores; 1 is right."""
    top = scored.scores >= np.quantile(scored.scores, 0.9)
    sums = scored.sums_by_person([top * scored.labels, top * scored.scores])

    def ratio(observed: float, expected: float) -> list[float]:
        return [observed / expected] if expected > 0 else []

    whole = ratio(*sums.sum(axis=0))
    if not whole:
        return {"top_decile_observed_over_expected": unknown("the score is zero throughout")}
    resampled = (ratio(*(weights @ sums)) for weights in bootstrap.weights(np.arange(len(sums))))
    return _intervals(("top_decile_observed_over_expected",), whole, resampled)


def _intervals(names: tuple[str, ...], whole: list[float], resampled: Iterable[list[float]]) -> dict[str, Estimate]:
    """An estimate for each name; a resample with one class only gives an empty list and does not count."""
    drawn = np.array([figures for figures in resampled if figures]).reshape(-1, len(names))
    return {name: interval(float(whole[at]), drawn[:, at]) for at, name in enumerate(names)}


def interval(value: float, resampled: Floats) -> Estimate:
    """The percentile interval of the resampled values, around the value of the whole sample."""
    if len(resampled) < RESAMPLES_MIN:
        return Estimate(value, reason=f"no interval: fewer than {RESAMPLES_MIN} usable resamples")
    low, high = np.percentile(resampled, _PERCENTILES)
    return Estimate(value, float(low), float(high))


def difference(
    challenger: Scored, champion_scores: Floats, bootstrap: Bootstrap, review_share: float = 0.01
) -> dict[str, Estimate]:
    """Challenger less champion on the same rows, each resample drawn once for both (a paired bootstrap)."""
    measures = ranking_measures(review_share)
    if challenger.one_class:
        return dict.fromkeys(measures, unknown(challenger.one_class))
    new, old = (Ranking.of(challenger.labels, scores) for scores in (challenger.scores, champion_scores))

    def gains(weights: Floats) -> list[float]:
        ours, theirs = new.curve(weights), old.curve(weights)
        return [measure(ours) - measure(theirs) for measure in measures.values()] if ours.has_both_classes else []

    whole = gains(np.ones(len(challenger.labels)))
    return _intervals(tuple(measures), whole, map(gains, bootstrap.weights(challenger.clusters)))


def against_rule(scored: Scored, rule: NDArray[np.bool_], bootstrap: Bootstrap) -> dict[str, Estimate]:
    """The score against a one-line rule that refuses where `rule` is true.

    `rule_recall` and `rule_false_positive_rate` describe the rule; `recall_at_rule` is the score's recall at the
    rule's own false-positive rate, and `recall_gain_over_rule` the difference, with paired intervals.
    """
    names = ("rule_recall", "rule_false_positive_rate", "recall_at_rule", "recall_gain_over_rule")
    if scored.one_class:
        return dict.fromkeys(names, unknown(scored.one_class))
    ranking, refuses = Ranking.of(scored.labels, scored.scores), rule.astype(np.float64)

    def figures(weights: Floats) -> list[float]:
        return _facing(ranking.curve(weights), float(weights @ (refuses * scored.labels)), float(weights @ refuses))

    whole = figures(np.ones(len(refuses)))
    return _intervals(names, whole, map(figures, bootstrap.weights(scored.clusters)))


def _facing(curve: Curve, caught: float, refused: float) -> list[float]:
    """`caught` of the `refused` weight is positive; the curve is the score's."""
    if not curve.has_both_classes:
        return []
    recall = caught / float(curve.positives[-1])
    false_positives = (refused - caught) / float(curve.negatives[-1])
    reached = recall_at(curve, false_positives)
    return [recall, false_positives, reached, reached - recall]


def by_time(scored: Scored, times: NDArray[np.int64], blocks: int, bootstrap: Bootstrap) -> list[dict[str, Estimate]]:
    """The same metrics for each of `blocks` stretches of equal length in time; empty stretches are left out."""
    edges = np.linspace(times.min(), times.max() + 1, blocks + 1)
    place = np.searchsorted(edges, times, side="right") - 1
    found = [(block, place == block) for block in range(blocks) if (place == block).any()]
    return [
        {"from": Estimate(float(edges[block])), "before": Estimate(float(edges[block + 1]))}
        | evaluate(scored.rows(chosen), bootstrap)
        for block, chosen in found
    ]
