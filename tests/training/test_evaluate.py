import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

from training.calibration import (
    LINE_BINS,
    calibration_error,
    calibration_line,
    decile_table,
    line_through,
    places_by_odds,
)
from training.curves import Ranking, auc, average_precision, precision_at, rare_average_precision, recall_at
from training.evaluate import Bootstrap, Scored, against_rule, by_time, difference, evaluate

DRAWS = np.random.default_rng(3)
QUICK = Bootstrap(100, seed=1)


def made(rows: int, seed: int = 0) -> Scored:
    draws = np.random.default_rng(seed)
    scores = draws.beta(1, 4, rows)
    return Scored.of((draws.random(rows) < scores).astype(float), scores)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3)), min_size=2, max_size=60))
def test_weighted_metrics_equal_those_of_scikit_learn_ties_included(rows: list[tuple[bool, int, int]]) -> None:
    labels, scores, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    curve = Ranking.of(labels, scores).curve(weights)
    if not curve.has_both_classes:
        return
    assert auc(curve) == pytest.approx(roc_auc_score(labels, scores, sample_weight=weights))
    assert average_precision(curve) == pytest.approx(average_precision_score(labels, scores, sample_weight=weights))
    turned = average_precision_score(1 - labels, -scores, sample_weight=weights)
    assert average_precision(curve.reversed()) == pytest.approx(turned)


def test_recall_at_a_rate_is_the_best_threshold_of_the_roc_curve() -> None:
    scored = made(3000)
    rates, recalls, _ = roc_curve(scored.labels, scored.scores)
    curve = Ranking.of(scored.labels, scored.scores).curve(np.ones(3000))
    assert recall_at(curve, 0.01) == pytest.approx(recalls[rates <= 0.01].max())


def test_average_precision_of_the_rarer_class_turns_when_fraud_is_common() -> None:
    curve = Ranking.of(np.array([1.0, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])).curve(np.ones(4))
    assert rare_average_precision(curve) == 1.0
    worst = Ranking.of(np.array([1.0, 1, 0, 1]), np.array([0.1, 0.2, 0.9, 0.3])).curve(np.ones(4))
    assert rare_average_precision(worst) == 0.25


def test_precision_at_the_budget_draws_ties_at_random() -> None:
    curve = Ranking.of(np.array([1.0, 0, 0, 0]), np.array([0.5, 0.5, 0.1, 0.1])).curve(np.ones(4))
    assert precision_at(curve, 0.25) == 0.5


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        Ranking.of(np.array([0.0, 1.0]), np.array([0.5, np.nan]))


def test_intervals_cover_the_truth_about_as_often_as_they_claim() -> None:
    truth = float(evaluate(made(200_000, seed=99), Bootstrap(0))["auc"].value or 0)
    found = [evaluate(made(400, seed=seed), Bootstrap(100, seed))["auc"] for seed in range(60)]
    covered = np.mean([e.low <= truth <= e.high for e in found if e.low is not None and e.high is not None])
    assert 0.85 <= covered <= 1.0


def test_rows_of_one_person_widen_the_interval() -> None:
    one = made(300)
    many = Scored.of(np.repeat(one.labels, 10), np.repeat(one.scores, 10))
    people = Scored.of(many.labels, many.scores, np.repeat(np.arange(300), 10))
    alone, together = evaluate(many, QUICK)["auc"], evaluate(people, QUICK)["auc"]
    assert (together.high or 0) - (together.low or 0) > 2 * ((alone.high or 0) - (alone.low or 0))


def test_a_calibration_slope_is_fitted_anew_to_each_resample_of_people() -> None:
    one = made(300)
    people = Scored.of(np.repeat(one.labels, 10), np.repeat(one.scores, 10), np.repeat(np.arange(300), 10))
    drawn = [
        calibration_line(people.labels[rows], people.scores[rows])["calibration_slope"].value
        for weights in QUICK.weights(people.clusters)
        for rows in [np.repeat(np.arange(3000), weights.astype(int))]
    ]
    low, high = np.percentile(np.array([slope for slope in drawn if slope is not None]), [2.5, 97.5])
    found = evaluate(people, QUICK)["calibration_slope"]
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    alone = calibration_line(people.labels, people.scores)["calibration_slope"]
    assert (found.high or 0) - (found.low or 0) > 2 * ((alone.high or 0) - (alone.low or 0))
    assert evaluate(people, QUICK)["rarer_people"].value == one.labels.sum()


def test_a_line_through_bins_is_that_through_the_rows() -> None:
    scored = made(50_000)
    places, odds = places_by_odds(scored.scores)
    found = line_through(odds, np.bincount(places, scored.labels), np.bincount(places).astype(float))
    rows = calibration_line(scored.labels, scored.scores)
    assert len(odds) == LINE_BINS
    assert found == (
        pytest.approx(rows["calibration_slope"].value, abs=2e-3),
        pytest.approx(rows["calibration_intercept"].value, abs=2e-3),
    )


def test_one_class_gives_a_reason_and_never_a_crash() -> None:
    one = Scored.of(np.zeros(50), np.linspace(0.1, 0.2, 50))
    assert evaluate(one, QUICK)["auc"].reason == "one class only: 0 of 50 rows are positive"
    assert not difference(one, one.scores, QUICK)["auc"].is_known
    assert not against_rule(one, one.scores > 0.15, QUICK)["rule_recall"].is_known
    assert not calibration_line(one.labels, one.scores)["calibration_slope"].is_known


def test_the_same_seed_gives_the_same_interval() -> None:
    assert evaluate(made(500), QUICK) == evaluate(made(500), QUICK)
    assert evaluate(made(500), QUICK)["auc"] != evaluate(made(500), Bootstrap(100, seed=2))["auc"]


def test_a_paired_difference_sees_what_two_intervals_cannot() -> None:
    scored = made(2000)
    noisy = np.clip(scored.scores + np.random.default_rng(5).normal(0, 0.1, 2000), 0, 1)
    gain = difference(scored, noisy, QUICK)["auc"]
    assert gain.low is not None
    assert gain.low > 0
    alone, other = evaluate(scored, QUICK)["auc"], evaluate(Scored.of(scored.labels, noisy), QUICK)["auc"]
    assert gain.value == pytest.approx((alone.value or 0) - (other.value or 0))


def test_a_rule_is_met_at_its_own_false_positive_rate() -> None:
    scored = made(3000)
    rule = scored.scores > 0.6
    met = against_rule(scored, rule, QUICK)
    assert met["rule_recall"].value == pytest.approx(scored.labels[rule].sum() / scored.labels.sum())
    assert met["recall_gain_over_rule"].value == pytest.approx(0.0, abs=0.005)
    weak = against_rule(scored, np.random.default_rng(1).random(3000) < 0.1, QUICK)["recall_gain_over_rule"]
    assert (weak.low or 0) > 0


def test_blocks_of_time_share_out_all_rows() -> None:
    scored = made(1000)
    blocks = by_time(scored, np.sort(DRAWS.integers(0, 10**9, 1000)), 4, QUICK)
    assert sum(block["rows"].value or 0 for block in blocks) == 1000


def test_an_honest_probability_has_slope_one_and_a_boasting_one_less() -> None:
    scored = made(20_000)
    honest = calibration_line(scored.labels, scored.scores)["calibration_slope"]
    odds = np.log(scored.scores / (1 - scored.scores))
    boasting = calibration_line(scored.labels, 1 / (1 + np.exp(-2 * odds)))["calibration_slope"]
    assert (honest.low or 0) < 1 < (honest.high or 0)
    assert boasting.value == pytest.approx((honest.value or 0) / 2, rel=1e-3)


def test_deciles_and_their_error_describe_the_same_rows() -> None:
    scored = made(1003)
    table = decile_table(scored.labels, scored.scores)
    assert sum(row["rows"] for row in table) == 1003
    assert calibration_error(scored.labels, scored.labels) == 0.0


def test_a_perfect_separation_has_no_calibration_line() -> None:
    labels = np.repeat([0.0, 1.0], 20)
    assert not calibration_line(labels, labels * 0.8 + 0.1)["calibration_slope"].is_known


@pytest.mark.parametrize(("stretch", "expected"), [(1.0, 1.0), (0.5, 2.0)])
def test_the_top_tenth_tells_a_score_that_says_too_little(stretch: float, expected: float) -> None:
    draws = np.random.default_rng(8)
    chances = draws.beta(0.4, 3.0, 20_000)
    labels = (draws.random(20_000) < chances).astype(float)
    found = evaluate(Scored.of(labels, chances * stretch), Bootstrap(100))["top_decile_observed_over_expected"]
    assert (found.low or 0) < expected < (found.high or 0)
    assert (found.high or 9) - (found.low or 0) < 0.25 * expected


def test_a_score_of_zero_expects_nobody() -> None:
    found = evaluate(Scored.of(np.array([0.0, 1.0] * 30), np.zeros(60)), Bootstrap(30))
    assert found["top_decile_observed_over_expected"].reason == "the score is zero throughout"
