"""The feature vector: one order of names for training and serving, and the engine that fills it as of an event."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import intrinsic
from features.backfill import Backfill
from features.events import Kind
from features.fold import Vector, Windows
from features.graph import GRAPH_FEATURES, DeviceGraph, GraphFeature
from features.intrinsic import INTRINSIC, Intrinsic
from features.log import is_outcome
from features.windows import HOPS, WINDOWS, Windowed, version_of

_ALL: Final[tuple[Windowed | GraphFeature | Intrinsic, ...]] = (*WINDOWS, *GRAPH_FEATURES, *INTRINSIC)
FEATURES: Final = tuple(feature.name for feature in _ALL)
GRAPH: Final = tuple(feature.name for feature in GRAPH_FEATURES)
CATEGORICAL: Final = tuple(feature.name for feature in INTRINSIC if feature.categorical)
DESCRIPTIONS: Final = {feature.name: feature.description for feature in _ALL}
VERSION: Final = version_of((WINDOWS, HOPS, GRAPH_FEATURES, [(f.name, f.column, f.description) for f in INTRINSIC]))

REACH: Final = max(feature.over + feature.hop for feature in WINDOWS)
"""How far back any window looks, microseconds."""

_WINDOWS_END: Final = len(WINDOWS)
_GRAPH_END: Final = _WINDOWS_END + len(GRAPH_FEATURES)
COLUMNS: Final = tuple(
    dict.fromkeys(
        ["sequence", "event_time", "as_of", "kind", "user_id", "device_key", "payout_destination"]
        + [feature.entity.value for feature in WINDOWS]
        + [feature.measure for feature in WINDOWS if feature.aggregate != "count"]
        + [feature.column for feature in INTRINSIC]
    )
)
"""The columns of the log that the features read."""


class FeatureEngine:
    """What is known now. `vector` predicts from it, `fold` learns; a row is never both seen and scored."""

    def __init__(self) -> None:
        self.windows = Windows(WINDOWS)
        self.graph = DeviceGraph()

    def vector(self, row: Mapping[str, Any]) -> Vector:
        """All features as of `row` (a stamped log row): float64 in the order of FEATURES, missing as NaN."""
        vector = np.empty(len(FEATURES))
        self.windows.read(row, vector)
        self.graph.read(row, vector[_WINDOWS_END:_GRAPH_END])
        intrinsic.read(row, vector[_GRAPH_END:])
        return vector

    def fold(self, row: Mapping[str, Any]) -> None:
        """Learn one row. Outcomes teach labels, not windows."""
        if not is_outcome(row):
            self.windows.fold(row)
            self.graph.fold(row)

    def replay(self, rows: Iterable[Mapping[str, Any]], as_of: int) -> None:
        """Learn a history that ends at `as_of`. Events that every window has left by then are spared the windows."""
        oldest = as_of - REACH
        for row in rows:
            if is_outcome(row):
                continue
            if row["event_time"] >= oldest:
                self.windows.fold(row, as_of)
            self.graph.fold(row)


def backfill(events: pa.Table) -> Vector:
    """The vector of every event: `(events, features)`, equal to the engine's.

    `events` has COLUMNS in the order of sequence, without outcomes (`events_of`).
    """
    return np.hstack([Backfill(events, WINDOWS).vectors(), _graph_vectors(events), intrinsic.vectors(events)])


def events_of(log: pa.Table) -> pa.Table:
    """The rows of a log that are events, not outcomes."""
    return log.filter(pc.is_in(log["kind"], pa.array(list(map(str, Kind)))))


def _graph_vectors(events: pa.Table) -> Vector:
    """The graph is one history, so its backfill is a replay."""
    graph = DeviceGraph()
    matrix = np.full((events.num_rows, len(GRAPH_FEATURES)), np.nan)
    columns = ["sequence", "user_id", "device_key", "payout_destination"]
    for at, values in enumerate(zip(*(events[name].to_pylist() for name in columns), strict=True)):
        row = dict(zip(columns, values, strict=True))
        graph.read(row, matrix[at])
        graph.fold(row)
    return matrix
