"""The hindsight bound is the linear programme's optimum, with a memory or without, and no policy earns more."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import lil_matrix

from training.market.bound import bound_of, spending, terms_of
from training.market.days import days_of
from training.market.families import Fatigue, LogitJump, Probit, TargetEarners
from training.market.protocol import Floats
from training.market.world import DAY, Market, Setting, Visits, found

LADDER = (50_000, 100_000, 200_000, 500_000, 1_000_000)
SETTING = Setting(LADDER, 0.3, people=400, days=2, completions_large_min=60, campaigns_large=3, campaigns_small=2)


def optimum(market: Market) -> float:
    """The same by scipy: visits of people without a memory are taken by (cell, campaign, level)."""
    cells, terms = terms_of(market)
    visits = np.bincount(cells, minlength=len(terms.segments))
    taken = [
        (cell, campaign, level)
        for cell, campaign, level in product(range(len(visits)), range(len(terms.values)), range(len(LADDER)))
        if terms.open[cell, campaign] and terms.allowed[campaign, level]
    ]
    rows = lil_matrix((len(visits) + len(terms.budgets), len(taken)))
    gain = np.zeros(len(taken))
    for at, (cell, campaign, level) in enumerate(taken):
        chance = market.people.chances[terms.kinds[campaign], terms.segments[cell], 0, level]
        gain[at] = chance * (terms.values[campaign] - terms.rewards[level])
        rows[cell, at] = 1
        rows[len(visits) + campaign, at] = chance * terms.values[campaign]
        rows[len(visits) + len(terms.values), at] = chance * terms.rewards[level]
    found_at = linprog(-gain, rows.tocsr(), np.concatenate([visits, terms.budgets]), method="highs")
    return float(-found_at.fun)


@pytest.mark.parametrize("make", [LogitJump, Probit])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_memory_it_is_the_optimum_of_the_linear_programme(make: type[LogitJump], seed: int) -> None:
    market = found(SETTING, make, seed)
    assert bound_of(market).value == pytest.approx(optimum(market), rel=2e-5)
    assert bound_of(market).value >= optimum(market) * (1 - 1e-9)


def one_day(make: type[LogitJump], budgets: float, seed: int = 3) -> Market:
    """Twelve people of one audience, some visits each, on one day, and budgets that bind."""
    market = found(replace(SETTING, people=12, days=1), make, seed)
    rng = np.random.default_rng(seed)
    person = np.sort(rng.integers(0, 12, 30))
    at = rng.integers(0, DAY, 30)
    order = np.argsort(at)
    zeros = np.zeros(30, dtype=np.int64)
    visits = Visits(at[order], person[order], person[order] % 3, zeros)
    campaigns = tuple(
        replace(one, budget_micros=int(budgets * one.value_micros), starts_at=0, ends_at=DAY, reach=(True,) * 4)
        for one in market.campaigns[1:3]
    )
    return replace(market, visits=visits, campaigns=campaigns, platform_micros=int(1e6))


def occupancy_optimum(market: Market) -> float:
    """The linear programme over how often each person is in each state at each visit and what is offered then."""
    cells, terms = terms_of(market)
    people, states = market.people, market.people.states
    actions = [
        (campaign, level)
        for campaign, level in product(range(len(terms.values)), range(len(LADDER)))
        if terms.allowed[campaign, level]
    ]
    width = len(actions) + 1  # the last is no offer
    spot = lambda visit, state, action: (visit * states + state) * width + action  # noqa: E731  # an index, said once
    size = len(cells) * states * width
    gain, spent = np.zeros(size), np.zeros((len(terms.budgets), size))
    equal, right = lil_matrix((len(cells) * states, size)), np.zeros(len(cells) * states)
    for sequence in by_person(market):
        right[sequence[0] * states + market.begins[market.visits.person[sequence[0]]]] = 1
    following = {early: late for sequence in by_person(market) for early, late in pairwise(sequence)}
    for visit, state, action in product(range(len(cells)), range(states), range(width)):
        here = spot(visit, state, action)
        equal[visit * states + state, here] += 1
        ends = [(state, 1.0)]
        if action < len(actions):
            campaign, level = actions[action]
            chance = people.chances[terms.kinds[campaign], terms.segments[cells[visit]], state, level]
            gain[here] = chance * (terms.values[campaign] - terms.rewards[level])
            spent[campaign, here] = chance * terms.values[campaign]
            spent[-1, here] = chance * terms.rewards[level]
            ends = [(people.following[state, level, 1], chance), (people.following[state, level, 0], 1 - chance)]
        for end, share in ends if visit in following else []:
            equal[following[visit] * states + end, here] -= share
    solved = linprog(-gain, spent, terms.budgets, equal.tocsr(), right, method="highs")
    return float(-solved.fun)


def by_person(market: Market) -> list[Sequence[int]]:
    return [np.flatnonzero(market.visits.person == person).tolist() for person in np.unique(market.visits.person)]


@pytest.mark.parametrize("make", [TargetEarners, Fatigue])
@pytest.mark.parametrize("budgets", [0.8, 2.5, 50.0])
def test_with_a_memory_it_is_the_optimum_over_all_ways_through_the_day(make: type[LogitJump], budgets: float) -> None:
    market = one_day(make, budgets)
    assert bound_of(market).value == pytest.approx(occupancy_optimum(market), rel=5e-5)


@pytest.mark.parametrize("make", [LogitJump, TargetEarners])
def test_every_price_gives_a_bound_and_its_slope_is_what_is_left(make: type[LogitJump]) -> None:
    market = found(SETTING, make, 4)
    cells, terms = terms_of(market)
    days = days_of(market, cells)

    def dual(prices: Floats) -> float:
        return spending(market, terms, days, prices)[0] + float(prices @ terms.budgets)

    least, rng = bound_of(market), np.random.default_rng(0)
    for _ in range(20):
        prices = rng.uniform(0, 0.9, len(terms.budgets))
        assert dual(prices) >= least.value * (1 - 1e-9)
        value, spent = spending(market, terms, days, prices)
        other = rng.uniform(0, 0.9, len(terms.budgets))
        assert dual(other) >= value + prices @ terms.budgets + (terms.budgets - spent) @ (other - prices) - 1e-6


def test_more_of_a_budget_is_worth_its_price() -> None:
    market = found(SETTING, LogitJump, 5)
    bound = bound_of(market)
    at = int(np.argmax(bound.prices[:-1]))
    one = market.campaigns[at]
    richer = replace(one, budget_micros=one.budget_micros + one.value_micros)
    campaigns = tuple(richer if each is one else each for each in market.campaigns)
    gained = bound_of(replace(market, campaigns=campaigns)).value - bound.value
    assert 0 < gained <= bound.prices[at] * one.value_micros / 1e6 * 1.01 + 1e-3
