"""Waits of rewards, fitted on the past and judged on later rewards, against the best fixed windows of hindsight."""

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl

from features.log import Log
from pipelines.console import BenchRow, progress, report
from serving.policy import HOUR, load_policy
from training.holds.judge import Cost, Judged, costs, judged
from training.holds.rewards import DAY, Floats, Rewards, Truths
from training.holds.settings import Settings, load_settings
from training.holds.table import WaitTable
from training.simulator.simulate import Scenario, simulate

REDUCTION_MIN: Final = 0.30
START: Final = date(2026, 1, 1)
_TEST_SHARE, _LAST_SHARE = 0.55, 0.70
"""Of the days: from where on rewards are judged, and up to where, so that their reversals are in the log."""
_WAITING: Final = (0.25, 0.5, 1.0, 2.0)
"""Multiples of the price of waiting at which the table is shown, too."""


@dataclass(frozen=True)
class Trial:
    """Rewards that came after the fit, who of them is honest, and the wait that the policy and each table give."""

    rewards: Rewards
    is_honest: Truths
    policy_days: Floats
    days: dict[float, Floats]
    taught_by: int


def run(seed: int, users: int, days: int, settings: Path | None) -> None:
    chosen = load_settings(settings)
    with progress("holds", days + len(_WAITING) + 2) as advance, TemporaryDirectory(prefix="assay-bench-") as folder:
        place = Path(folder)
        simulate(Scenario(users, days, seed, START), place / "log", advance, truth=place / "truth.parquet")
        trial = _tried(Rewards.of(Log(place / "log")), _honest(place / "truth.parquet"), days, chosen, advance)
        found = {times: judged(trial.rewards, trial.is_honest, trial.days[times], seed) for times in _WAITING}
        advance(1)
    policy = Cost(*(float(part.sum()) for part in costs(trial.rewards, trial.is_honest, trial.policy_days)))
    report(
        f"waits of rewards, {users:,} people, {days} days",
        _lines(trial, found, policy, chosen),
        _figures(trial, found, policy, chosen),
    )


def _honest(truth: Path) -> dict[str, bool]:
    return {user: not is_fraud for user, is_fraud in pl.read_parquet(truth).select("user_id", "is_fraud").iter_rows()}


def _tried(rewards: Rewards, honest: dict[str, bool], days: int, settings: Settings, advance: Any) -> Trial:
    begin = int(rewards.credited_at[0])
    split, last = begin + int(_TEST_SHARE * days) * DAY, begin + int(_LAST_SHARE * days) * DAY
    later = (rewards.credited_at > split) & (rewards.credited_at <= last)
    tiers, test = rewards.tiers(settings.trust)[later], rewards.take(later)
    advance(1)
    policy = load_policy()
    usual = np.array([policy.maturity(kind) / HOUR / 24 for kind in test.kinds.tolist()])
    waits, taught_by = {}, 0
    for times in _WAITING:
        priced = settings.model_copy(update={"waiting_share_per_day": times * settings.waiting_share_per_day})
        table = WaitTable.fit(rewards, split, priced)
        found = table.days_for(test, tiers)
        waits[times], taught_by = np.where(np.isnan(found), usual, found), table.rewards
        advance(1)
    truth = np.array([honest[user] for user in rewards.user_ids.tolist()])
    return Trial(test, truth[test.users], usual, waits, taught_by)


def _lines(trial: Trial, found: dict[float, Judged], policy: Cost, settings: Settings) -> list[BenchRow]:
    ours = found[1.0]
    reduction = ours.reduction.value
    rows = [
        BenchRow("learned from, judged on", None, f"{trial.taught_by:,} rewards, {len(trial.rewards):,} later ones"),
        BenchRow(
            "honest currency-days below the best fixed windows at equal loss",
            f">= {REDUCTION_MIN:.0%}",
            str(ours.reduction),
            None if reduction is None else reduction >= REDUCTION_MIN,
        ),
        BenchRow("honest currency-days", None, f"{ours.ours.waited:,.0f} (fixed {ours.fixed.waited:,.0f})"),
        BenchRow(
            "lost after maturity", None, _share(ours.ours.lost, ours) + f" (fixed {_share(ours.fixed.lost, ours)})"
        ),
        BenchRow("mean days that honest money waits", None, f"{ours.ours.waited / ours.honest_amount:.2f}"),
        BenchRow("the policy's hours", None, f"{policy.waited:,.0f} currency-days, {_share(policy.lost, ours)} lost"),
    ]
    for times, one in found.items():
        price = times * settings.waiting_share_per_day
        measured = f"{one.reduction}; {_share(one.ours.lost, one)} lost, {one.ours.waited:,.0f} currency-days"
        rows.append(BenchRow(f"waiting a day at {price:.3%} of the reward", None, measured))
    return rows


def _share(lost: float, of: Judged) -> str:
    return f"{lost:,.0f}, {lost / of.reversed_amount:.1%} of what was reversed"


def _figures(trial: Trial, found: dict[float, Judged], policy: Cost, settings: Settings) -> dict[str, Any]:
    ours = found[1.0]
    return {
        "reduction": ours.reduction.value,
        "reduction_interval": [ours.reduction.low, ours.reduction.high],
        "lost": ours.ours.lost,
        "lost_fixed": ours.fixed.lost,
        "currency_days": ours.ours.waited,
        "currency_days_fixed": ours.fixed.waited,
        "policy": asdict(policy),
        "reversed_amount": ours.reversed_amount,
        "honest_amount": ours.honest_amount,
        "waiting_share_per_day": settings.waiting_share_per_day,
        "by_waiting_price": {
            f"{times * settings.waiting_share_per_day:g}": asdict(one) for times, one in found.items()
        },
        "learned_from": trial.taught_by,
        "judged_on": len(trial.rewards),
    }
