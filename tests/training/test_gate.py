import pytest

from training.estimates import Estimate, as_json, from_json, unknown
from training.gate import Beside, Harm, Rules, judge

GOOD = {
    "positives": Estimate(200.0),
    "auc": Estimate(0.8, 0.75, 0.85),
    "calibration_error": Estimate(0.01),
    "calibration_slope": Estimate(1.0, 0.95, 1.05),
    "top_decile_observed_over_expected": Estimate(1.02, 0.97, 1.08),
    "rarer_people": Estimate(90.0),
    "ap_rare": Estimate(0.4, 0.3, 0.5),
    "recall_at_fpr_0.01": Estimate(0.3, 0.2, 0.4),
}


def gaining(value: float, low: float | None = None, high: float | None = None) -> dict[str, Estimate]:
    """A good challenger beside a rule that catches half of all fraud."""
    rule = {"rule_recall": Estimate(0.5, 0.4, 0.6), "rule_false_positive_rate": Estimate(0.02, 0.01, 0.03)}
    return GOOD | rule | {"recall_gain_over_rule": Estimate(value, low, high)}


def test_a_good_first_model_passes_and_says_why_with_figures_and_limits() -> None:
    verdict = judge(GOOD, None, Rules())
    assert verdict.passed
    assert verdict.reasons == (
        "the number of positives in the test is 200, met: it must be at least 30",
        "AUC is 0.8000 (0.7500 to 0.8500), met: its lower end must be above 0.5",
        "calibration error is 0.0100, met: it must be at most 0.05",
        "the calibration slope (1 is right) is 1.0000 (0.9500 to 1.0500), met: its interval lies within 0.9 to 1.1",
        "observed over expected in the highest tenth (1 is right) is 1.0200 (0.9700 to 1.0800), met: its interval lies "
        "within 0.9 to 1.1",
    )


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
        assert "not met: " in verdict.reasons[0]


def test_a_challenger_may_fall_short_of_the_champion_by_the_allowance_only() -> None:
    assert judge(GOOD, GOOD | {"ap_rare": Estimate(0.409)}, Rules()).passed
    refused = judge(GOOD, GOOD | {"ap_rare": Estimate(0.42)}, Rules())
    assert not refused.passed
    assert refused.reasons[0] == (
        "AP of the rarer class, mostly fraud is 0.4000, not met: it must be at least the champion's 0.4200 less 0.01"
    )


def test_a_paired_comparison_refuses_only_what_is_worse_beyond_doubt() -> None:
    even = {name: Estimate(-0.01, -0.03, 0.01) for name in Rules().defended}
    assert judge(GOOD, None, Rules(), Beside(even)).passed
    assert not judge(GOOD, None, Rules(), Beside(even | {"ap_rare": Estimate(-0.05, -0.08, -0.01)})).passed
    unmeasured = judge(GOOD, None, Rules(), Beside({}))
    assert not unmeasured.passed
    assert unmeasured.reasons[0].startswith(
        "the gain over the champion in AP of the rarer class, mostly fraud, is unknown"
    )


@pytest.mark.parametrize("name", ["calibration_slope", "top_decile_observed_over_expected"])
@pytest.mark.parametrize(
    ("found", "people", "answer", "says"),
    [
        (Estimate(1.3, 1.11, 1.5), 90, "not met", "its interval lies wholly outside 0.9 to 1.1"),
        (Estimate(0.7, 0.5, 0.89), 90, "not met", "its interval lies wholly outside 0.9 to 1.1"),
        (Estimate(1.3, 1.05, 1.5), 90, "not settled", "leaves open whether it is within 0.9 to 1.1"),
        (Estimate(1.0, 0.5, 1.6), 90, "not settled", "leaves open whether it is within 0.9 to 1.1"),
        (Estimate(1.3, 1.11, 1.5), 29, "not settled", "29 people are behind the rarer class, not enough to tell"),
        (unknown("the score separates the classes perfectly"), 90, "not settled", "separates the classes perfectly"),
    ],
    ids=["timid", "too sure", "touches", "wide", "few people", "unknown"],
)
def test_a_probability_that_is_off_beyond_doubt_is_refused_and_doubt_is_told(
    name: str, found: Estimate, people: int, answer: str, says: str
) -> None:
    verdict = judge(GOOD | {name: found, "rarer_people": Estimate(float(people))}, None, Rules())
    assert verdict.passed == (answer != "not met")
    assert f", {answer}: " in verdict.reasons[0]
    assert says in verdict.reasons[0]


def harm(low: float, high: float, people: int = 40, *, is_ratio: bool = False) -> Beside:
    more = Estimate((low + high) / 2, low, high)
    one = Harm("days that a unit of honest money waits", 0.3, 0.1, more, 0.01, people, is_ratio)
    return Beside(dict.fromkeys(Rules().defended, Estimate(0.0, -0.1, 0.1)), [one])


def test_clearly_more_harm_to_honest_people_is_refused_with_both_figures() -> None:
    verdict = judge(GOOD, None, Rules(), harm(0.02, 0.4))
    assert not verdict.passed
    assert verdict.reasons[0] == (
        "days that a unit of honest money waits is 0.3000, the champion's 0.1000: 0.2100 (0.0200 to 0.4000) more, "
        "not met: 0.0100 more is allowed"
    )


@pytest.mark.parametrize(
    ("beside", "says"),
    [
        (harm(-0.2, 0.4), "not settled: 0.0100 more is allowed, and the interval leaves open whether it is more"),
        (harm(0.02, 0.4, people=9), "the two treat only 9 honest people differently, it takes 10"),
        (harm(-0.2, 0.01), "met: 0.0100 more is allowed"),
        (harm(0.001, 0.01, is_ratio=True), "(0.0010 to 0.0100) times, met: 0.0100 times as much is allowed"),
        (
            Beside(harm(0, 0).difference, [Harm("honest money", None, None, unknown("nobody"), 0.01, 0)]),
            "honest money, beside the champion: not enough to tell: nobody",
        ),
    ],
    ids=["open", "few people", "within", "ratio", "unmeasured"],
)
def test_harm_that_may_be_chance_refuses_nothing_and_is_told(beside: Beside, says: str) -> None:
    verdict = judge(GOOD, None, Rules(), beside)
    assert verdict.passed
    assert any(reason.endswith(says) for reason in verdict.reasons)


def test_what_to_beware_of_stands_after_what_failed_and_before_what_was_met() -> None:
    verdict = judge(GOOD | {"positives": Estimate(3.0)}, None, Rules(), cautions=["labels were read early"])
    assert [reason.split()[0] for reason in verdict.reasons[:2]] == ["the", "beware:"]
    assert judge(GOOD, None, Rules(), cautions=["labels were read early"]).passed


@pytest.mark.parametrize(
    "gain",
    [(-0.2, -0.3, -0.1), (0.0, 0.0, 0.0), (0.0, -0.1, 0.1), (0.1, 0.0, 0.2), (0.1, -0.1, 0.3), (0.1, None, None)],
    ids=["beaten", "equal", "no better", "touches zero", "perhaps luck", "no interval"],
)
def test_a_model_that_does_not_beat_a_one_line_rule_beyond_luck_is_refused(gain: tuple[float, ...]) -> None:
    verdict = judge(gaining(*gain), None, Rules())
    assert not verdict.passed
    assert verdict.reasons[0].startswith(
        "the gain in recall over a one-line rule that refuses as many honest events is"
    )
    assert verdict.reasons[0].endswith(", not met: its lower end must be above 0")


def test_a_model_that_beats_the_rule_passes_with_the_gain_named() -> None:
    verdict = judge(gaining(0.2, 0.1, 0.3), None, Rules())
    assert verdict.passed
    assert "is 0.2000 (0.1000 to 0.3000), met: its lower end must be above 0" in verdict.reasons[-1]


def test_a_gain_that_could_not_be_measured_is_none() -> None:
    verdict = judge(GOOD | {"recall_gain_over_rule": unknown("one class only")}, None, Rules())
    assert not verdict.passed
    assert "unknown: one class only" in verdict.reasons[0]


def test_a_rule_that_refuses_nothing_leaves_nothing_to_beat() -> None:
    silent = {"rule_recall": Estimate(0.0, 0.0, 0.0), "rule_false_positive_rate": Estimate(0.0, 0.0, 0.0)}
    verdict = judge(gaining(0.0, 0.0, 0.0) | silent, None, Rules())
    assert verdict.passed
    assert "the rule refuses nothing in the test" in verdict.reasons[-1]


def test_metrics_survive_a_json_file() -> None:
    metrics = GOOD | {"brier": unknown("one class only")}
    assert from_json(as_json(metrics)) == metrics
    assert str(metrics["brier"]) == "unknown: one class only"
    assert str(GOOD["auc"]) == "0.8000 (0.7500 to 0.8500)"
