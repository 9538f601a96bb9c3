"""What groups and similar people were offered, what trials cost, who earns how much: on logs whose truth is known."""

import numpy as np
import polars as pl
import pytest

from training.evaluate import Bootstrap
from training.pay.earners import shares
from training.pay.groups import compared
from training.pay.similar import similar
from training.pay.trials import costs

QUICK = Bootstrap(resamples=60)
HOUR = 3_600_000_000
LEVELS = np.array([100_000, 200_000, 300_000])


def log(people: int = 400, each: int = 20, seed: int = 0) -> pl.DataFrame:
    """Offers of six campaigns over three days; prices differ by campaign and chance, never by who is asked."""
    draws = np.random.default_rng(seed)
    rows = people * each
    campaign = draws.integers(0, 6, rows)
    explored = draws.random(rows) < 0.1
    reward = LEVELS[np.clip(campaign // 2 + np.where(explored, draws.choice([-1, 1], rows), 0), 0, 2)]
    user = np.repeat(np.arange(people), each)
    return pl.DataFrame(
        {
            "user_id": [f"u{one}" for one in user],
            "city_tier": 1 + user % 3,
            "campaign_id": [f"c{one}" for one in campaign],
            "position": 0,
            "currency": "CNY",
            "value_micros": 600_000,
            "reward_micros": reward,
            "propensity": np.where(explored, 0.05, 0.9),
            "stratum": "local",
            "offered_at": draws.integers(0, 72, rows) * HOUR,
            "completed": draws.random(rows) < 0.5,
        }
    )


def test_groups_that_are_offered_alike_do_not_stand_out() -> None:
    found = compared(log(), ["city_tier"], 1.05, QUICK)
    assert [one.group for one in found] == ["1", "2", "3"]
    assert not any(one.stands for one in found)
    for one in found:
        assert one.ratio.low < one.ratio.value < one.ratio.high  # type: ignore[operator]  # all are known here
        assert one.ratio.value == pytest.approx(1, abs=0.05)
        assert one.compared == one.offers


def test_a_group_that_is_offered_less_for_like_tasks_stands_out_with_its_ratio() -> None:
    less = pl.when(pl.col("city_tier") == 3).then(pl.col("reward_micros") * 8 // 10).otherwise(pl.col("reward_micros"))
    found = {one.group: one for one in compared(log().with_columns(reward_micros=less), ["city_tier"], 1.05, QUICK)}
    assert found["3"].stands
    assert found["3"].ratio.value == pytest.approx(0.8, abs=0.02)


def test_other_tasks_are_no_unlike_pay() -> None:
    """Who is shown the dear campaigns only earns more an offer; nobody is offered more for a like task."""
    dear = log().filter((pl.col("city_tier") != 3) | (pl.col("campaign_id") >= "c3"))
    found = {one.group: one for one in compared(dear, ["city_tier"], 1.05, QUICK)}
    assert found["3"].mean_micros > 1.1 * found["1"].mean_micros
    assert not any(one.stands for one in found.values())


def test_few_people_say_nothing_and_chance_among_many_groups_names_none() -> None:
    few = log(9).with_columns(reward_micros=pl.col("reward_micros") * pl.col("city_tier"))
    assert {str(one.ratio) for one in compared(few, ["city_tier"], 1.05, QUICK)} == {
        "unknown: fewer than 10 people on one side"
    }
    named = 0
    for seed in range(20):
        own = log(60, 4, seed).with_columns(
            reward_micros=pl.col("reward_micros") * (1 + pl.col("user_id").hash() % 3).cast(pl.Int64)
        )
        named += sum(one.stands for one in compared(own, ["city_tier"], 1.0, QUICK))
    assert named <= 1


def test_a_group_that_nobody_can_be_compared_with_says_so() -> None:
    alone = log().filter((pl.col("city_tier") == 3) == (pl.col("campaign_id") == "c5"))
    found = {one.group: one for one in compared(alone, ["city_tier"], 1.05, QUICK)}
    assert found["3"].compared == 0
    assert str(found["3"].ratio) == "unknown: nobody else was offered like tasks"


def test_two_currencies_are_never_compared() -> None:
    both = pl.concat(
        [log(100), log(100).with_columns(currency=pl.lit("USD"), reward_micros=pl.col("reward_micros") * 9)]
    )
    found = compared(both, ["city_tier"], 1.05, QUICK)
    assert {one.currency for one in found} == {"CNY", "USD"}
    assert not any(one.stands for one in found)


def offered(*rewards: int, stratum: str = "local", hour: int = 1) -> pl.DataFrame:
    return log(len(rewards), 1).with_columns(
        reward_micros=pl.Series(rewards), campaign_id=pl.lit("c"), stratum=pl.lit(stratum), offered_at=hour * HOUR
    )


def test_similar_people_are_those_of_one_task_and_hour() -> None:
    found = similar(pl.concat([offered(100, 100), offered(200, 300, hour=2), offered(900, hour=3)]), ratio_max=1.4)
    assert (found.tasks, found.alike, found.above) == (2, 1, 1)
    assert found.worst.row(0, named=True)["ratio"] == 1.5


def test_trials_of_the_whole_ladder_are_apart_and_an_empty_log_has_nothing_to_compare() -> None:
    assert similar(offered(100, 900, stratum="full"), ratio_max=2).tasks == 0


def test_trials_that_pay_off_less_cost_what_they_lose() -> None:
    known = log(600).with_columns(completed=(pl.col("propensity") > 0.5) | (pl.col("offered_at") % (2 * HOUR) == 0))
    (cost,) = costs(known, QUICK)
    tried = known.filter(pl.col("propensity") < 0.5)
    missed = tried.filter(~pl.col("completed"))
    assert cost.trials == tried.height
    assert cost.cost.low < cost.cost.value < cost.cost.high  # type: ignore[operator]  # all are known here
    assert cost.cost.value == pytest.approx(missed.height * 0.4, rel=0.35)
    assert costs(known.clear()) == []


def test_trials_of_unknown_outcome_cost_nothing_yet() -> None:
    assert costs(log(50).with_columns(completed=pl.lit(None, pl.Boolean)), QUICK) == []


@pytest.mark.parametrize(
    ("earned", "gini", "top"), [([5, 5, 5, 5], 0, 0.25), ([0, 0, 8], 0, 1), ([1, 3], 0.25, 0.75), ([], 0, 0)]
)
def test_shares_of_a_few(earned: list[int], gini: float, top: float) -> None:
    found = shares(np.array(earned, np.int64))
    assert found.gini == pytest.approx(gini)
    assert found.top_percent_share == pytest.approx(top)
    assert found.total_micros == sum(earned)


def test_the_gini_of_an_exponential_is_a_half() -> None:
    drawn = np.random.default_rng(1).exponential(1e6, 50_000).astype(np.int64)
    assert shares(drawn).gini == pytest.approx(0.5, abs=0.01)
