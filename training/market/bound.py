"""The most that any policy could have earned in a market, with the true response and the true arrivals known.

For prices of the budgets lambda >= 0 (one a campaign, one for the platform's rewards), charge a policy for what it
spends and give it back lambda * budget. No policy that keeps to its budgets loses by this, so the best for the charged
market is at least the best for the true one. Charged, nothing joins one person's day to another's, and each is a small
Markov decision process that is solved exactly, knowing how many visits the day still brings. Hence

    bound(lambda) = sum(lambda * budget) + sum over days of people of their best value under lambda

is above the expected earnings of every policy for *every* lambda: an inexact minimum is looser, never wrong. This is
the Lagrangian relaxation of weakly coupled decision processes (Adelman and Mersereau, Operations Research 56, 2008),
and for people without a memory the dual of the linear programme of a multiple-choice knapsack. Completions are random
also for whoever knows the response: a policy that foresaw them, too, would be no benchmark.
"""

from dataclasses import dataclass

import numpy as np

from training.market.days import Days, days_of, earned
from training.market.planes import minimised
from training.market.protocol import SEGMENTS, Floats, Integers
from training.market.world import AUDIENCES, Market


@dataclass(frozen=True)
class Bound:
    """In units of the currency; `prices` are lambda, of the campaigns in their order and then of the rewards."""

    value: float
    prices: Floats
    rounds: int


@dataclass(frozen=True)
class Terms:
    """What can be won: by campaign the `values` of a completion as expected, in units, by campaign and level whether it
    is `allowed`, by cell and campaign whether it is `open`. A cell is a segment with a set of open campaigns.
    """

    values: Floats
    kinds: Integers
    allowed: Floats
    rewards: Floats
    budgets: Floats
    segments: Integers
    open: Floats


def bound_of(market: Market) -> Bound:
    """The least bound that the search finds."""
    cells, terms = terms_of(market)
    days = days_of(market, cells)

    def dual(prices: Floats) -> tuple[float, Floats]:
        value, spent = spending(market, terms, days, prices)
        return value + float(prices @ terms.budgets), terms.budgets - spent

    # At a price of one a completion is worth nothing: no campaign's budget costs more.
    prices, value, rounds = minimised(dual, np.append(np.ones(len(terms.values)), PLATFORM_PRICE_MAX))
    return Bound(value, prices, rounds)


PLATFORM_PRICE_MAX = 8.0
"""Whoever valued a unit of reward at more than nine units of value would still get a bound, a looser one."""


def spending(market: Market, terms: Terms, days: Days, prices: Floats) -> tuple[float, Floats]:
    """What all days earn at most when spending is charged, and what that spends of each budget."""
    best, who = _best(terms, terms.values * (1 - prices[:-1]))
    won = (terms.segments, best, who, terms.rewards)
    value, completions, paid = earned(market.people, days, won, float(prices[-1]), len(terms.values))
    return value, np.append(completions * terms.values, paid)


def terms_of(market: Market) -> tuple[Integers, Terms]:
    """The cell of each visit, and what can be won in each."""
    sets, table = open_sets(market)
    used, sets = np.unique(sets, return_inverse=True)
    campaigns = market.campaigns
    terms = Terms(
        values=np.array([one.value_micros * one.quality for one in campaigns]) / 1e6,
        kinds=np.array([one.kind for one in campaigns]),
        allowed=allowed_levels(market),
        rewards=np.array(market.setting.ladder_micros) / 1e6,
        budgets=np.array([*(one.budget_micros for one in campaigns), market.platform_micros]) / 1e6,
        segments=np.tile(np.arange(len(SEGMENTS)), len(used)),
        open=np.repeat(table[used], len(SEGMENTS), axis=0),
    )
    return sets * len(SEGMENTS) + market.visits.segment, terms


def allowed_levels(market: Market) -> Floats:
    """1.0 where a reward of the ladder keeps a campaign's floor and the platform's margin: (campaign, level)."""
    ladder = np.array(market.setting.ladder_micros)
    low = np.array([market.floor_micros(one) for one in market.campaigns])
    high = np.array([market.ceiling_micros(one) for one in market.campaigns])
    return ((ladder >= low[:, None]) & (ladder <= high[:, None])).astype(np.float64)


def open_sets(market: Market) -> tuple[Integers, Floats]:
    """For each visit which set of campaigns it could be offered, and the sets: (set, campaign), 1.0 where open."""
    edges = np.unique([0, *(edge for one in market.campaigns for edge in (one.starts_at, one.ends_at))])
    epochs = np.searchsorted(edges, market.visits.at, side="right") - 1
    table = [
        [one.starts_at <= edge < one.ends_at and one.reach[audience] for one in market.campaigns]
        for edge in edges
        for audience in range(AUDIENCES)
    ]
    return epochs * AUDIENCES + market.visits.audience, np.array(table, dtype=np.float64)


def _best(terms: Terms, net: Floats) -> tuple[Floats, Integers]:
    """By cell, kind and level: the most that an open campaign gives for a completion, -inf without one, and which."""
    kinds = int(terms.kinds.max()) + 1
    best = np.full((*terms.open.shape[:1], kinds, terms.allowed.shape[1]), -np.inf)
    who = np.zeros(best.shape, dtype=np.int64)
    for at, kind in enumerate(terms.kinds):
        offered = np.where(np.outer(terms.open[:, at], terms.allowed[at]) > 0, net[at], -np.inf)
        better = offered > best[:, kind]
        who[:, kind][better] = at
        best[:, kind][better] = offered[better]
    return best, who
