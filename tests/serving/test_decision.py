"""Thresholds are levels to be reached, money is judged before the score is, and reasons say what raised it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import Event
from features.vector import FEATURES
from serving.decision import REASONS, Action, Score, Verdict, ceiling, decide_event, decide_withdrawal, reasons_of
from serving.policy import load_policy

POLICY = load_policy()
EVENT, WITHDRAWAL, REWARD = POLICY.event, POLICY.withdrawal, POLICY.reward


def earned(**fields: Any) -> Event:
    body = {"event_id": "e", "kind": "ad_viewed", "occurred_at": "2026-03-01T12:00:00Z", "user_id": "u"}
    return Event.model_validate(body | {"revenue_micros": 2_000_000, "currency": "CNY"} | fields)


def judged(probability: float | None, reward: int = 1_000_000, target: str = "fraud", **fields: Any) -> Verdict:
    return decide_event(earned(**fields), Score(probability, target), reward, POLICY)


def below(level: float) -> float:
    return math.nextafter(level, 0)


@pytest.mark.parametrize(
    ("probability", "action"),
    [
        (0.0, Action.APPROVE),
        (below(EVENT.hold), Action.APPROVE),
        (EVENT.hold, Action.HOLD),
        (below(EVENT.review), Action.HOLD),
        (EVENT.review, Action.REVIEW),
        (below(EVENT.decline), Action.REVIEW),
        (EVENT.decline, Action.DECLINE),
        (1.0, Action.DECLINE),
    ],
)
def test_an_event_is_judged_by_the_highest_level_that_its_score_reaches(probability: float, action: Action) -> None:
    assert judged(probability).action is action


@pytest.mark.parametrize(
    ("probability", "action"),
    [
        (0.0, Action.APPROVE),
        (below(WITHDRAWAL.challenge), Action.APPROVE),
        (WITHDRAWAL.challenge, Action.CHALLENGE),
        (below(WITHDRAWAL.review), Action.CHALLENGE),
        (WITHDRAWAL.review, Action.REVIEW),
        (below(WITHDRAWAL.decline), Action.REVIEW),
        (WITHDRAWAL.decline, Action.DECLINE),
        (1.0, Action.DECLINE),
    ],
)
def test_a_withdrawal_is_judged_by_levels_of_its_own(probability: float, action: Action) -> None:
    assert decide_withdrawal(Score(probability), POLICY).action is action


@given(st.floats(0, 1))
def test_where_nothing_is_earned_nothing_waits_whatever_the_score(probability: float) -> None:
    assert judged(probability, 0, kind="login") == Verdict(Action.APPROVE)


@given(st.floats(0, 1))
def test_a_likely_reversal_delays_a_credit_and_never_refuses_one(probability: float) -> None:
    verdict = judged(probability, target="reversal")
    assert verdict.action is (Action.HOLD if probability >= POLICY.reversal.hold else Action.APPROVE)
    assert ("reversal_likely" in verdict.reasons) == (verdict.action is Action.HOLD)


@given(st.floats(0, 1), st.floats(0, 1))
def test_beside_fraud_a_likely_reversal_holds_what_would_be_approved_and_changes_nothing_else(
    fraud: float, reversal: float
) -> None:
    alone = decide_event(earned(), Score(fraud), 1, POLICY)
    both = decide_event(earned(), Score(fraud, reversal=reversal), 1, POLICY)
    likely = reversal >= POLICY.reversal.hold
    assert both.action is (Action.HOLD if likely and alone.action is Action.APPROVE else alone.action)
    delays = likely and both.action is Action.HOLD
    assert both.reasons == (("reversal_likely",) if delays else ())


def test_the_level_of_a_likely_reversal_is_inclusive() -> None:
    level = POLICY.reversal.hold
    assert decide_event(earned(), Score(0.0, reversal=level), 1, POLICY).action is Action.HOLD
    assert decide_event(earned(), Score(0.0, reversal=below(level)), 1, POLICY).action is Action.APPROVE


def test_a_likely_reversal_is_no_matter_for_a_withdrawal() -> None:
    assert decide_withdrawal(Score(0.0, reversal=1.0), POLICY) == Verdict(Action.APPROVE)


@given(st.floats(0, 1))
def test_a_model_of_reversals_never_decides_a_withdrawal(probability: float) -> None:
    verdict = decide_withdrawal(Score(probability, "reversal"), POLICY)
    assert verdict == Verdict(Action.REVIEW, ("fraud_model_missing",))


def test_without_a_score_everything_is_held_and_says_what_was_missing() -> None:
    held = Verdict(Action.HOLD, ("model_unavailable",), ("model",))
    assert judged(None) == held
    assert decide_withdrawal(Score(None), POLICY) == held


@given(st.integers(1, 2**53 - 1))
def test_the_ceiling_leaves_the_platform_its_margin(value: int) -> None:
    kept = value - ceiling(value, POLICY)
    # The ceiling is a product of floats: it may miss the exact one by a part in 10^15.
    assert kept >= value * REWARD.margin_min - 1 - value * 1e-15
    assert kept <= value * REWARD.margin_min + 1 + value * 1e-15


def test_a_promise_at_the_margin_ceiling_passes_and_one_above_waits_for_a_person() -> None:
    most = ceiling(2_000_000, POLICY)
    assert judged(0.0, most).action is Action.APPROVE
    assert judged(0.0, most + 1) == Verdict(Action.REVIEW, ("margin_ceiling",))


def test_a_promise_without_revenue_has_no_margin_to_break() -> None:
    assert judged(0.0, 1_000_000, revenue_micros=None).action is Action.APPROVE


def test_the_price_of_an_offer_is_not_judged_against_the_margin_again() -> None:
    assert judged(0.0, 2_000_000, offer_id="o_1").action is Action.APPROVE


def test_no_reward_is_above_the_limit_unseen_whoever_promised_it() -> None:
    most = REWARD.reward_micros_max
    fields: dict[str, Any] = {"revenue_micros": 10 * most}
    assert judged(0.0, most, **fields).action is Action.APPROVE
    assert judged(0.0, most + 1, **fields) == Verdict(Action.REVIEW, ("reward_above_limit",))
    assert judged(0.0, most + 1, offer_id="o_1", **fields) == Verdict(Action.REVIEW, ("reward_above_limit",))


def test_every_broken_limit_is_named() -> None:
    assert judged(0.0, REWARD.reward_micros_max + 1).reasons == ("reward_above_limit", "margin_ceiling")


CONTRIBUTIONS = st.lists(st.tuples(st.sampled_from(sorted(REASONS)), st.floats(-2, 2)), max_size=12)


@given(CONTRIBUTIONS)
def test_reasons_are_those_that_raised_the_score_each_once_and_at_most_three(weights: list[tuple[str, float]]) -> None:
    heaviest_first = sorted(weights, key=lambda pair: -pair[1])
    named = [(part if "__" in part else f"{part}__x", weight) for part, weight in heaviest_first]
    score = Score(0.9, contributions=tuple(named))
    reasons = reasons_of(score)
    raised = [REASONS[part] for part, weight in heaviest_first if weight > 0]
    assert len(reasons) == min(3, len(set(raised)))
    assert len(set(reasons)) == len(reasons)
    assert [raised.index(reason) for reason in reasons] == sorted(raised.index(reason) for reason in reasons)
    assert not raised or reasons[0] == raised[0]


def test_whatever_feature_spoke_for_a_score_has_a_code() -> None:
    unexplained = sorted({name.split("__")[0] for name in FEATURES} - set(REASONS))
    assert not unexplained, f"give {unexplained} a code in REASONS: a score that they raise could not be explained"


def test_an_approval_gives_no_reasons() -> None:
    score = Score(0.0, contributions=(("user__count__1d", 3.0),))
    assert decide_event(earned(), score, 1, POLICY).reasons == ()


def test_a_hold_for_a_reversal_says_what_spoke_for_it() -> None:
    score = Score(0.9, "reversal", contributions=(("campaign__count__1d", 1.0),))
    assert decide_event(earned(), score, 1, POLICY).reasons == ("reversal_likely", "campaign_unusual")


def test_only_approve_and_decline_are_final() -> None:
    assert {action for action in Action if action.final} == {Action.APPROVE, Action.DECLINE}
