"""Honest people in simulated worlds: whether the daily curve ever counts one's work as another's.

Every event of a world is folded into the graph in its order, and before each reward of an honest person the graph is
asked whose accounts count together, as the service asks when a task is begun.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from features.graph import COLUMNS, DeviceGraph
from features.log import Log
from pipelines.bench.graph_stream import START
from serving.policy import DailyCurve
from serving.pricing.daily import day_of, paid_micros
from training.simulator.simulate import Scenario, simulate

USERS: Final = 5_000
DAYS: Final = 30
AT_ONCE: Final = 2
GROUPS: Final = ("household", "dormitory", "cafe_visitor", "used_phone", "ordinary")
STEEP: Final = {"full_until_micros": 10_000, "least_from_micros": 20_000_000}
"""A curve on which everybody is from the first cent of a day on: no link could stay without a loss."""


@dataclass(frozen=True)
class Honest:
    """Of honest people of one group: how many earned, how many were ever linked, how many rewards were asked about, and
    what they lost to links in micros, under the policy's curve and under the steep one.
    """

    people: int = 0
    linked: int = 0
    rewards: int = 0
    lost_micros: int = 0
    steep_lost_micros: int = 0

    def __add__(self, other: "Honest") -> "Honest":
        return Honest(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def honest_in(seeds: Sequence[int], curve: DailyCurve, users: int = USERS, days: int = DAYS) -> dict[str, Honest]:
    """The groups of several worlds, added up."""
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn")) as interpreters:
        worlds = list(interpreters.map(partial(world, curve, users, days), seeds))
    return {group: sum((found[group] for found in worlds), Honest()) for group in GROUPS}


def world(curve: DailyCurve, users: int, days: int, seed: int) -> dict[str, Honest]:
    """One simulated world, event by event."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        log, file = Log(Path(folder) / "log"), Path(folder) / "truth.parquet"
        simulate(Scenario(users=users, days=days, seed=seed, start=START.date()), log.folder, truth=file)
        group = _groups(pl.read_parquet(file))
        counts = _Counts(curve)
        for row in _rows(log):
            counts.take(row, is_watched=row["user_id"] in group)
    return counts.by_group(group)


def _groups(truth: pl.DataFrame) -> dict[str, str]:
    """The group of every honest person; who started on a phone that was another's is of that group."""
    honest = truth.filter(~pl.col("is_fraud"))
    used = pl.when(pl.col("previous_owner_id").is_not_null()).then(pl.lit("used_phone")).otherwise(pl.col("family"))
    named = honest.with_columns(used.alias("group"))
    return {
        user: group if group in GROUPS else "ordinary"
        for user, group in zip(named["user_id"], named["group"], strict=True)
    }


def _rows(log: Log) -> Iterator[dict[str, Any]]:
    columns = tuple(dict.fromkeys([*COLUMNS, "reward_micros"]))
    for table in log.tables(columns):
        yield from table.select(columns).to_pylist()


class _Counts:
    """What was earned and lost so far."""

    def __init__(self, curve: DailyCurve) -> None:
        self.curve, self.steep = curve, curve.model_copy(update=STEEP)
        self.graph = DeviceGraph()
        self.earned: Counter[tuple[str, int]] = Counter()
        self.found: dict[str, Honest] = defaultdict(Honest)

    def take(self, row: dict[str, Any], is_watched: bool) -> None:
        user, reward = row["user_id"], row["reward_micros"]
        if reward and user:
            day = day_of(row["event_time"], self.curve)
            if is_watched:
                self.found[user] += self._asked(user, reward, day)
            self.earned[user, day] += reward
        self.graph.fold(row)

    def _asked(self, user: str, reward: int, day: int) -> Honest:
        accounts = self.graph.accounts_of(user, self.curve.same_person_min)
        alone, together = self.earned[user, day], sum(self.earned[account, day] for account in accounts)
        lost, steep_lost = (
            paid_micros(alone, reward, curve) - paid_micros(together, reward, curve)
            for curve in (self.curve, self.steep)
        )
        return Honest(0, len(accounts) > 1, 1, lost, steep_lost)

    def by_group(self, group: dict[str, str]) -> dict[str, Honest]:
        """Each person once, linked if ever."""
        totals = {name: Honest() for name in GROUPS}
        for user, one in self.found.items():
            totals[group[user]] += Honest(1, one.linked > 0, one.rewards, one.lost_micros, one.steep_lost_micros)
        return totals
