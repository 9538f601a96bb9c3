"""The online device graph on a realistic stream, an edge at a time; one device with a million accounts; look-alikes."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from features.graph import COLUMNS, DeviceGraph
from features.graph.rows import REFERRALS, devices_of
from features.log import SCHEMA, Log, Row, is_outcome
from features.rings.days import days_of, read_day
from features.rings.edges import edges_of, merge_days
from features.rings.engines import engine_of
from features.rings.nightly import end_of
from features.rings.persons import rings_of
from pipelines.console import BenchRow
from training.lookalikes import measure
from training.simulator.simulate import Scenario, simulate

USERS: Final = 20_000
"""Links of one person are rare: it takes many people to tell one percent from none."""
EVENTS_TIMED: Final = 200_000
DAYS: Final = 45
EDGE_MICROS_MAX: Final = 5.0
ACCOUNTS: Final = 1_000_000
SLICES: Final = 10
GROWTH_MAX: Final = 1.5
FALSE_SHARE_MAX: Final = 0.01
KEYS: Final = ("payout_destination", "identity", "network_key")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def rows(seed: int) -> list[BenchRow]:
    """All of them; the stream is a simulated platform, whose truth the look-alikes are held against."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        log, truth = Log(Path(folder) / "log"), Path(folder) / "truth.parquet"
        simulate(Scenario(users=USERS, days=DAYS, seed=seed, start=START.date()), log.folder, truth=truth)
        events = list(islice((row for row in log.rows(COLUMNS) if not is_outcome(row)), EVENTS_TIMED))
        return [*_stream(events), *_lookalikes(log, pl.read_parquet(truth)), *crowd()]


def _stream(events: list[Row]) -> list[BenchRow]:
    """Each row is folded by itself, as the service does; its time is shared among the edges that it brings."""
    graph = DeviceGraph()
    edges = np.array([edges_in(row) for row in events])
    micros = np.empty(len(events))
    for at, row in enumerate(events):
        started = time.perf_counter_ns()
        graph.fold(row)
        micros[at] = (time.perf_counter_ns() - started) / 1000
    an_edge = float(np.median(micros[edges > 0] / edges[edges > 0]))
    table = pa.Table.from_pylist(events, schema=pa.schema([SCHEMA.field(name) for name in COLUMNS]))
    fresh = DeviceGraph()
    fresh.learn(table.slice(0, 1000))
    began = time.perf_counter()
    fresh.learn(table.slice(1000))
    whole = (time.perf_counter() - began) * 1e6 / edges[1000:].sum()
    return [
        BenchRow(
            "online, an edge of a row folded by itself, median",
            f"<= {EDGE_MICROS_MAX:g} us",
            f"{an_edge:.2f} us, {float(np.median(micros)):.1f} us a row of {edges.mean():.1f} edges",
            an_edge <= EDGE_MICROS_MAX,
        ),
        BenchRow("online, an edge of a table folded at once", None, f"{whole:.2f} us"),
    ]


def edges_in(row: dict[str, Any]) -> int:
    """How many ties the event tells of: its person with each device id, destination, identity, network, referrer."""
    if row["user_id"] is None:
        return 0
    keys = sum(row[name] is not None for name in KEYS) + sum(1 for _ in devices_of(row))
    return keys + (row["kind"] in REFERRALS and row["referrer_user_id"] is not None)


def _lookalikes(log: Log, truth: pl.DataFrame) -> list[BenchRow]:
    graph = DeviceGraph()
    for table in log.tables(COLUMNS):
        graph.learn(table.select(COLUMNS))
    found = measure(graph, truth)
    nightly = _mixed_nightly(log, truth)
    links = f"{found.false_links} of {found.links:,} links, {found.true_pairs:,} true pairs"
    return [
        BenchRow(
            "same-person links that join two people",
            f"<= {FALSE_SHARE_MAX:.0%}",
            f"{found.false_share:.2%}: {links}",
            found.links > 0 and found.false_share <= FALSE_SHARE_MAX,
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


@dataclass(frozen=True)
class _Mixed:
    """Rings of two people or more; those with honest people of two circles, and of two households."""

    rings: int
    of_two_circles: int
    of_two_homes: int


def _mixed_nightly(log: Log, truth: pl.DataFrame) -> _Mixed:
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
    return _Mixed(several.height, *(int((several[unit] > 1).sum()) for unit in ("circles", "homes")))


def crowd() -> list[BenchRow]:
    """A device on which a million accounts turn up, one after the other: what each tenth of them costs and leaves."""
    graph = DeviceGraph()
    graph.learn(_accounts(0, 1000))
    seconds, sizes = [], []
    step = ACCOUNTS // SLICES
    for at in range(SLICES):
        table = _accounts(1000 + at * step, step)
        began = time.perf_counter()
        graph.learn(table)
        seconds.append(time.perf_counter() - began)
        sizes.append(graph.counted["ties"])
    growth = float(np.median(seconds[-3:]) / np.median(seconds[:3]))
    return [
        BenchRow(
            "a device with a million accounts: the last against the first",
            f"<= {GROWTH_MAX:g} x, state flat",
            f"{growth:.2f} x, {sizes[0]} ties then {sizes[-1]}, {np.median(seconds) / step * 1e6:.2f} us an account",
            growth <= GROWTH_MAX and sizes[-1] == sizes[0],
        )
    ]


def _accounts(first: int, count: int) -> pa.Table:
    number = np.arange(first, first + count)
    moment = int(START.timestamp()) * 1_000_000 + number * 1000
    columns = {
        "sequence": number + 1,
        "event_time": moment,
        "as_of": moment,
        "kind": pa.array(["click"] * count),
        "user_id": pa.array([f"u{at}" for at in number.tolist()]),
        "device_key": pa.array(["install:tablet"] * count),
    }
    fields = [SCHEMA.field(name) for name in COLUMNS]
    absent = {field.name: pa.nulls(count, field.type) for field in fields if field.name not in columns}
    return pa.table({field.name: (columns | absent)[field.name] for field in fields}, schema=pa.schema(fields))
