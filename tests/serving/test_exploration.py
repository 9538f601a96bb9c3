"""Trying out: how likely each level was, within its stratum, and what it may cost."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.pricing.exploration import FULL, LOCAL, PROPENSITY_MIN, Purse, full, local, local_chances

WORTHS = [1.0, 4.0, 6.0, 5.5, 2.0]


@given(
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 4),
    st.floats(0, 0.5),
    st.lists(st.floats(-9, 9), min_size=5, max_size=5),
)
def test_chances_sum_to_one_and_none_is_below_the_least_propensity(
    base: int, low: int, high: int, share: float, worths: list[float]
) -> None:
    inside = range(min(base, low, high), max(base, low, high) + 1)
    chances = local_chances(base, inside, worths, share)
    assert next(iter(chances)) == base
    assert sum(chances.values()) == pytest.approx(1)
    assert set(chances) <= {base - 1, base, base + 1} & set(inside)
    assert all(chance >= PROPENSITY_MIN for chance in chances.values())
    assert chances[base] >= 1 - share - 1e-9


def test_of_two_neighbours_the_cheaper_is_tried_more_often_and_the_share_is_kept() -> None:
    chances = local_chances(2, range(5), WORTHS, 0.05)
    assert chances[3] > chances[1] >= PROPENSITY_MIN
    assert chances[1] + chances[3] == pytest.approx(0.05)


def test_levels_come_as_often_as_their_propensity_says() -> None:
    dice, chances = Random(7), {2: 0.8, 1: 0.15, 3: 0.05}  # noqa: S311  # prices are drawn, no secrets
    draws = [local(chances, dice) for _ in range(6000)]
    for level, count in Counter(draw.level for draw in draws).items():
        assert count / 6000 == pytest.approx(chances[level], abs=0.02)
    assert all(draw.propensity == chances[draw.level] and draw.stratum == LOCAL for draw in draws)


def test_the_full_stratum_knows_every_allowed_level_alike() -> None:
    dice = Random(7)  # noqa: S311
    draws = [full(range(2, 6), dice) for _ in range(4000)]
    assert {draw.level for draw in draws} == {2, 3, 4, 5}
    assert {(draw.propensity, draw.stratum) for draw in draws} == {(0.25, FULL)}


def test_the_purse_pays_for_trials_only_what_was_put_by() -> None:
    purse = Purse(0.01)
    assert not purse.spend(1.0)
    for _ in range(150):
        purse.put_by(1.0)
    assert purse.spend(1.0)
    assert not purse.spend(1.0)
    assert not purse.spend(float("nan"))
    assert purse.left == pytest.approx(0.5)
