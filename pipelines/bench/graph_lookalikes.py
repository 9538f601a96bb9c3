"""Honest look-alikes in several simulated worlds, pooled: is anybody taken for somebody else, or for their neighbour?

The rules were made on other seeds than those that report. Each world has an interpreter of its own, two at a time.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from features.graph import COLUMNS, DeviceGraph
from features.log import Log
from features.rings.days import days_of, read_day
from features.rings.edges import edges_of, merge_days
from features.rings.engines import engine_of
from features.rings.nightly import end_of
from features.rings.persons import rings_of
from pipelines.bench.graph_stream import START
from pipelines.console import BenchRow
from training.lookalikes import Lookalikes, measure, pooled
from training.simulator.simulate import Scenario, simulate

USERS: Final = 12_000
"""People a world. Links of one person are rare: it takes about 370 without a false one to be sure of one percent."""
WORLDS: Final = 5
AT_ONCE: Final = 2
DAYS: Final = 45
FALSE_SHARE_MAX: Final = 0.01


@dataclass(frozen=True)
class Mixed:
    """Rings of two people or more; those with honest people of two circles, and of two households."""

    rings: int
    of_two_circles: int
    of_two_homes: int


@dataclass(frozen=True)
class Honest:
    """Honest people of a world: in households, dormitories and cafes, and those who got somebody's phone."""

    household: int
    dormitory: int
    cafe: int
    used_phone: int


World = tuple[Lookalikes, Mixed, Honest]


def measured(seeds: Sequence[int], users: int = USERS, at_once: int = AT_ONCE) -> list[World]:
    """What each world shows, in the order of the seeds."""
    with ProcessPoolExecutor(at_once, get_context("spawn")) as interpreters:
        return list(interpreters.map(partial(world, users), seeds))


def world(users: int, seed: int) -> World:
    """One world of `users` people, simulated, learned online and by night, and held against its truth."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        log, file = Log(Path(folder) / "log"), Path(folder) / "truth.parquet"
        simulate(Scenario(users=users, days=DAYS, seed=seed, start=START.date()), log.folder, truth=file)
        truth, graph = pl.read_parquet(file), DeviceGraph()
        for table in log.tables(COLUMNS):
            graph.learn(table.select(COLUMNS))
        return measure(graph, truth), mixed_nightly(log, truth), honest_in(truth)


def honest_in(truth: pl.DataFrame) -> Honest:
    honest = truth.filter(~pl.col("is_fraud"))
    of = Counter(honest["family"])
    return Honest(
        household=of["household"],
        dormitory=of["dormitory"],
        cafe=of["cafe_visitor"],
        used_phone=honest["previous_owner_id"].count(),
    )


def mixed_nightly(log: Log, truth: pl.DataFrame) -> Mixed:
    """As of the log's last day. Room mates are of one circle, but have no household in common."""
    days = days_of(log.folder)
    ties, _ = merge_days(read_day(log.folder, day).ties for day in days)
    edges = edges_of(ties, end_of(days[-1]), truth["user_id"])
    with engine_of("local") as engine:
        label = rings_of(edges, engine)[: edges.persons]
    people = pl.DataFrame({"user_id": edges.person_ids, "ring": label}).join(truth, on="user_id")
    circles, homes = (
        unit.filter(~pl.col("is_fraud")).n_unique()
        for unit in (pl.col("circle_id"), pl.coalesce("household_id", "user_id"))
    )
    rings = people.group_by("ring").agg(circles.alias("circles"), homes.alias("homes"), pl.len())
    several = rings.filter(pl.col("len") > 1)
    return Mixed(several.height, *(int((several[unit] > 1).sum()) for unit in ("circles", "homes")))


def rows(worlds: Sequence[World]) -> tuple[list[BenchRow], dict[str, Any]]:
    """The table's lines, and the figures behind them."""
    found = pooled([online for online, _, _ in worlds])
    nightly = Mixed(*map(sum, zip(*(astuple(night) for _, night, _ in worlds), strict=True)))
    honest = Honest(*map(sum, zip(*(astuple(people) for *_, people in worlds), strict=True)))
    low, high = found.false_interval
    figures = {
        "lookalikes": asdict(found) | {"false_low": low, "false_high": high, "recall": found.recall},
        "nightly": asdict(nightly),
        "honest": asdict(honest),
    }
    return [*_links(found, len(worlds)), *_rings(found, nightly, honest)], figures


def _links(found: Lookalikes, worlds: int) -> list[BenchRow]:
    low, high = found.false_interval
    return [
        BenchRow(
            f"same-person links that join two people, {worlds} seeds, upper end of the 95% interval",
            f"<= {FALSE_SHARE_MAX:.0%}",
            f"{found.false_links} of {found.links:,}: {found.false_share:.2%} ({low:.2%} to {high:.2%})",
            high <= FALSE_SHARE_MAX,
        ),
        BenchRow(
            "pairs of one person's accounts in one ring that are linked",
            None,
            f"{found.links - found.false_links:,} of {found.true_pairs:,}: {found.recall:.1%}",
        ),
    ]


def _rings(found: Lookalikes, nightly: Mixed, honest: Honest) -> list[BenchRow]:
    return [
        BenchRow(
            "honest among them: at home, in dormitories, visiting cafes, on a phone that was another's",
            None,
            f"{honest.household:,}, {honest.dormitory:,}, {honest.cafe:,}, {honest.used_phone:,}",
        ),
        BenchRow(
            "online rings with honest people of two circles (home, dormitory)",
            "0",
            f"{found.mixed_rings} of {found.rings:,}, the largest of {found.largest_ring} people",
            found.rings > 0 and found.mixed_rings == 0,
        ),
        BenchRow(
            "nightly rings with honest people of two circles",
            "0",
            f"{nightly.of_two_circles} of {nightly.rings:,}",
            nightly.rings > 0 and nightly.of_two_circles == 0,
        ),
        BenchRow("... and with honest people of two households, room mates being two", None, f"{nightly.of_two_homes}"),
    ]
