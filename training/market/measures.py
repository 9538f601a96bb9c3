"""How well a policy did: earnings over the bound, and whether large campaigns were delivered, and evenly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.market.bound import Bound
from training.market.trade import Traded
from training.market.world import HOUR, Market

LARGE: Final = 10_000
"""Completions from which on a campaign is held to its plan."""
SCARCE: Final = 0.02
"""Demand suffices for a campaign whose budget has at least this price in hindsight: more of it would be worth it."""


@dataclass(frozen=True)
class Paced:
    """A large campaign for which demand suffices: how far from its plan, and how short of its budget."""

    campaign_id: str
    error: float
    under_delivery: float


@dataclass(frozen=True)
class Measured:
    """One run. Amounts in units of the currency, if not in micros."""

    value_over_bound: float
    overspend_micros: int
    margin_breaches: int
    floor_breaches: int
    paced: tuple[Paced, ...]
    earned: float
    bound: float
    rewards: float
    offers: int
    completions: int


def measured(market: Market, bound: Bound, traded: Traded) -> Measured:
    """All figures of one run."""
    return Measured(
        value_over_bound=traded.earned_micros / 1e6 / bound.value,
        overspend_micros=traded.book.overspent_micros(),
        margin_breaches=traded.margin_breaches,
        floor_breaches=traded.floor_breaches,
        paced=tuple(_paced(market, traded, at) for at in _held_to_plan(market, bound)),
        earned=traded.earned_micros / 1e6,
        bound=bound.value,
        rewards=traded.book.settled[-1] / 1e6,
        offers=traded.offers,
        completions=traded.completions,
    )


def rmse(errors: Sequence[float]) -> float | None:
    """Root of the mean square; None of nothing."""
    return float(np.sqrt(np.mean(np.square(errors)))) if errors else None


def pacing_error(market: Market, traded: Traded, at: int) -> float:
    """Root mean square, over the hours of its window, of the share of the budget that is spent less the share of the
    window's visits that came: a budget spread evenly over those who come.
    """
    campaign = market.campaigns[at]
    ends = np.arange(1, len(traded.spent) + 1) * HOUR
    came = np.searchsorted(market.visits.at, np.clip(ends, campaign.starts_at, campaign.ends_at))
    first, last = np.searchsorted(market.visits.at, [campaign.starts_at, campaign.ends_at])
    planned = (came - first) / max(last - first, 1)
    spent = np.array([hour[at] for hour in traded.spent]) / campaign.budget_micros
    inside = (ends > campaign.starts_at) & (ends <= campaign.ends_at)
    return float(np.sqrt(np.mean((spent - planned)[inside] ** 2)))


def _paced(market: Market, traded: Traded, at: int) -> Paced:
    campaign = market.campaigns[at]
    short = 1 - traded.book.settled[at] / campaign.budget_micros
    return Paced(campaign.campaign_id, pacing_error(market, traded, at), short)


def _held_to_plan(market: Market, bound: Bound) -> list[int]:
    return [
        at
        for at, one in enumerate(market.campaigns)
        if one.budget_micros >= LARGE * one.value_micros and bound.prices[at] >= SCARCE
    ]
