"""A market before anybody prices it: who comes when, which campaigns are open, and how people would answer."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from training.market.protocol import KINDS, SEGMENTS, Family, Floats, Integers, People, begun, tabled
from training.simulator.rhythm import WEEKDAY, WEEKEND, WEEKEND_LEVEL

HOUR: Final = 3_600_000_000
DAY: Final = 24 * HOUR
AUDIENCES: Final = 4
"""Groups of people (by country and device) that a campaign reaches wholly or not at all."""
SEGMENT_SHARES: Final = (0.3, 0.45, 0.25)
VALUES: Final = (0.35, 0.9, 2.0, 4.5)
"""The median value of a valid completion of each kind, in units of the currency."""
SHOCK_DAY: Final = 3
SHOCK_HOURS: Final = (12, 16)


@dataclass(frozen=True)
class Setting:
    """How large a market is, and what the platform keeps. `shock` adds visitors and an unforeseen campaign at noon."""

    ladder_micros: tuple[int, ...]
    margin_min: float
    floor_micros: int = 0
    people: int = 9_000
    visits_per_day: float = 3.0
    days: int = 7
    campaigns_large: int = 4
    campaigns_small: int = 5
    completions_large_min: int = 10_500
    shock: bool = False

    def __post_init__(self) -> None:
        if not (self.people >= 10 and self.days >= 1 and self.campaigns_large + self.campaigns_small >= 1):
            raise ValueError("people must be at least 10, days and campaigns at least 1")


@dataclass(frozen=True)
class Campaign:
    """`kind` is a place in KINDS, `reach` says which audiences it reaches; `quality_low` is what is believed at least
    of `quality`, the share of completions that are valid. Open from `starts_at` until before `ends_at`, microseconds.
    `is_ordered`: since before the market began, budget, window and kind can be known; otherwise it comes as a surprise.
    """

    campaign_id: str
    kind: int
    value_micros: int
    quality: float
    quality_low: float
    budget_micros: int
    floor_micros: int
    starts_at: int
    ends_at: int
    reach: tuple[bool, ...]
    is_ordered: bool = True


@dataclass(frozen=True)
class Visits:
    """One entry a visit, by time: `at` in microseconds since the Monday on which the market begins."""

    at: Integers
    person: Integers
    segment: Integers
    audience: Integers


@dataclass(frozen=True)
class Market:
    """Everything that is true. `begins` is the state in which each person's days begin."""

    setting: Setting
    campaigns: tuple[Campaign, ...]
    visits: Visits
    people: People
    begins: Integers
    platform_micros: int

    @property
    def ends_at(self) -> int:
        return self.setting.days * DAY

    def floor_micros(self, campaign: Campaign) -> int:
        """The least reward that may be offered for it: the one it posts, or the platform's."""
        return max(campaign.floor_micros, self.setting.floor_micros)

    def ceiling_micros(self, campaign: Campaign) -> int:
        """The largest reward that leaves the margin on the least that a completion is believed to be worth."""
        kept = (1 - Decimal(str(self.setting.margin_min))) * Decimal(str(campaign.quality_low))
        return int(campaign.value_micros * kept)


def found(setting: Setting, make: Callable[[], Family], seed: int) -> Market:
    """The market of a seed: the same visits and campaigns whatever the family, as far as chance allows."""
    draws = [np.random.default_rng([seed, part]) for part in range(4)]
    family = make()
    family.draw(draws[0])
    people = tabled(family, setting.ladder_micros)
    begins = begun(family, draws[1], setting.people)
    visits = _visits(setting, draws[2])
    campaigns = _campaigns(setting, draws[3], len(visits.at))
    share = draws[3].uniform(0.08, 0.25)
    platform = int(share * sum(one.budget_micros for one in campaigns))
    return Market(setting, campaigns, visits, people, begins, platform)


def hour_weights(day: int) -> Floats:
    """Traffic of each hour of a day, a whole weekday being 1. The market begins on a Monday."""
    weekend = day % 7 >= 5
    shape = np.array(WEEKEND if weekend else WEEKDAY, dtype=np.float64)
    weights: Floats = shape / shape.sum() * (WEEKEND_LEVEL if weekend else 1.0)
    return weights


def _visits(setting: Setting, rng: np.random.Generator) -> Visits:
    people = setting.people
    habits = rng.gamma(1.5, 1 / 1.5, people) + 0.1
    segment = rng.choice(len(SEGMENTS), people, p=SEGMENT_SHARES)
    audience = rng.integers(0, AUDIENCES, people)
    times, persons = [], []
    for day in range(setting.days):
        weights = hour_weights(day)
        if setting.shock and day == SHOCK_DAY:
            weights[slice(*SHOCK_HOURS)] *= 1.8
        count = rng.poisson(people * setting.visits_per_day * weights.sum())
        hours = rng.choice(24, count, p=weights / weights.sum())
        times.append(day * DAY + hours * HOUR + rng.integers(0, HOUR, count))
        persons.append(rng.choice(people, count, p=habits / habits.sum()))
    at, person = np.concatenate(times), np.concatenate(persons)
    order = np.argsort(at, kind="stable")
    at, person = at[order], person[order]
    return Visits(at, person, segment[person], audience[person])


def _campaigns(setting: Setting, rng: np.random.Generator, visits: int) -> tuple[Campaign, ...]:
    """The large ones run all week, with budgets for the least number of completions or more; the small some days."""
    week = setting.days * DAY
    made = []
    for at in range(setting.campaigns_large):
        completions = rng.uniform(1.0, 1.45) * setting.completions_large_min
        made.append(_campaign(rng, f"large-{at}", at % len(KINDS), completions, (0, week)))
    for at in range(setting.campaigns_small):
        starts = int(rng.integers(0, max(setting.days * 24 - 36, 1))) * HOUR
        ends = min(starts + int(rng.integers(24, 73)) * HOUR, week)
        completions = rng.uniform(0.15, 1.0) * 0.02 * visits
        made.append(_campaign(rng, f"small-{at}", int(rng.integers(0, len(KINDS))), completions, (starts, ends)))
    if setting.shock:
        noon = SHOCK_DAY * DAY + 12 * HOUR
        sudden = _campaign(rng, "sudden", 1, 0.03 * visits, (noon, noon + 8 * HOUR), premium=1.6)
        made.append(replace(sudden, is_ordered=False))
    return tuple(made)


def _campaign(
    rng: np.random.Generator,
    name: str,
    kind: int,
    completions: float,
    window: tuple[int, int],
    premium: float = 1.0,
) -> Campaign:
    value = int(VALUES[kind] * premium * rng.lognormal(0, 0.25) * 1e6)
    quality = rng.uniform(0.85, 1.0)
    reach = rng.random(AUDIENCES) < 0.8
    reach[rng.integers(0, AUDIENCES)] = True
    floor = int(rng.choice([0, 0, 0.03, 0.06]) * value)
    low = quality - rng.uniform(0, 0.03)
    budget = int(completions) * value
    return Campaign(name, kind, value, quality, low, budget, floor, *window, tuple(bool(one) for one in reach))
