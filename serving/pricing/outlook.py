"""When each budget will be spent: the last visits, played again over the time that is known.

Campaigns are ordered before they begin: it is known when a visit will have more takers than now, and when fewer. A
budget that is spread evenly over its window pays dearly where it is crowded; in hindsight it would have one price all
the time, and spend more where there is room. This finds such prices by a softened auction, each visit of the sample
taking one offer (one past sample is enough for a spend plan: Balseiro et al., ICML 2023), and tells of each stretch of
time how much of a budget its traffic takes, against the traffic of now. Errors of the forecast are errors of a plan
only: what is spent is bounded by the ledger, and the pacer corrects a pressure whatever was foreseen.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp
from typing import Any, Final, NamedTuple

import numpy as np

from serving.policy import HOUR, Policy
from serving.pricing.arrays import Floats, Integers, Truths
from serving.pricing.guardrails import Reading, allowed, ceiling_micros
from serving.pricing.pacing import LANDING, PRESSURE_MAX, Traffic

VISITS: Final = 96
"""So many of the last visits stand for those to come."""
CANDIDATES_MAX: Final = 24
"""Of a visit so many are played again; a budget that is in none of them is spread evenly."""
STRETCHES_MAX: Final = 16
ROUNDS: Final = 60
STEP: Final = 0.6
SOFT: Final = 0.05
"""An offer that is worth less than the best by this share of it is taken e times more rarely: what is nearly as good is
no matter of all or nothing, and a forecast is not that exact.
"""
RATIO_MAX: Final = 4.0
"""A stretch counts for so many times the present one at most, and for one so many-th of it at least."""

ChancesOf = Callable[[Reading], Sequence[float] | None]
Stretch = tuple[int, int, float]
"""From when, until when, and how much of a budget its traffic takes, against the traffic of now."""


class Known(NamedTuple):
    """A campaign's budget that is known of. `kind`: of its tasks; blank where nobody said it, and then a campaign that
    has not begun is not foreseen.
    """

    left: float
    starts_at: int
    ends_at: int
    currency: str
    kind: str


@dataclass(frozen=True)
class _Options:
    """What can be offered. By option: whose budget it spends, its value, its chance by level (0 where that is not
    allowed); what a reward costs, by level; by visit its options, -1 where it has no more.
    """

    budget: Integers
    value: Floats
    chance: Floats
    cost: Floats
    visits: Integers


class Outlook:
    """Keeps the last visits, and what follows from them; `look` says it anew."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._visits: deque[tuple[Reading, ...]] = deque(maxlen=VISITS)
        self._stretches: dict[str, tuple[Stretch, ...]] = {}
        self._looked: tuple[int, tuple[str, ...]] = -1, ()
        self._ticked_at: int | None = None
        self._asked = self._seen_asks = self._seen_traffic = 0.0

    def saw(self, readings: Iterable[Reading]) -> None:
        """A visit, and what could be offered to it."""
        self._asked += 1
        if found := tuple(reading for reading, _ in zip(readings, range(CANDIDATES_MAX), strict=False)):
            self._visits.append(found)

    def ahead(self, name: str, now: int, ends_at: int, traffic: Traffic) -> float | None:
        """The traffic that a budget still meets before its landing, in traffic such as now's; None if all is alike."""
        if name not in self._stretches:
            return None
        return sum(
            ratio * traffic.between(max(begin, now), min(end, ends_at - LANDING))
            for begin, end, ratio in self._stretches[name]
        )

    def look(
        self, now: int, known: Mapping[str, Known], chances_of: ChancesOf, pressure: float, traffic: Traffic
    ) -> dict[str, float]:
        """Forecast anew, once an hour and whenever a campaign begins or ends: the steady pressure of every budget that
        runs, or nothing if there is nothing new. `pressure` is the reward budget's.
        """
        self._count(now, traffic)
        running = tuple(sorted(name for name, one in known.items() if one.starts_at <= now < one.ends_at))
        if self._looked == (now // HOUR, running) or not self._seen_traffic or not self._visits:
            return {}
        self._looked = now // HOUR, running
        names = sorted(name for name, one in known.items() if one.ends_at > now and one.left > 0)
        options = self._options(names, known, chances_of, pressure, now)
        if options is None:
            return {}
        edges = _edges(now, [known[name] for name in names])
        rate = self._seen_asks / self._seen_traffic / len(options.visits)
        weights = np.array([rate * traffic.between(*pair) for pair in pairwise(edges)])
        runs = np.array([[known[name].starts_at <= at < known[name].ends_at for name in names] for at in edges[:-1]])
        steady, spent = _balanced(options, weights, runs, np.array([known[name].left for name in names]))
        running_places = [at for at, name in enumerate(names) if name in running]
        self._stretches = {names[at]: _told(edges, runs[:, at], spent[:, at]) for at in running_places}
        return {names[at]: float(steady[at]) for at in running_places}

    def dump(self) -> dict[str, Any]:
        """All that is kept in mind, as JSON knows it; `restore` is the inverse."""
        return {
            "visits": [[list(reading) for reading in visit] for visit in self._visits],
            "stretches": {name: [list(one) for one in told] for name, told in sorted(self._stretches.items())},
            "looked": [self._looked[0], list(self._looked[1])],
            "rate": [self._ticked_at, self._asked, self._seen_asks, self._seen_traffic],
        }

    def restore(self, kept: Mapping[str, Any]) -> None:
        self._visits.extend(tuple(Reading(*one) for one in visit) for visit in kept["visits"])
        self._stretches = {
            name: tuple((begin, end, ratio) for begin, end, ratio in told) for name, told in kept["stretches"].items()
        }
        self._looked = kept["looked"][0], tuple(kept["looked"][1])
        self._ticked_at, self._asked, self._seen_asks, self._seen_traffic = kept["rate"]

    def _count(self, now: int, traffic: Traffic) -> None:
        """How many visits a weekday of traffic brings, by those of about the last one."""
        came = 0.0 if self._ticked_at is None else traffic.between(self._ticked_at, now)
        fade = max(1 - came, 0.0)
        self._seen_asks, self._seen_traffic = (self._seen_asks + self._asked) * fade, (self._seen_traffic + came) * fade
        self._ticked_at, self._asked = now, 0.0

    def _options(
        self, names: Sequence[str], known: Mapping[str, Known], chances_of: ChancesOf, pressure: float, now: int
    ) -> _Options | None:
        """None where the last visits had nothing that spends a known budget."""
        usual = _usual(self._visits)
        coming = [name for name in names if known[name].starts_at > now and known[name].kind in usual]
        rows: dict[Reading, int] = {}
        visits = []
        for visit in self._visits:
            met = [one for one in visit if one.campaign_id in known and known[one.campaign_id].ends_at > now]
            met += [_foreseen(name, known[name], visit[0], usual[known[name].kind]) for name in coming]
            visits.append([rows.setdefault(one, len(rows)) for one in met if one.campaign_id in names])
        if not rows:
            return None
        ladder = np.array(self._policy.reward.ladder_micros, dtype=np.float64)
        table = np.full((len(visits), max(map(len, visits))), -1)
        for at, found in enumerate(visits):
            table[at, : len(found)] = found
        return _Options(
            budget=np.array([names.index(one.campaign_id) for one in rows]),
            value=np.array([one.value_micros * one.quality for one in rows]),
            chance=np.array([self._chance(one, chances_of) for one in rows]),
            cost=ladder * exp(pressure),
            visits=table,
        )

    def _chance(self, reading: Reading, chances_of: ChancesOf) -> list[float]:
        found, ladder = chances_of(reading), self._policy.reward.ladder_micros
        ceiling = ceiling_micros(reading.value_micros, reading.quality_low, self._policy)
        inside = allowed(ladder, reading.floor_micros, ceiling, self._policy)
        return [found[at] if found is not None and at in inside else 0.0 for at in range(len(ladder))]


def _foreseen(name: str, known: Known, visitor: Reading, usual: tuple[int, float]) -> Reading:
    """What a campaign that has not begun may offer to a visitor, by what tasks of its kind are usually worth."""
    value, quality = usual
    return Reading(name, known.kind, visitor.segment, value, known.currency, quality, quality, 0)


def _usual(visits: Iterable[tuple[Reading, ...]]) -> dict[str, tuple[int, float]]:
    """By kind, the mean value in micros and the mean quality of what was there to offer."""
    sums: dict[str, tuple[int, int, float]] = {}
    for one in (reading for visit in visits for reading in visit):
        count, value, quality = sums.get(one.kind, (0, 0, 0.0))
        sums[one.kind] = count + 1, value + one.value_micros, quality + one.quality
    return {kind: (value // count, quality / count) for kind, (count, value, quality) in sums.items()}


def _edges(now: int, known: Sequence[Known]) -> list[int]:
    """Where stretches begin and end: now, and whenever a campaign does; of too many, evenly chosen ones."""
    edges = sorted({now, *(at for one in known for at in (one.starts_at, one.ends_at) if at > now)})
    if len(edges) <= STRETCHES_MAX + 1:
        return edges
    return [edges[at] for at in np.linspace(0, len(edges) - 1, STRETCHES_MAX + 1).round().astype(int)]


def _told(edges: Sequence[int], runs: Truths, spent: Floats) -> tuple[Stretch, ...]:
    """Of a budget that runs in the first stretch."""
    ratios = np.clip(spent / spent[0], 1 / RATIO_MAX, RATIO_MAX) if spent[0] > 0 else np.ones(len(spent))
    told = zip(pairwise(edges), ratios.tolist(), runs.tolist(), strict=True)
    return tuple((begin, end, ratio) for (begin, end), ratio, is_running in told if is_running)


def _balanced(options: _Options, weights: Floats, runs: Truths, left: Floats) -> tuple[Floats, Floats]:
    """The steady pressures under which no budget is overspent, and what a visit of each stretch then spends of each.

    `weights`: visits of a stretch for each of the sample; `runs` is (stretch, budget). Pressures move against the
    logarithm of what is spent over what is there, and the later half of their moves is averaged.
    """
    pressure, total = np.zeros(len(left)), np.zeros(len(left))
    for turn in range(ROUNDS):
        gap = np.log(np.maximum(weights @ _spent(options, runs, pressure), 1e-9) / left)
        pressure = np.clip(pressure + STEP / (1 + turn / 10) * np.clip(gap, -1, 1), 0, PRESSURE_MAX)
        total += pressure * (turn >= ROUNDS // 2)
    steady = total / (ROUNDS - ROUNDS // 2)
    return steady, _spent(options, runs, steady)


def _spent(options: _Options, runs: Truths, pressure: Floats) -> Floats:
    """(stretch, budget): what the visits of the sample spend, each taking one option, or none, by their worth."""
    kept = options.value * np.exp(-pressure[options.budget])
    worths = options.chance * (kept[:, None] - options.cost)
    best = worths.argmax(axis=1)
    at = np.arange(len(best))
    worth, spends = worths[at, best], options.chance[at, best] * options.value
    whose = options.budget[options.visits]
    there = (options.visits >= 0) & runs[:, whose]
    offered = np.where(there, worth[options.visits], -np.inf)
    top = np.maximum(offered.max(axis=2, keepdims=True), 0.0)
    scale = SOFT * np.maximum(top, 1.0)
    taken = np.exp((offered - top) / scale)
    taken /= taken.sum(axis=2, keepdims=True) + np.exp(-top / scale)
    amounts = taken * spends[options.visits]
    flat = whose.ravel()
    return np.array([np.bincount(flat, one.ravel(), len(pressure)) for one in amounts])
