"""`assay monitor`: whether what the champion meets, says and promises is still what it was, as of one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from features.home import Home
from features.log import Log
from features.vector import CATEGORICAL
from pipelines.decided import reasons_decided
from pipelines.watched import ROWS_MAX, Floats, Watched, watch
from training import scrubbing
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, Scored
from training.monitoring import delays, moved, partners, promises, reasons
from training.monitoring.cohorts import Cohort, cohort_of, judged_of, recall_of
from training.monitoring.findings import Finding, worst_first
from training.monitoring.limits import Limits
from training.monitoring.periods import Periods, Places, Span, thinned

BOOTSTRAP: Final = Bootstrap(resamples=200)


@dataclass(frozen=True)
class Report:
    """`findings` hold every check, standing alerts first; the rest is what they were read from, for pictures."""

    watched: Watched
    findings: list[Finding]
    features: list[moved.Moved]
    score: moved.Moved | None
    cohorts: list[Cohort]
    delays: list[delays.Delay]
    partners: list[partners.Excess]
    reasons: list[reasons.Mix]

    @property
    def alerts(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.stands]


def monitor(home: Home, days: int = 7, against: int | None = None, as_of: int | None = None) -> Report:
    """The last `days` days against the `against` days before them, or, left out, the champion's training period.

    `as_of` (microseconds; left out: the log's newest) is the end of what is known. Raises UserError without events,
    features or a champion, with the command to run.
    """
    watched, limits = watch(home, days, against, as_of), Limits.read()
    moved_features, moved_score = _features(watched), _score(watched)
    cohorts, earlier = _cohorts(watched, limits)
    late = delays.delays_of(watched.events, watched.outcomes, watched.periods)
    settled, found = _partners(home, watched)
    mixes = _reasons(home, watched.periods)
    findings = [
        *moved.of_features(moved_features, limits),
        moved.of_score(moved_score, limits, _beside(watched)),
        *reasons.of_reasons(mixes, limits),
        *promises.of_cohorts(cohorts, earlier, limits),
        *delays.of_delays(late, limits),
        *partners.of_partners(found, settled),
    ]
    return Report(watched, worst_first(findings), moved_features, moved_score, cohorts, late, found, mixes)


def _features(watched: Watched) -> list[moved.Moved]:
    """Every feature that the champion reads."""
    places, sides = _sides(watched, watched.periods)
    columns = ((name, watched.events[name].to_numpy()) for name in watched.champion.model.features)
    compared = (_compared(name, values, places, sides) for name, values in columns)
    return [one for one in compared if one is not None]


def _score(watched: Watched) -> moved.Moved | None:
    return _compared("score", watched.scores, *_sides(watched, watched.unlearned))


def scores_compared(watched: Watched) -> tuple[Floats, Floats]:
    """The scores of the two periods, as the check of the score compares them."""
    (before, after), _ = _sides(watched, watched.unlearned)
    return watched.scores[before], watched.scores[after]


def _sides(watched: Watched, periods: Periods) -> tuple[tuple[Places, Places], moved.Sides]:
    times, people = watched.times, watched.events["user_id"]
    one, two = (thinned(span.mask(times), ROWS_MAX) for span in (periods.reference, periods.recent))
    return (one, two), moved.Sides(periods.stretches(times[one]), people[one].n_unique(), people[two].n_unique())


def _compared(name: str, values: Floats, places: tuple[Places, Places], sides: moved.Sides) -> moved.Moved | None:
    before, after = (values[chosen].astype(np.float64) for chosen in places)
    return moved.moved_of(name, before, after, sides, categorical=name in CATEGORICAL)


def _beside(watched: Watched) -> str:
    if watched.unlearned is watched.periods:
        return "The champion learned from part of the reference, where its scores are surer than on new events."
    return "The champion learned from none of the events compared."


def _reasons(home: Home, periods: Periods) -> list[reasons.Mix]:
    """Of the recent period and of all before it since the reference began: a champion decides after its training."""
    before = Span(periods.reference.start, periods.recent.start)
    return reasons.mix_of(*reasons_decided(home, [before, periods.recent]))


def _cohorts(watched: Watched, limits: Limits) -> tuple[list[Cohort], Estimate]:
    """The matured weeks, the oldest first, and the recall on those before the judged one that taught nothing."""
    learned = watched.champion.learned_before
    found = [cohort_of(span, _scored(watched, [span]), learned, BOOTSTRAP) for span in watched.weeks]
    cohorts = [cohort for cohort in found if cohort.rows]
    judged = judged_of(cohorts, limits.cohort_positives_min)
    earlier = [one.span for one in cohorts if judged and not one.is_learned and one.span.before <= judged.span.start]
    if not earlier:
        return cohorts, unknown("no matured week before it was new to the champion")
    return cohorts, recall_of(_scored(watched, earlier), BOOTSTRAP)


def _scored(watched: Watched, spans: Sequence[Span]) -> Scored:
    """The labelled events of the spans; those of one person are resampled together."""
    is_within = np.any([span.mask(watched.times) for span in spans], axis=0)
    chosen = is_within & watched.labels.is_not_null().to_numpy()
    person = pl.coalesce(pl.col("user_id"), pl.lit("event ") + pl.col("event_id"))
    codes = watched.events.filter(pl.Series(chosen)).select(person.rank("dense").cast(pl.Int64) - 1).to_series()
    labels = watched.labels.filter(pl.Series(chosen)).cast(pl.Float64).to_numpy()
    return Scored.of(labels, watched.scores[chosen], codes.to_numpy())


def _partners(home: Home, watched: Watched) -> tuple[int, list[partners.Excess]]:
    """How many events settled in the recent period, and what their partners took back, beside the reference."""
    senders = pl.DataFrame(pl.from_arrow(Log(home.log).read(["partner_id"])))
    before, recent = (_settled(watched, span, senders) for span in (watched.periods.reference, watched.periods.recent))
    return recent.height, partners.excesses_of(scrubbing.partners(recent), scrubbing.partners(before))


def _settled(watched: Watched, span: Span, senders: pl.DataFrame) -> pl.DataFrame:
    chosen = watched.settled(span)
    events = watched.events.filter(pl.Series(chosen)).select("sequence", "event_id", "kind")
    told = pl.Series("score", watched.scores[chosen]), partners.taken_back(events, watched.outcomes)
    return events.with_columns(told).join(senders, on="sequence", how="left", maintain_order="left")
