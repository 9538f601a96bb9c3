"""The online device graph on a realistic stream, an edge at a time, and one device with a million accounts."""

import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.graph import COLUMNS, DeviceGraph
from features.graph.rows import REFERRALS, devices_of
from features.log import SCHEMA, Log, Row, is_outcome
from pipelines.console import BenchRow
from training.simulator.simulate import Scenario, simulate

USERS: Final = 3_000
EVENTS_TIMED: Final = 200_000
DAYS: Final = 30
EDGE_MICROS_MAX: Final = 5.0
ACCOUNTS: Final = 1_000_000
SLICES: Final = 10
GROWTH_MAX: Final = 1.5
KEYS: Final = ("payout_destination", "identity", "network_key")
START: Final = datetime(2026, 1, 1, tzinfo=UTC)


def rows(seed: int) -> list[BenchRow]:
    """Both; the stream is a simulated platform."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        log = Log(Path(folder) / "log")
        simulate(Scenario(users=USERS, days=DAYS, seed=seed, start=START.date()), log.folder)
        events = list(islice((row for row in log.rows(COLUMNS) if not is_outcome(row)), EVENTS_TIMED))
    return [*_stream(events), *crowd()]


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
