"""Challenger and champion beside each other: what each does to honest money and to groups of honest people."""

import numpy as np
import polars as pl
import pytest

from training.assess import SLICES
from training.beside import DAYS_MORE, GROUPS_TIMES, harms
from training.costs import Costs
from training.evaluate import Bootstrap
from training.gate import Answer, Harm, Rules, no_more_harm

EVENTS = 4
QUICK = Bootstrap(100, seed=1)
COSTS = Costs.read()


def rows(held: float, held_before: float, group_0: float = 0.0, seed: int = 0, count: int = 500) -> pl.DataFrame:
    """Honest people in two groups, a twentieth frauds; `held` of the honest are reviewed by the challenger,
    `held_before` by the champion; the challenger's scores of group 0 are higher by `group_0`.
    """
    draws = np.random.default_rng(seed)
    people = np.repeat(np.arange(count), EVENTS)
    fraud, group = people % 20 == 0, people % 2
    new, old = (np.repeat(draws.random(count), EVENTS) for _ in range(2))
    scores = [np.repeat(draws.random(count), EVENTS) + 2 * fraud for _ in range(2)]
    return pl.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(len(people))],
            "user_id": [f"u{person}" for person in people],
            "kind": "task_completed",
            "label": fraud,
            "currency": "CNY",
            "stake_micros": draws.integers(1, 50, len(people)) * 100_000,
            "score": scores[0] + group_0 * (group == 0),
            "champion_score": scores[1],
            "action": np.where(new < held, "review", "approve"),
            "champion_action": np.where(old < held_before, "review", "approve"),
            **dict.fromkeys(SLICES, group),
        }
    )


def named(found: list[Harm], word: str) -> Harm:
    return next(harm for harm in found if word in harm.what)


def test_a_challenger_that_keeps_honest_money_waiting_is_seen_with_both_figures() -> None:
    table = rows(held=0.10, held_before=0.02)
    found = named(harms(table, COSTS, 7.0, QUICK), "waits (events, CNY)")
    honest = table.filter(~pl.col("label"))
    stakes, kept = honest["stake_micros"], honest["action"] == "review"
    assert found.challenger == pytest.approx(stakes.filter(kept).sum() * COSTS.review_days / stakes.sum())
    assert found.more.value == pytest.approx((found.challenger or 0) - (found.champion or 0))
    assert (found.more.low or 0) > found.more_max
    assert found.people > 10
    assert no_more_harm(found, Rules())[0] is Answer.NOT_MET


def test_equally_good_models_are_not_refused_for_the_noise_between_them() -> None:
    answers = [
        no_more_harm(one, Rules())[0]
        for seed in range(10)
        for one in harms(rows(0.02, 0.02, seed=seed), COSTS, 7.0, QUICK)
    ]
    assert answers.count(Answer.NOT_MET) <= 2
    assert Answer.NOT_SETTLED in answers


def test_a_model_beside_itself_does_no_more_harm() -> None:
    table = rows(0.1, 0.1).with_columns(champion_action=pl.col("action"), champion_score=pl.col("score"))
    for found in harms(table, COSTS, 7.0, QUICK):
        assert found.people == 0
        assert found.more.value == (1.0 if found.is_ratio else 0.0)
        assert no_more_harm(found, Rules())[0] is Answer.MET


def test_what_the_champion_does_already_may_grow_by_a_tenth() -> None:
    found = named(harms(rows(0.5, 0.5), COSTS, 7.0, QUICK), "waits (events, CNY)")
    assert found.more_max == pytest.approx(0.1 * (found.champion or 0))
    assert found.more_max > DAYS_MORE


def test_a_group_that_is_flagged_more_often_than_before_is_seen_at_equal_shares_of_the_honest() -> None:
    found = named(harms(rows(0.02, 0.02, group_0=0.5, count=4000), COSTS, 7.0, QUICK), "by country")
    assert (found.challenger or 0) > 10 * (found.champion or 0)
    assert (found.more.low or 0) > GROUPS_TIMES
    assert no_more_harm(found, Rules())[0] is Answer.NOT_MET


def test_too_few_honest_people_or_rows_are_not_enough_and_say_so() -> None:
    few = rows(0.5, 0.1).filter(pl.col("user_id").is_in([f"u{at}" for at in range(15)]))
    found = harms(few, COSTS, 7.0, QUICK)
    assert "14 honest people had money at stake" in (named(found, "waits").more.reason or "")
    assert "fewer than two groups have 200 honest rows" in (named(found, "by country").more.reason or "")
    assert {no_more_harm(one, Rules())[0] for one in found} == {Answer.NOT_SETTLED}
