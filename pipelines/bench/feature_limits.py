"""What must stay flat: memory from one to ten million events, and the state and latency of one very busy key."""

import os
import resource
import subprocess
import sys
import time
from statistics import median
from typing import Final

import numpy as np
import pyarrow as pa

from features.fold import Windows
from features.windows import HOUR, Entity
from pipelines.bench.feature_stream import CHUNK, START, Stream
from pipelines.bench.sixty import SIXTY
from pipelines.console import BenchRow

FEW, MANY = 1_000_000, 10_000_000
GROWTH_MAX: Final = 1.15
BUSY_EVENTS: Final = 1_000_000
BUSY_TIMED: Final = 100_000
BUSY_GROWTH_MAX: Final = 1.5
"""Of the state and of the latency: the first hundred thousand events have not met every tile and value yet."""


def memory(seed: int) -> BenchRow:
    """Peak memory of a backfill in a process of its own; the stream is made in chunks, its people come and go."""
    few, many = (_peak_in_a_process(events, seed) for events in (FEW, MANY))
    return BenchRow(
        "peak memory of a backfill of 1 and of 10 million events",
        f"<= {GROWTH_MAX:g} x",
        f"{few:.0f} MB, {many:.0f} MB: {many / few:.2f} x",
        many <= GROWTH_MAX * few,
    )


def _peak_in_a_process(events: int, seed: int) -> float:
    command = [sys.executable, "-m", "pipelines.bench.feature_limits", str(events), str(seed)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)  # noqa: S603  # our own module
    return float(done.stdout)


def peak_megabytes(events: int, seed: int) -> float:
    """Backfill a stream chunk by chunk, forgetting who is gone; the most memory that this process ever held."""
    windows = Windows(SIXTY)
    for chunk in Stream(seed).chunks(events):
        windows.vectors(chunk)
        windows.forget(windows.as_of, 4 * CHUNK)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def busy_key(seed: int) -> list[BenchRow]:
    """One address with a million events in an hour: what it costs at the beginning and at the end."""
    events = _busy_hour(seed)
    windows, alone = Windows(SIXTY), Windows([feature for feature in SIXTY if feature.entity is Entity.IP])
    first = _median_us(windows, events.slice(0, BUSY_TIMED))
    windows.learn(events.slice(BUSY_TIMED, BUSY_EVENTS - 2 * BUSY_TIMED))
    last = _median_us(windows, events.slice(BUSY_EVENTS - BUSY_TIMED))
    early, late = _state_bytes(alone, events.slice(0, BUSY_TIMED)), _state_bytes(alone, events.slice(BUSY_TIMED))
    return [
        BenchRow(
            "one address, a million events an hour: p50 of the first and last 100,000",
            f"<= {BUSY_GROWTH_MAX:g} x",
            f"{first:.1f} us, {last:.1f} us",
            last <= BUSY_GROWTH_MAX * first,
        ),
        BenchRow(
            "... what is known of it after the first 100,000 and after all",
            f"<= {BUSY_GROWTH_MAX:g} x",
            f"{early:,} bytes, {late:,} bytes",
            late <= BUSY_GROWTH_MAX * early,
        ),
    ]


def _state_bytes(windows: Windows, events: pa.Table) -> int:
    windows.learn(events)
    return windows.state_bytes


def _busy_hour(seed: int) -> pa.Table:
    """The generated stream at a million events an hour, all from one address; its times lie within the hour."""
    events = pa.concat_tables(Stream(seed, per_day=24 * BUSY_EVENTS).chunks(BUSY_EVENTS))
    times = np.clip(events["event_time"].to_numpy(), START, START + HOUR)
    changed = {
        "ip_key": pa.array(["203.0.113.7"]).take(pa.array(np.zeros(BUSY_EVENTS, np.int64))),
        "event_time": pa.array(times),
        "as_of": pa.array(np.maximum.accumulate(times)),
    }
    for name, column in changed.items():
        events = events.set_column(events.column_names.index(name), name, column)
    return events


def _median_us(windows: Windows, events: pa.Table) -> float:
    into, spans = np.empty(len(SIXTY)), []
    for row in events.to_pylist():
        began = time.perf_counter_ns()
        windows.read(row, into)
        windows.fold(row)
        spans.append(time.perf_counter_ns() - began)
    return median(spans) / 1000


if __name__ == "__main__":
    sys.stdout.write(f"{peak_megabytes(int(sys.argv[1]), int(sys.argv[2]))}\n")
