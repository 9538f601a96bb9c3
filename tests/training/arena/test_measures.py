"""The arena's figures, on people made by hand."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from training.arena.episode import Fought
from training.arena.measures import Measured, measure, peaks, recall_between, threshold
from training.evaluate import Bootstrap

ASKED = "withdrawal_requested"


def decision(owner: str, model: float, kind: str = "ad_viewed", action: str = "approve", tree: float = 0.0) -> Any:
    return {"owner": owner, "kind": kind, "amount_micros": 1, "action": action, "model": model, "tree": tree}


def person(owner: str, family: str = "ordinary", ring: str | None = None, **more: Any) -> Any:
    known = {"is_fraud": family != "ordinary", "is_trained": True, "stopped_micros": 0, "paid_micros": 0}
    return {"owner": owner, "family": family, "ring": ring, "delayed_unit_days": 0.0} | known | more


def measured(people: list[Any], decisions: list[Any]) -> Measured:
    return measure(fought(people, decisions), Bootstrap(20))


def fought(people: list[Any], decisions: list[Any]) -> Fought:
    return Fought(pl.DataFrame(decisions), pl.DataFrame(people, infer_schema_length=None))


def honest(count: int) -> tuple[list[Any], list[Any]]:
    """People with scores .000, .001, ... of an event, and then of a withdrawal in review."""
    asked = [decision(f"h{at}", at / 1000, ASKED, "review") for at in range(count)]
    return [person(f"h{at}") for at in range(count)], [decision(f"h{at}", at / 1000) for at in range(count)] + asked


def test_the_threshold_lets_one_in_a_hundred_of_the_honest_be_caught() -> None:
    scores = np.arange(200) / 1000
    assert (scores >= threshold(scores)).sum() == 2
    assert (scores >= threshold(scores, 0.0)).sum() == 0
    assert (np.zeros(50) >= threshold(np.zeros(50))).sum() == 0


def test_a_tree_of_two_leaves_is_given_the_benefit_of_a_draw() -> None:
    told = recall_between(np.r_[np.ones(10), np.zeros(90)], np.r_[np.ones(8), np.zeros(2)])
    assert told == pytest.approx(0.08)
    assert recall_between(np.zeros(100), np.ones(10)) == 1.0


def test_who_is_caught_after_the_first_payout_is_not_caught() -> None:
    people, decisions = honest(200)
    early, late = person("early", "farm"), person("late", "farm")
    decisions += [decision("early", 0.9), decision("early", 0.1, ASKED)]
    decisions += [decision("late", 0.1), decision("late", 0.1, ASKED), decision("late", 0.9)]
    assert measured([*people, early, late], decisions).totals["recall_at_1pct_fpr"].value == 0.5


def test_a_request_that_was_stopped_is_no_payout() -> None:
    people, decisions = honest(200)
    decisions += [decision("one", 0.1, ASKED, "review"), decision("one", 0.9)]
    assert measured([*people, person("one", "farm")], decisions).totals["recall_at_1pct_fpr"].value == 1.0


@pytest.mark.parametrize(
    ("actions", "held", "stopped"),
    [
        (["review"] * 5, 1.0, 1.0),
        (["review"] * 4 + ["approve"], 1.0, 1.0),
        (["review", "review", "approve", "review", "review"], 1.0, 1.0),
        (["review", "review", "review", "approve", "approve"], 1.0, 0.0),
        (["approve"] + ["review"] * 4, 0.0, 0.0),
        (["review", "approve", "review", "review", "review"], 0.0, 1.0),
    ],
)
def test_a_ring_is_held_by_half_of_those_who_acted_before_the_first_payout(
    actions: list[str], held: float, stopped: float
) -> None:
    people, decisions = honest(200)
    people += [person(f"r{at}", "farm", "farm/1") for at in range(5)]
    decisions += [decision(f"r{at}", 0.1) for at in range(3)]
    decisions += [decision(f"r{at}", 0.1, ASKED, action) for at, action in enumerate(actions)]
    totals = measured(people, decisions).totals
    assert totals["rings_held_before_first_payout"].value == held
    assert totals["rings_all_but_stopped"].value == stopped


def test_a_ring_of_four_or_one_to_which_nothing_happened_is_not_counted() -> None:
    people, decisions = honest(200)
    people += [person(f"r{at}", "farm", "farm/1") for at in range(4)]
    people += [person(f"q{at}", "farm", "farm/2") for at in range(6)]
    decisions += [decision(f"r{at}", 0.1, ASKED, "review") for at in range(4)]
    decisions += [decision(f"q{at}", 0.1) for at in range(6)]
    assert measured(people, decisions).totals["rings_held_before_first_payout"].value is None


def test_a_family_that_three_questions_catch_is_reported_and_does_not_count() -> None:
    people, decisions = honest(200)
    people += [person("plain", "easy_family"), person("sly", "hard_family")]
    decisions += [decision("plain", 0.9, tree=1.0), decision("sly", 0.1)]
    found = measured(people, decisions)
    marks = dict(zip(found.families["family"], found.families["is_easy"], strict=True))
    assert marks == {"easy_family": True, "hard_family": False}
    assert found.totals["recall_at_1pct_fpr"].value == 0.0
    assert found.totals["recall_of_all_families"].value == 0.5


def test_money_of_families_never_trained_on_is_summed_over_people() -> None:
    people, decisions = honest(200)
    people += [person("a", "unseen", is_trained=False, stopped_micros=3, paid_micros=1)]
    people += [person("b", "unseen", is_trained=False, stopped_micros=0, paid_micros=4), person("c", "known")]
    decisions += [decision(owner, 0.5) for owner in "abc"]
    assert measured(people, decisions).totals["held_out_money_stopped"].value == 3 / 8


def test_an_honest_person_is_held_by_any_decision_about_money() -> None:
    people, decisions = honest(100)
    decisions = [one for one in decisions if one["kind"] != ASKED]
    people += [person("one", "farm")]
    decisions += [decision("one", 0.9), decision("h0", 0.0, action="hold"), decision("h1", 0.0, ASKED, "challenge")]
    decisions += [decision("h2", 0.0, "login", "hold") | {"amount_micros": 0}]
    totals = measured(people, decisions).totals
    assert totals["honest_held"].value == 0.02
    assert totals["honest_withdrawals_held"].value == 0.01


def test_the_peak_of_a_person_is_the_highest_score_of_each_head_until_the_payout() -> None:
    people, decisions = honest(3)
    decisions += [decision("h0", 0.7), decision("h0", 0.2, ASKED), decision("h0", 0.9)]
    found = peaks(fought([*people, person("x", "farm")], [*decisions, decision("x", 0.5)])).rows_by_key(
        "owner", named=True
    )
    assert (found["h0"][0]["model_event"], found["h0"][0]["model_withdrawal"]) == (0.7, 0.2)
    assert found["x"][0]["model_withdrawal"] is None


def test_a_withdrawal_is_compared_with_withdrawals() -> None:
    """Scores of the two heads are on scales of their own: .5 is rare for one and usual for the other."""
    people, decisions = honest(200)
    decisions += [decision(f"h{at}", 0.6 + at / 1000) for at in range(200)]
    decisions += [decision("thief", 0.5, ASKED), decision("nobody", 0.5)]
    found = measured([*people, person("thief", "takeover"), person("nobody", "bot")], decisions)
    recall = dict(zip(found.families["family"], found.families["recall"], strict=True))
    assert recall == {"takeover": 1.0, "bot": 0.0}
    assert found.thresholds["withdrawal"] < 0.5 < found.thresholds["event"]
