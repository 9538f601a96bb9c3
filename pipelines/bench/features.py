"""Online against offline: replay a log through the fold, backfill it, compare every cell, and time both."""

import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from features.home import Home
from features.ingest.ingest import ingest
from features.ingest.load import mapping_for
from features.log import SCHEMA, Log, Row, is_outcome
from features.vector import FEATURES, FeatureEngine, backfill
from pipelines.bench.workload import DAYS, USERS
from pipelines.console import BenchRow, progress, report
from pipelines.load import load_simulated

ROWS_MAX: Final = 50_000


def run(data: Path | None, seed: int) -> None:
    """On `--data FOLDER`, or on a simulated log; at most the first 50,000 events."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        rows = list(islice((row for row in _log(Path(folder), data, seed).rows() if not is_outcome(row)), ROWS_MAX))
    online, online_seconds = _online(rows)
    began = time.perf_counter()
    offline = backfill(pa.Table.from_pylist(rows, schema=SCHEMA))
    offline_seconds = time.perf_counter() - began
    differ = int(np.sum(~((online == offline) | (np.isnan(online) & np.isnan(offline)))))
    late = sum(row["event_time"] < row["as_of"] for row in rows)
    table = [
        BenchRow("cells that differ", "0", f"{differ:,} of {online.size:,}", differ == 0),
        BenchRow("late events among them", None, f"{late:,} of {len(rows):,}"),
        BenchRow("online, read and fold", None, f"{online_seconds / len(rows) * 1e6:.0f} us an event"),
        BenchRow("offline", None, f"{len(rows) / offline_seconds:,.0f} events/s"),
    ]
    figures = {
        "cells": online.size,
        "mismatches": differ,
        "events": len(rows),
        "features": len(FEATURES),
        "online_us": round(online_seconds / len(rows) * 1e6, 1),
        "offline_events_per_s": round(len(rows) / offline_seconds),
        "speedup": round(online_seconds / offline_seconds, 1),
    }
    report("features: online against offline", table, figures)


def _log(folder: Path, data: Path | None, seed: int) -> Log:
    home = Home(folder / "home")
    if data is None:
        load_simulated(home, USERS, DAYS, seed)
    else:
        mapping, files = mapping_for(data)
        with progress(f"ingest {mapping.name}") as advance:
            ingest(mapping, files, home.log, advance)
    return Log(home.log)


def _online(rows: list[Row]) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], float]:
    engine, vectors = FeatureEngine(), np.empty((len(rows), len(FEATURES)))
    with progress("replay", len(rows)) as advance:
        began = time.perf_counter()
        for at, row in enumerate(rows):
            vectors[at] = engine.vector(row)
            engine.fold(row)
        seconds = time.perf_counter() - began
        advance(len(rows))
    return vectors, seconds
