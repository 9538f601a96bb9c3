"""Matured weeks: what was expected against what came, with people as alike; which week is judged, and how."""

import numpy as np
import pytest
from scipy.special import expit

from training.calibration import calibration_line
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, Scored
from training.monitoring.cohorts import (
    WEEK,
    WEEKS_MAX,
    Cohort,
    cohort_of,
    judged_of,
    ratio_of,
    recall_of,
    slope_of,
    weeks,
)
from training.monitoring.limits import Limits
from training.monitoring.periods import Span
from training.monitoring.promises import of_cohorts

LIMITS = Limits.read()
BOOTSTRAP = Bootstrap(resamples=200)
NOTHING = unknown("no earlier week")


def scored(seed: int, shift: float = 0.0, slope: float = 1.0, copies: int = 1, rows: int = 4000) -> Scored:
    """`rows` people whose scores are too high by `shift` in log-odds, each with `copies` equal events."""
    draws = np.random.default_rng(seed)
    odds = draws.normal(-2.5, 1.2, rows)
    labels = (draws.random(rows) < expit(slope * odds)).astype(float)
    one = [np.repeat(values, copies) for values in (labels, expit(odds + shift), np.arange(rows))]
    return Scored.of(*one)


def cohort(found: Scored, start: int = 0, learned_before: int = 0) -> Cohort:
    return cohort_of(Span(start, start + WEEK), found, learned_before, BOOTSTRAP)


def test_weeks_count_back_from_the_end_and_one_begins_where_learning_ended() -> None:
    end = 100 * WEEK
    spans = weeks(end, end - 2 * WEEK + 5, end - 4 * WEEK)
    assert [(span.start - end, span.before - end) for span in spans] == [
        (-4 * WEEK, -3 * WEEK),
        (-3 * WEEK, -2 * WEEK),
        (-2 * WEEK + 5, -WEEK),
        (-WEEK, 0),
    ]
    assert len(weeks(end, 0, 0)) == WEEKS_MAX


def test_honest_scores_raise_nothing_and_shifted_or_stretched_ones_their_own_alert() -> None:
    def alerts(found: Scored) -> list[str]:
        return [one.name for one in of_cohorts([cohort(found)], NOTHING, LIMITS) if one.stands]

    assert alerts(scored(1)) == []
    assert alerts(scored(1, shift=1.5)) == ["observed_over_expected"]
    assert alerts(scored(1, shift=-1.5)) == ["observed_over_expected"]
    assert "calibration_slope" in alerts(scored(1, slope=0.4))


def test_people_that_act_often_make_intervals_no_narrower() -> None:
    once, often = scored(2), scored(2, copies=5)
    for measure in (slope_of, lambda found: ratio_of(found, BOOTSTRAP)):
        one, five = measure(once), measure(often)
        assert five.value == pytest.approx(one.value)
        assert five.high - five.low == pytest.approx(one.high - one.low, rel=0.01)
    naive = calibration_line(often.labels, often.scores)["calibration_slope"]
    sandwich = slope_of(once)
    assert naive.high - naive.low < 0.6 * (sandwich.high - sandwich.low)  # type: ignore[operator]  # both are known


def test_the_newest_new_week_with_enough_is_judged() -> None:
    full, empty = scored(3), scored(3, rows=20)
    cohorts = [cohort(full, 0, 5), cohort(full, WEEK), cohort(full, 2 * WEEK), cohort(empty, 3 * WEEK)]
    assert cohorts[0].is_learned
    assert judged_of(cohorts, LIMITS.cohort_positives_min) is cohorts[2]
    assert judged_of(cohorts[:1], LIMITS.cohort_positives_min) is None


def test_why_nothing_is_judged_is_said() -> None:
    def said(*cohorts: Cohort) -> str:
        findings = of_cohorts(cohorts, NOTHING, LIMITS)
        assert {one.value for one in findings} == {None}
        return findings[0].sentence

    assert "wait until they mature" in said()
    assert "learned from every" in said(cohort(scored(4), 0, 5))
    assert "No matured week has 20 positives" in said(cohort(scored(4, rows=20)))


def test_recall_that_falls_apart_from_earlier_weeks_stands() -> None:
    blind = scored(5)
    blind = Scored.of(blind.labels, np.random.default_rng(0).permutation(blind.scores))
    earlier = recall_of(scored(6), BOOTSTRAP)
    assert earlier.value is not None
    found = {one.name: one for one in of_cohorts([cohort(blind)], Estimate(0.5, 0.4, 0.6), LIMITS)}
    assert found["recall_at_fpr_0.01"].stands
    same = {one.name: one for one in of_cohorts([cohort(scored(5))], earlier, LIMITS)}
    assert not same["recall_at_fpr_0.01"].stands


def test_scores_of_nothing_and_labels_of_one_class_say_why() -> None:
    zero = Scored.of(np.array([0.0, 1.0]), np.zeros(2))
    assert ratio_of(zero, BOOTSTRAP).reason == "the scores expect nothing"
    honest = Scored.of(np.zeros(40), np.full(40, 0.9))
    found = cohort(honest)
    assert found.ratio.value == 0.0
    assert (found.slope.value, found.recall.value) == (None, None)
    assert [one.stands for one in of_cohorts([found], NOTHING, LIMITS)] == [True, False, False]
