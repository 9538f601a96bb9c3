"""What no price may do: the limits in integers, and that nothing else than the allow-list reaches a price."""

from decimal import Decimal
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.policy import HOUR, load_policy
from serving.pricing.guardrails import Steps, allowed, ceiling_micros, moved, similar

POLICY = load_policy()
LADDER = POLICY.reward.ladder_micros


@given(st.integers(1, 2**53 - 1), st.decimals(0, 1, places=3))
def test_the_ceiling_leaves_the_margin_to_the_micro(value: int, quality: Decimal) -> None:
    ceiling = ceiling_micros(value, float(quality), POLICY)
    limit = value * (1 - Decimal(str(POLICY.reward.margin_min))) * quality
    assert ceiling <= limit
    assert ceiling > limit - 1 or ceiling == POLICY.reward.reward_micros_max


@pytest.mark.parametrize("quality", [float("nan"), -0.1, 1.1, float("inf")])
def test_a_quality_that_is_no_probability_allows_nothing(quality: float) -> None:
    assert ceiling_micros(1_000_000, quality, POLICY) == 0


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_what_is_allowed_keeps_both_floors_and_the_ceiling(floor: int, ceiling: int) -> None:
    places = allowed(LADDER, floor, ceiling, POLICY)
    kept = [at for at, level in enumerate(LADDER) if max(floor, POLICY.pricing.floor_micros) <= level <= ceiling]
    assert list(places) == kept


@given(st.integers(0, 14), st.integers(0, 14), st.integers(0, 14), st.floats(1, 100))
def test_two_similar_people_are_never_farther_apart_than_the_ratio(
    anchor: int, one: int, two: int, ratio: float
) -> None:
    inside = range(min(one, two), max(one, two) + 1)
    near = similar(LADDER, anchor, inside, ratio)
    assert near
    assert set(near) <= set(inside)
    assert all(LADDER[high] <= LADDER[low] * ratio * (1 + 1e-9) for low, high in combinations(near, 2))


def test_a_usual_price_moves_by_a_step_in_any_hour_however_often_it_is_asked() -> None:
    steps, inside, place, history = Steps(), range(15), 7, []
    for minute in range(0, 600, 10):
        now = minute * 60_000_000
        wish = 14 if minute < 300 else 0
        place = min(steps.within(inside, now, 1), key=lambda at: abs(at - wish))
        steps.use(place, now)
        history.append((now, place))
    assert max(at for _, at in history) > 8
    for (early, one), (late, two) in combinations(history[1:], 2):
        assert late - early >= HOUR or abs(one - two) <= 1


def test_a_margin_that_moved_comes_before_the_step() -> None:
    steps = Steps({9: 0})
    assert list(steps.within(range(3), 1, 1)) == [2]
    assert list(steps.within(range(12, 15), 1, 1)) == [12]


def test_what_is_an_hour_old_binds_no_more() -> None:
    assert list(Steps({9: 0}).within(range(3), HOUR, 1)) == [0, 1, 2]


def test_an_anchor_moves_by_steps() -> None:
    assert [moved(5, aim, 1) for aim in (0, 5, 9)] == [4, 5, 6]
