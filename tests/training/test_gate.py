from training.estimates import Estimate, as_json, from_json, unknown
from training.gate import Rules, judge

GOOD = {
    "positives": Estimate(200.0),
    "auc": Estimate(0.8, 0.75, 0.85),
    "calibration_error": Estimate(0.01),
    "ap_rare": Estimate(0.4, 0.3, 0.5),
    "recall_at_fpr_0.01": Estimate(0.3, 0.2, 0.4),
}


def test_a_good_first_model_passes_and_says_why() -> None:
    verdict = judge(GOOD, None, Rules())
    assert verdict.passed
    assert len(verdict.reasons) == 3


def test_each_absolute_rule_can_refuse_and_is_named_first() -> None:
    for name, bad, word in (
        ("positives", Estimate(29.0), "positives"),
        ("auc", Estimate(0.6, 0.49, 0.7), "AUC"),
        ("calibration_error", Estimate(0.06), "calibration error"),
        ("auc", unknown("one class only"), "AUC"),
    ):
        verdict = judge(GOOD | {name: bad}, None, Rules())
        assert not verdict.passed
        assert word in verdict.reasons[0]


def test_a_challenger_may_fall_short_of_the_champion_by_the_allowance_only() -> None:
    assert judge(GOOD, GOOD | {"ap_rare": Estimate(0.409)}, Rules()).passed
    assert not judge(GOOD, GOOD | {"ap_rare": Estimate(0.42)}, Rules()).passed


def test_a_paired_comparison_refuses_only_what_is_worse_beyond_doubt() -> None:
    even = {name: Estimate(-0.01, -0.03, 0.01) for name in Rules().defended}
    assert judge(GOOD, None, Rules(), even).passed
    assert not judge(GOOD, None, Rules(), even | {"ap_rare": Estimate(-0.05, -0.08, -0.01)}).passed
    assert not judge(GOOD, None, Rules(), {}).passed


def test_a_model_that_a_one_line_rule_beats_is_refused() -> None:
    verdict = judge(GOOD | {"recall_gain_over_rule": Estimate(-0.2, -0.3, -0.1)}, None, Rules())
    assert not verdict.passed
    assert "recall_gain_over_rule" in verdict.reasons[0]


def test_metrics_survive_a_json_file() -> None:
    metrics = GOOD | {"brier": unknown("one class only")}
    assert from_json(as_json(metrics)) == metrics
    assert str(metrics["brier"]) == "unknown: one class only"
    assert str(GOOD["auc"]) == "0.8000 (0.7500 to 0.8500)"
