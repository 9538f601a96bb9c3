"""The feature vector: one order of names for training and serving, and the engine that fills it as of an event."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import derived, graph, intrinsic
from features.derived import DERIVED, Derivation, Derived
from features.events import Kind
from features.fold import Vector, Windows
from features.graph import GRAPH_FEATURES, DeviceGraph, GraphFeature
from features.intelligence import signals
from features.intelligence.lists import Lists
from features.intelligence.signals import LISTED, Intelligence, Listed
from features.intrinsic import INTRINSIC, Intrinsic
from features.log import SCHEMA, is_outcome
from features.table import TABLE, WINDOWS
from features.windows import DAY, Entity, Ratio, Windowed, version_of, without_reason

ALL: Final[tuple[Windowed | Ratio | GraphFeature | Intrinsic | Listed | Derived, ...]] = (
    *TABLE,
    *GRAPH_FEATURES,
    *INTRINSIC,
    *LISTED,
    *DERIVED,
)
FEATURES: Final = tuple(feature.name for feature in ALL)
GRAPH: Final = tuple(feature.name for feature in GRAPH_FEATURES)
CATEGORICAL: Final = tuple(feature.name for feature in INTRINSIC if feature.categorical)
DESCRIPTIONS: Final = {feature.name: feature.description for feature in ALL}
VERSION: Final = version_of(
    (
        [without_reason(feature) for feature in TABLE],
        [(f.name, f.description) for f in GRAPH_FEATURES],
        [(f.name, f.columns, f.description) for f in INTRINSIC],
        [(f.name, f.column, f.kinds) for f in LISTED],
        [(f.name, f.columns, f.values, f.description) for f in DERIVED],
    )
)
COLUMNS: Final = tuple(
    dict.fromkeys(
        ["sequence", "event_time", "as_of", "kind"]
        + [feature.entity.value for feature in TABLE]
        + [feature.measure for feature in WINDOWS if feature.measure]
        + [*graph.COLUMNS, *intrinsic.COLUMNS, *signals.COLUMNS, *derived.COLUMNS]
    )
)
"""The columns of the log that the features read."""

# Where each room's features end in the vector.
_WINDOWS, _GRAPH, _INTRINSIC, _LISTED = np.cumsum([len(TABLE), len(GRAPH_FEATURES), len(INTRINSIC), len(LISTED)])
_SWEEP_EVERY: Final = 256
_SWEEP_PLACES: Final = 1024


class FeatureEngine:
    """What is known now. `vector` predicts from it, `fold` learns; a row is never both seen and scored.

    Without `lists` what only they can tell is missing.
    """

    def __init__(self, lists: Lists | None = None) -> None:
        self.windows = Windows(TABLE)
        self.graph = DeviceGraph()
        self._intelligence = None if lists is None else Intelligence(lists)
        self._derivation = Derivation(FEATURES)

    def vector(self, row: Mapping[str, Any]) -> Vector:
        """All features as of `row` (a stamped log row): float64 in the order of FEATURES, missing as NaN."""
        vector = np.full(len(FEATURES), np.nan)
        self.windows.read(row, vector)
        self.graph.read(row, vector[_WINDOWS:_GRAPH])
        intrinsic.read(row, vector[_GRAPH:_INTRINSIC])
        if self._intelligence:
            self._intelligence.read(row, vector[_INTRINSIC:_LISTED])
        self._derivation.read(row, vector, vector[_LISTED:])
        return vector

    def fold(self, row: Mapping[str, Any]) -> None:
        """Learn one row. Outcomes teach the graph whom to distrust; windows count only what people did."""
        self.graph.fold(row)
        if is_outcome(row):
            return
        self.windows.fold(row)
        if row["sequence"] % _SWEEP_EVERY == 0:
            self.windows.forget(row["as_of"], _SWEEP_PLACES)

    def vectors(self, rows: pa.Table) -> Vector:
        """The vector of every event among `rows`, `(events, features)`; then all rows are known, outcomes, too.

        `rows` has COLUMNS in the order of sequence. Row by row, or in tables of any size: the same values.
        """
        is_event = events_mask(rows)
        events = rows.filter(is_event)
        near = self.graph.vectors(rows)[is_event.to_numpy()]
        matrix = self.assembled(events, self.windows.vectors(events), near)
        self._sweep(events)
        return matrix

    def assembled(self, events: pa.Table, windows: Vector, graph: Vector) -> Vector:
        """The vectors of events of which the values in TABLE and GRAPH are known; the rest is worked out here."""
        matrix = np.full((events.num_rows, len(FEATURES)), np.nan)
        matrix[:, :_WINDOWS], matrix[:, _WINDOWS:_GRAPH] = windows, graph
        matrix[:, _GRAPH:_INTRINSIC] = intrinsic.vectors(events)
        if self._intelligence:
            matrix[:, _INTRINSIC:_LISTED] = self._intelligence.vectors(events)
        matrix[:, _LISTED:] = self._derivation.vectors(events, matrix)
        return matrix

    def learn(self, rows: pa.Table) -> None:
        """Learn a table of the log without reading it."""
        events = events_of(rows)
        self.windows.learn(events)
        self.graph.learn(rows)
        self._sweep(events)

    def _sweep(self, events: pa.Table) -> None:
        if events.num_rows:
            self.windows.forget(self.windows.as_of, events.num_rows)


def warm_up() -> None:
    """Load, or once compile, every loop that an event needs: nobody's request shall wait for that."""
    engine, blank = FeatureEngine(), dict.fromkeys(SCHEMA.names)
    row = blank | {"sequence": 1, "kind": str(Kind.LOGIN), "user_id": "warm-up", "event_time": DAY, "as_of": DAY}
    engine.vector(row)
    engine.fold(row)
    engine.windows.forget(DAY, 1)
    engine.windows.of_entity(Entity.USER, "warm-up", DAY)


def backfill(rows: pa.Table, lists: Lists | None = None) -> Vector:
    """The vector of every event of a whole log, equal to the engine's."""
    return FeatureEngine(lists).vectors(rows)


def events_mask(rows: pa.Table) -> pa.ChunkedArray:
    """Which rows of a log are events, not outcomes."""
    return pc.is_in(rows["kind"], pa.array(list(map(str, Kind))))


def events_of(rows: pa.Table) -> pa.Table:
    """The rows of a log that are events, not outcomes."""
    return rows.filter(events_mask(rows))
