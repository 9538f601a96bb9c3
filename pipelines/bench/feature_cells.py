"""Online against offline, cell by cell, on a stream with late, tied and back-dated events."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.fold import Vector, Windows
from features.log import Row
from features.windows import Windowed
from pipelines.bench.feature_stream import Stream
from pipelines.bench.sixty import SIXTY
from pipelines.console import BenchRow
from pipelines.oracle import EXACT, Definition, tolerance

EVENTS: Final = 170_000
"""Times sixty features: 10.2 million cells."""
RELATIVE_MAX: Final = 1e-9
SAMPLED: Final = 200


@dataclass(frozen=True)
class Cells:
    """What two matrices of the same rows and features differ in."""

    integer_mismatches: int
    float_difference: float
    """The largest relative difference (absolute below one) of means, variances and decayed sums."""

    @classmethod
    def between(cls, features: Sequence[Windowed], online: Vector, offline: Vector) -> "Cells":
        exact = np.array([feature.aggregate in EXACT for feature in features])
        both = np.isnan(online) & np.isnan(offline)
        integer = ~((online == offline) | both)[:, exact]
        distance = np.abs(online - offline) / np.maximum(np.abs(offline), 1)
        distance = np.where(both, 0, np.where(np.isnan(distance), np.inf, distance))[:, ~exact]
        return cls(int(integer.sum()), float(distance.max(initial=0)))


def generated(seed: int) -> pa.Table:
    return pa.concat_tables(Stream(seed).chunks(EVENTS))


def replayed(features: Sequence[Windowed], rows: Sequence[Row]) -> Vector:
    """Each row's vector, read before the row is learned."""
    windows, matrix = Windows(features), np.empty((len(rows), len(features)))
    for row, into in zip(rows, matrix, strict=True):
        windows.read(row, into)
        windows.fold(row)
    return matrix


def compare(events: pa.Table) -> list[BenchRow]:
    """The rows of the report about sameness."""
    rows = events.to_pylist()
    online, offline = replayed(SIXTY, rows), Windows(SIXTY).vectors(events)
    cells, cut = Cells.between(SIXTY, online, offline), len(rows) // 3
    earlier = Windows(SIXTY).vectors(events.slice(0, cut)).tobytes() == offline[:cut].tobytes()
    wrong, asked = _against_definition(rows, online)
    return [
        BenchRow(
            "integer cells that differ, online against offline",
            "0",
            f"{cells.integer_mismatches:,} of {online.size:,} cells in all",
            cells.integer_mismatches == 0 and online.size >= 10_000_000,
        ),
        BenchRow(
            "means, variances and decayed sums: largest relative difference",
            f"<= {RELATIVE_MAX:g}",
            f"{cells.float_difference:.1g}",
            cells.float_difference <= RELATIVE_MAX,
        ),
        BenchRow("late, tied and back-dated among the events", None, _raggedness(events)),
        BenchRow("cells that differ from the definition, sampled", "0", f"{wrong:,} of {asked:,}", wrong == 0),
        BenchRow("truncating the future: earlier vectors byte-identical", "yes", "yes" if earlier else "no", earlier),
    ]


def _raggedness(events: pa.Table) -> str:
    times, as_of = events["event_time"].to_numpy(), events["as_of"].to_numpy()
    tied = len(times) - len(np.unique(times))
    old = np.count_nonzero(as_of - times > 6 * 3_600_000_000)
    return f"{np.count_nonzero(times < as_of):,} late, {tied:,} tied, {old:,} back-dated, of {len(times):,}"


def _against_definition(rows: Sequence[Row], online: Vector) -> tuple[int, int]:
    """How many cells of an even sample of rows are not what the definition says, and how many were looked at."""
    definition, every = Definition(SIXTY), len(rows) // SAMPLED
    allowed = np.array([tolerance(feature) for feature in SIXTY])
    wrong = looked = 0
    for at, row in enumerate(rows):
        if at % every == every - 1:
            defined = np.array(definition.vector(row))
            wrong += int(np.count_nonzero(~_close(online[at], defined, allowed)))
            looked += len(defined)
        definition.learn(row)
    return wrong, looked


def _close(found: Vector, defined: Vector, allowed: Vector) -> npt.NDArray[np.bool_]:
    near = np.abs(found - defined) <= allowed * np.maximum(np.abs(defined), 1)
    return near | (np.isnan(found) & np.isnan(defined))
