"""The price of a task: never above the margin, chosen with the propensity that is logged."""

from collections import Counter
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from serving.decision import ceiling
from serving.policy import Policy, load_policy
from serving.pricing.ladder import Price, price

SHIPPED = load_policy()
DRAWS = 4_000


def policies() -> st.SearchStrategy[Policy]:
    ladders = st.lists(st.integers(1, 50), min_size=1, max_size=15, unique=True).map(sorted).map(tuple)
    shares = st.floats(0.05, 0.95)
    return st.builds(policy, ladders, shares, shares, st.floats(0, 0.5))


def policy(ladder: tuple[int, ...], margin: float, share: float, exploration: float) -> Policy:
    changed = {"ladder_micros": ladder, "margin_min": margin, "share_of_value": share, "exploration": exploration}
    return SHIPPED.model_copy(update={"reward": SHIPPED.reward.model_copy(update=changed)})


def drawn(value: int, policy: Policy, draws: int = DRAWS) -> Counter[Price]:
    """The distinct prices of many draws, with how often each came."""
    dice = Random(7)  # noqa: S311  # prices are drawn, no secrets
    prices = [price(value, policy, dice) for _ in range(draws)]
    return Counter(one for one in prices if one is not None)


@given(st.integers(1, 200), policies(), st.integers())
def test_no_price_is_above_the_margin_ceiling_or_off_the_ladder(value: int, policy: Policy, seed: int) -> None:
    made = price(value, policy, Random(seed))  # noqa: S311
    if made is None:
        assert min(policy.reward.ladder_micros) > ceiling(value, policy)
    else:
        assert made.reward_micros <= ceiling(value, policy)
        assert made.reward_micros in policy.reward.ladder_micros


@given(st.integers(1, 200), policies())
def test_a_level_has_one_propensity_and_those_of_a_task_sum_to_one(value: int, policy: Policy) -> None:
    assume(policy.reward.exploration > 0.2)
    prices = drawn(value, policy, draws=150)
    assume(prices)
    assert len({made.reward_micros for made in prices}) == len(prices)
    assert sum(made.propensity for made in prices) == pytest.approx(1)


@pytest.mark.parametrize("value", [100, 250, 400, 1_000, 100_000])
def test_levels_come_as_often_as_their_propensity_says(value: int) -> None:
    prices = drawn(value, policy((50, 100, 200, 400), margin=0.3, share=0.5, exploration=0.4))
    assert sum(made.propensity for made in prices) == pytest.approx(1)
    for made, count in prices.items():
        assert count / DRAWS == pytest.approx(made.propensity, abs=0.03)


def test_it_aims_at_the_share_and_tries_one_level_up_and_one_down() -> None:
    prices = drawn(400, policy((50, 100, 200, 220, 250, 400), margin=0.3, share=0.5, exploration=0.2))
    assert {made.reward_micros: made.propensity for made in prices} == pytest.approx({100: 0.1, 200: 0.8, 220: 0.1})


def test_a_move_beyond_the_ends_stays_and_its_propensity_says_so() -> None:
    prices = drawn(200, policy((100, 200), margin=0.3, share=0.5, exploration=0.2))
    assert {made.reward_micros: made.propensity for made in prices} == pytest.approx({100: 1.0})


def test_without_exploration_there_is_one_price() -> None:
    prices = drawn(400, policy((100, 200, 250), margin=0.3, share=0.5, exploration=0))
    assert [(made.reward_micros, made.propensity) for made in prices] == [(200, 1)]


def test_a_person_is_told_when_a_price_is_a_trial() -> None:
    prices = drawn(400, policy((100, 200, 250), margin=0.3, share=0.5, exploration=0.2))
    assert {made.reward_micros for made in prices if "trying out" in made.reason} == {100, 250}


def test_a_task_worth_less_than_the_lowest_reward_and_the_margin_has_no_price() -> None:
    ladder = policy((70, 100), margin=0.3, share=0.5, exploration=0.1)
    assert price(99, ladder, Random(0)) is None  # noqa: S311
    assert price(101, ladder, Random(0)) is not None  # noqa: S311
