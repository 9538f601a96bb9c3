"""How fast features are read and folded: row by row beside a bare counter, and a table at a time."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.fold import Windows
from features.log import Row
from pipelines.bench.feature_stream import Stream
from pipelines.bench.sixty import SIXTY
from pipelines.console import BenchRow

BLOCK: Final = 1000
BACKFILLED: Final = 1_000_000
ONLINE_MICROS_MAX: Final = 100
BARE_RATIO_MAX: Final = 3.0
BACKFILL_RATE_MIN: Final = 300_000
BACKFILL_RATIO_MIN: Final = 20.0


class Bare:
    """The least that anybody could do: a dict of counters for each feature, and nothing else."""

    def __init__(self) -> None:
        self._counters = [(defaultdict[Any, int](int), feature.entity.value) for feature in SIXTY]

    def count(self, rows: Sequence[Row]) -> None:
        for row in rows:
            amount = row["reward_micros"] or 0
            for counter, column in self._counters:
                counter[row[column]] += amount


def online(rows: Sequence[Row]) -> list[BenchRow]:
    """In blocks, engine and counters in turn, so that what disturbs one disturbs the other."""
    windows, into, bare = Windows(SIXTY), np.empty(len(SIXTY)), Bare()

    def read_and_fold(block: Sequence[Row]) -> None:
        for row in block:
            windows.read(row, into)
            windows.fold(row)

    blocks = [rows[at : at + BLOCK] for at in range(0, len(rows), BLOCK)]
    timed = [(_seconds(read_and_fold, block), _seconds(bare.count, block)) for block in blocks]
    micros = median(ours / len(block) for (ours, _), block in zip(timed, blocks, strict=True)) * 1e6
    bare_micros = median(theirs / len(block) for (_, theirs), block in zip(timed, blocks, strict=True)) * 1e6
    ratio = median(ours / theirs for ours, theirs in timed)
    return [
        BenchRow(
            "online read and fold of 60 features, median",
            f"<= {ONLINE_MICROS_MAX} us an event",
            f"{micros:.1f} us",
            micros <= ONLINE_MICROS_MAX,
        ),
        BenchRow(
            "... against a bare dict of counters a feature",
            f"<= {BARE_RATIO_MAX:g} x",
            f"{ratio:.2f} x ({bare_micros:.1f} us)",
            ratio <= BARE_RATIO_MAX,
        ),
    ]


def backfill(seed: int) -> list[BenchRow]:
    """A table at a time, and the same events row by row; seconds of processor time, so that neighbours do not count."""
    chunks = list(Stream(seed).chunks(BACKFILLED))
    windows = Windows(SIXTY)
    began = time.process_time()
    for chunk in chunks:
        windows.vectors(chunk)
    rate = BACKFILLED / (time.process_time() - began)
    ratio = rate * _replay_seconds(chunks[:2]) / sum(chunk.num_rows for chunk in chunks[:2])
    return [
        BenchRow(
            "backfill on one core",
            f">= {BACKFILL_RATE_MIN:,} events/s",
            f"{rate:,.0f} events/s",
            rate >= BACKFILL_RATE_MIN,
        ),
        BenchRow(
            "... against the online replay of the same log",
            f">= {BACKFILL_RATIO_MIN:g} x",
            f"{ratio:.1f} x",
            ratio >= BACKFILL_RATIO_MIN,
        ),
    ]


def _replay_seconds(chunks: Sequence[pa.Table]) -> float:
    """From the log's tables to every vector, one row after the other."""
    windows, into = Windows(SIXTY), np.empty(len(SIXTY))
    began = time.process_time()
    for chunk in chunks:
        for row in chunk.to_pylist():
            windows.read(row, into)
            windows.fold(row)
    return time.process_time() - began


def _seconds(work: Callable[[Sequence[Row]], None], block: Sequence[Row]) -> float:
    began = time.perf_counter()
    work(block)
    return time.perf_counter() - began
