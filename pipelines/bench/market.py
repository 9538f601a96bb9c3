"""Prices in a market: what the desk that serves earns of what could have been earned in hindsight."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random
from statistics import mean, median
from time import process_time
from typing import Any, Final

import numpy as np

from pipelines.bench.market_desk import CURRENCY, Desked
from pipelines.console import BenchRow, progress, report
from serving.policy import DEFAULT, Policy, load_policy
from serving.pricing.desk import Asked, Budget, Desk
from training.estimates import Estimate
from training.market.bound import bound_of
from training.market.loading import SHIPPED, load_family
from training.market.measures import Measured, measured, rmse
from training.market.trade import trade
from training.market.world import Setting, found

VALUE_FLOOR, VALUE_AIM, SHOCK_FLOOR = 0.96, 0.985, 0.95
PACING_MAX, SHORT_MAX, QUOTE_MS_MAX = 0.03, 0.01, 10.0
RESAMPLES: Final = 2000
SEEDS_MAX: Final = 1000


@dataclass(frozen=True)
class Job:
    """One run: a family by its place, a seed, whether noon brings a shock, and the policy file."""

    family: str
    seed: int
    shock: bool
    policy: Path


def run(seed: int, seeds: int, family: str | None, policy: Path | None, *, shock: bool) -> None:
    """The families over the seeds from `seed` on, a table, and a JSON object."""
    if not 1 <= seeds <= SEEDS_MAX:
        raise ValueError(f"seeds must be between 1 and {SEEDS_MAX}")
    file = policy or DEFAULT
    names = [family] if family else list(SHIPPED)
    rules = load_policy(file)
    makers = [load_family(name) for name in names]  # what cannot be run is refused before the long part
    jobs = [Job(name, at, shock, file) for at in range(seed, seed + seeds) for name in names]
    done: dict[str, list[Measured]] = {make().name: [] for make in makers}
    called = dict(zip(names, done, strict=True))
    with progress("market", len(jobs)) as advance:
        for job, one in zip(jobs, _all(jobs), strict=True):
            done[called[job.family]].append(one)
            advance(1)
    _report(done, jobs[0], seeds, quote_ms(rules))


def tried(job: Job) -> Measured:
    """The desk that serves, in the market of a seed, against that market's bound."""
    policy = load_policy(job.policy)
    market = found(setting_of(policy, shock=job.shock), load_family(job.family), job.seed)
    return measured(market, bound_of(market), trade(market, Desked(market, policy, job.seed), job.seed))


def setting_of(policy: Policy, *, shock: bool) -> Setting:
    """A market in which the policy's ladder, margin and posted floor hold, for the bound as for the desk."""
    return Setting(policy.reward.ladder_micros, policy.reward.margin_min, policy.pricing.floor_micros, shock=shock)


def quote_ms(policy: Policy, candidates: int = 100, calls: int = 21) -> float:
    """Milliseconds of the processor to price so many candidates in one call, each time after a tick, when no price
    stands yet. Not by the clock on the wall, which also counts what else the machine does.
    """
    desk, dice = Desk(policy), Random(1)  # noqa: S311  # prices are drawn, no secrets
    asked = [
        Asked(f"c{at}", f"kind {at % 5}", "regular", 500_000 + 1_000 * at, CURRENCY, 0.95, 0.9, 0, 10**12)
        for at in range(candidates)
    ]
    budgets = {one.campaign_id: Budget(10**12, 0, 10**15, CURRENCY) for one in asked}
    times = []
    for call in range(calls + 1):
        desk.tick(call * 600_000_000, budgets)
        began = process_time()
        desk.quotes(asked, call * 600_000_000, dice)
        times.append(1000 * (process_time() - began))
    return median(times[1:])  # the first call also fits the prior's curve and loads what fits it


def _all(jobs: Sequence[Job]) -> Iterator[Measured]:
    """In the order of the jobs, on as many processors as there are."""
    processors = min(len(os.sched_getaffinity(0)), len(jobs))
    if processors == 1:
        yield from map(tried, jobs)
        return
    with ProcessPoolExecutor(processors, get_context("spawn")) as pool:
        yield from pool.map(tried, jobs)


def _report(done: dict[str, list[Measured]], job: Job, seeds: int, milliseconds: float) -> None:
    runs = [one for each in done.values() for one in each]
    value, paced = _interval([one.value_over_bound for one in runs]), [one for run in runs for one in run.paced]
    pacing, short = rmse([one.error for one in paced]), _mean([one.under_delivery for one in paced])
    figures: dict[str, Any] = {
        "value_over_bound": value.value,
        "overspend_micros": sum(one.overspend_micros for one in runs),
        "pacing_rmse": pacing,
        "margin_breaches": sum(one.margin_breaches for one in runs),
        "floor_breaches": sum(one.floor_breaches for one in runs),
        "under_delivery": short,
        "pacing_rmse_worst": max((one.error for one in paced), default=None),
        "under_delivery_worst": max((one.under_delivery for one in paced), default=None),
        "quote_ms": milliseconds,
        "interval": [value.low, value.high],
        "seed": job.seed,
        "seeds": seeds,
        "shock": job.shock,
        "families": {name: _figures(each) for name, each in done.items()},
    }
    floor, aim = (SHOCK_FLOOR, "") if job.shock else (VALUE_FLOOR, f", aim {VALUE_AIM:g}")
    rows = [
        BenchRow("value over the hindsight bound", f"{floor:g}{aim}", str(value), (value.value or 0) >= floor),
        *(BenchRow(f"... {name}", None, _described(each)) for name, each in done.items()),
        _at_most("overspent micros", 0, figures["overspend_micros"]),
        _at_most("rewards above the margin's ceiling", 0, figures["margin_breaches"]),
        _at_most("rewards below a floor", 0, figures["floor_breaches"]),
        _at_most(f"pacing error of {len(paced)} large campaigns, RMSE", PACING_MAX, pacing),
        _at_most("what they did not deliver, mean", SHORT_MAX, short),
        _at_most("100 candidates priced in one call, ms of the processor", QUOTE_MS_MAX, milliseconds),
    ]
    report(f"the market, {seeds} seeds from {job.seed}{', a shock at noon' if job.shock else ''}", rows, figures)


def _at_most(name: str, target: float, value: float | None) -> BenchRow:
    """None was measured nowhere: no campaign was large and scarce enough."""
    told = "-" if value is None else f"{value:.4g}"
    return BenchRow(name, f"at most {target:g}", told, None if value is None else value <= target)


def _figures(runs: Sequence[Measured]) -> dict[str, Any]:
    value = _interval([one.value_over_bound for one in runs])
    return {
        "value_over_bound": value.value,
        "interval": [value.low, value.high],
        "lowest": min(one.value_over_bound for one in runs),
        "pacing_rmse": rmse([one.error for each in runs for one in each.paced]),
        "under_delivery": _mean([one.under_delivery for each in runs for one in each.paced]),
        "runs": [asdict(one) for one in runs],
    }


def _described(runs: Sequence[Measured]) -> str:
    value = _interval([one.value_over_bound for one in runs])
    lowest = min(one.value_over_bound for one in runs)
    earned, rewards = sum(one.earned for one in runs), sum(one.rewards for one in runs)
    return f"{value}, lowest {lowest:.4f}; earned {earned:,.0f} after {rewards:,.0f} of rewards"


def _interval(values: Sequence[float]) -> Estimate:
    """The mean with its 95% bootstrap interval over runs; none for one run."""
    if len(values) < 2:
        return Estimate(mean(values))
    draws = np.random.default_rng(0).choice(np.array(values), (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return Estimate(mean(values), float(low), float(high))


def _mean(values: Sequence[float]) -> float | None:
    return mean(values) if values else None
