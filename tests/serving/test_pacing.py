"""The price of a budget: it finds the pressure at which a budget lasts exactly as long as its window."""

from math import exp

import pytest

from serving.policy import HOUR, load_policy
from serving.pricing.pacing import LANDING, PRESSURE_MAX, URGENCY, Pacer, Traffic

PRICING = load_policy().pricing
TRAFFIC = Traffic(PRICING.traffic_by_hour, PRICING.weekend_level, PRICING.utc_offset_hours)
MONDAY = 4 * 24 * HOUR - PRICING.utc_offset_hours * HOUR
DAY = 24 * HOUR
UNIT = 1000.0


def test_a_weekday_is_one_and_a_weekend_day_less() -> None:
    days = [TRAFFIC.between(MONDAY + day * DAY, MONDAY + (day + 1) * DAY) for day in range(14)]
    assert days == pytest.approx(([1.0] * 5 + [PRICING.weekend_level] * 2) * 2)
    assert TRAFFIC.between(MONDAY + DAY, MONDAY) == 0
    noon, night = (TRAFFIC.between(MONDAY + at * HOUR, MONDAY + (at + 1) * HOUR) for at in (12, 3))
    assert noon > 5 * night


def run(budget: float, rush: float = 1.0, days: int = 5) -> tuple[Pacer, list[float]]:
    """A campaign asked for by 20,000 visits a weekday; an offer spends UNIT with a chance that falls with pressure."""
    pacer, left, spent = Pacer(MONDAY, MONDAY + days * DAY), budget, []
    for tick in range(days * 144):
        now = MONDAY + tick * HOUR // 6
        pacer.tick(now, left, TRAFFIC)
        visits = 20_000 * TRAFFIC.between(now, now + HOUR // 6) * (rush if 360 <= tick < 384 else 1.0)
        chance = 0.5 * exp(-2 * pacer.pressure) if pacer.pressure < 3 else 0.0
        pacer.asked += visits
        expected = min(visits * chance * UNIT, left)
        pacer.spend(expected / UNIT, UNIT)
        pacer.settle(expected)
        left -= expected
        spent.append(budget - left)
    return pacer, spent


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_a_budget_lasts_as_long_as_its_window_and_is_spent(share: float) -> None:
    budget = share * 0.5 * 100_000 * UNIT
    _, spent = run(budget)
    assert spent[-1] >= 0.99 * budget
    at_half = spent[360 + 78] / budget  # three days and thirteen hours of five
    assert at_half == pytest.approx(TRAFFIC.between(MONDAY, MONDAY + (360 + 78) * HOUR // 6) / 5, abs=0.05)


def test_a_rush_spends_what_a_rush_may_and_the_rest_lasts() -> None:
    budget = 0.3 * 0.5 * 100_000 * UNIT
    _, spent = run(budget, rush=3.0)
    assert spent[-1] >= 0.99 * budget
    assert spent[-60] < 0.99 * budget


def test_a_budget_that_demand_cannot_spend_costs_nothing_until_its_end_nears() -> None:
    pacer, _ = run(10 * 0.5 * 100_000 * UNIT)
    assert pacer.pressure == pytest.approx(-URGENCY, abs=0.02)


def test_an_empty_budget_presses_as_hard_as_may_be() -> None:
    pacer = Pacer(MONDAY, MONDAY + DAY)
    for tick in range(1, 140):
        pacer.asked += 100
        pacer.spend(10.0, UNIT)
        pacer.tick(MONDAY + tick * HOUR // 6, 0.0, TRAFFIC)
    assert 1.0 < pacer.pressure <= PRESSURE_MAX


def test_a_small_budget_waits_until_there_is_enough_to_judge_by() -> None:
    pacer = Pacer(MONDAY, MONDAY + 5 * DAY)
    for tick in range(1, 60):
        pacer.asked += 50
        pacer.spend(0.01, UNIT)
        pacer.tick(MONDAY + tick * HOUR // 6, 20 * UNIT, TRAFFIC)
    assert pacer.judgements == 0


def test_nothing_is_planned_for_the_landing() -> None:
    pacer = Pacer(MONDAY, MONDAY + DAY, pressure=1.0, judged_at=MONDAY + DAY - LANDING - HOUR)
    pacer.asked = 10
    pacer.spend(0.1, UNIT)
    pacer.tick(MONDAY + DAY - LANDING, 50 * UNIT, TRAFFIC)
    assert pacer.pressure < 1.0
