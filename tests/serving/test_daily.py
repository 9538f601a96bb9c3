"""The daily curve: more always pays more, ever less so, and nothing is won by rounding, dividing or ordering work."""

from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from features.events import micros_of
from serving.policy import HOUR, DailyCurve, load_policy
from serving.pricing.daily import day_of, multiplier, paid_each, paid_micros, said, total_micros

SHIPPED = load_policy().daily
SMALL = SHIPPED.model_copy(update={"full_until_micros": 7, "least_from_micros": 23, "least_share": 0.31})


def curves() -> st.SearchStrategy[DailyCurve]:
    """From a few micros, where every rounding shows, to thousands of units."""

    def curve(full: int, ramp: int, share: float) -> DailyCurve:
        changed = {"full_until_micros": full, "least_from_micros": full + ramp, "least_share": share}
        return SHIPPED.model_copy(update=changed)

    amounts = st.one_of(st.integers(1, 50), st.integers(1, 10**10))
    return st.builds(curve, amounts, amounts, st.floats(0.01, 0.99))


micros = st.one_of(st.integers(0, 200), st.integers(0, 10**11))


@given(curves(), st.integers(0, 10**11), st.integers(1, 10**9))
def test_total_pay_rises_with_what_was_earned_and_never_faster(curve: DailyCurve, earned: int, more: int) -> None:
    paid = paid_micros(earned, more, curve)
    assert round(curve.least_share * 1e6) * more // 1_000_000 <= paid <= more


@given(curves(), micros, micros, micros)
def test_total_pay_is_concave_but_for_a_rounded_micro(curve: DailyCurve, one: int, two: int, reward: int) -> None:
    assert paid_micros(max(one, two), reward, curve) <= paid_micros(min(one, two), reward, curve) + 1


def test_on_the_smallest_scale_every_step_is_nought_or_one_and_the_exact_total_is_never_undercut() -> None:
    totals = [total_micros(earned, SMALL) for earned in range(200)]
    assert {after - before for before, after in pairwise(totals)} == {0, 1}
    exact = accumulate((multiplier(e, SMALL) + multiplier(e + 1, SMALL)) / 2 for e in range(200))
    assert all(-1e-9 <= total - so_far < 1.02 for total, so_far in zip(totals[1:], exact, strict=False))


@given(curves(), micros, st.lists(st.integers(0, 10**9), max_size=12), st.randoms())
def test_a_day_pays_the_same_however_its_work_is_divided_and_ordered(
    curve: DailyCurve, earned: int, rewards: list[int], dice: Random
) -> None:
    whole = paid_micros(earned, sum(rewards), curve)
    assert sum(paid_each(earned, rewards, curve)) == whole
    dice.shuffle(rewards)
    assert sum(paid_each(earned, rewards, curve)) == whole


@given(curves(), micros, micros)
def test_the_multiplier_never_rises_and_has_no_jump(curve: DailyCurve, earned: int, more: int) -> None:
    here, there = multiplier(earned, curve), multiplier(earned + more, curve)
    steepest = (1 - curve.least_share + 1e-6) / (curve.least_from_micros - curve.full_until_micros)
    assert here - more * steepest - 1e-9 <= there <= here


@given(curves())
def test_the_multiplier_goes_from_one_to_the_least_share(curve: DailyCurve) -> None:
    assert multiplier(curve.full_until_micros, curve) == 1
    assert multiplier(curve.least_from_micros, curve) == pytest.approx(curve.least_share, abs=1e-6)
    assert multiplier(10 * curve.least_from_micros, curve) == multiplier(curve.least_from_micros, curve)


@given(curves(), micros)
def test_a_reward_of_nothing_pays_nothing_and_up_to_the_threshold_all_is_paid(curve: DailyCurve, earned: int) -> None:
    assert paid_micros(earned, 0, curve) == 0
    assert total_micros(min(earned, curve.full_until_micros), curve) == min(earned, curve.full_until_micros)


def test_a_day_begins_at_midnight_in_the_stated_zone() -> None:
    midnight = datetime(2026, 2, 28, 16, tzinfo=UTC)  # Shanghai is eight hours ahead
    day = day_of(micros_of(midnight), SHIPPED)
    assert day_of(micros_of(midnight) - 1, SHIPPED) == day - 1
    assert day_of(micros_of(midnight + timedelta(days=1)) - 1, SHIPPED) == day


def test_days_of_23_and_25_hours_are_days() -> None:
    berlin = SHIPPED.model_copy(update={"time_zone": "Europe/Berlin"})
    for month, day, hours in ((3, 29, 23), (10, 25, 25), (7, 1, 24)):
        number = date(2026, month, day).toordinal()
        begins = micros_of(datetime(2026, month, day, tzinfo=ZoneInfo("Europe/Berlin")))
        ends = begins + hours * HOUR
        days = [day_of(instant, berlin) for instant in (begins - 1, begins, ends - 1, ends)]
        assert days == [number - 1, number, number, number + 1]


def test_the_offer_says_the_rule_and_what_this_task_pays() -> None:
    rule = said(0, 5_000_000, "CNY", SHIPPED)
    for words in (
        "50.00 CNY",
        "25%",
        "200.00 CNY",
        "Asia/Shanghai",
        "all accounts of one person",
        "settled when money is withdrawn",
    ):
        assert words in rule
    assert said(200_000_000, 5_000_000, "CNY", SHIPPED) == (
        f"{rule} You have begun tasks worth 200.00 CNY today: begun now, this one pays 1.25 CNY of 5.00 CNY."
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"least_from_micros": 50_000_000}, "full_until_micros"),
        ({"time_zone": "Asia/Atlantis"}, "time_zone"),
        ({"least_share": 0.0}, "least_share"),
        ({"full_until_micros": 0}, "full_until_micros"),
    ],
)
def test_a_curve_that_would_jump_fall_or_have_no_day_is_refused(changed: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        DailyCurve.model_validate(SHIPPED.model_dump() | changed)
