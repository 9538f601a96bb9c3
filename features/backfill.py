"""The offline backfill: the same integers as the online fold, for every event of the log at once.

An event is inside a window for one interval of decisions: from its arrival until the window's lower edge passes it.
So a value is arrivals minus departures, two cumulative sums. Positions are places in the log (0 for the first row);
an event at position j is seen by decisions at positions above j.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.fold import Vector
from features.windows import AMOUNT_MAX, DISTINCT_MAX, Aggregate, Entity, Windowed

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Queries:
    """Who asks and when: integer codes of keys (-1 for a missing key) and positions in the log."""

    keys: Ints
    positions: Ints


class Intervals:
    """Intervals [start, end) of positions, grouped by key: how much of a key is inside at a position?"""

    def __init__(self, keys: Ints, starts: Ints, ends: Ints) -> None:
        self._chosen = np.flatnonzero((keys >= 0) & (ends > starts))
        self._span = len(keys) + 2
        base = keys[self._chosen] * self._span
        begins, finishes = base + starts[self._chosen], base + ends[self._chosen]
        self._by_start, self._by_end = np.argsort(begins, kind="stable"), np.argsort(finishes, kind="stable")
        self._starts, self._ends = begins[self._by_start], finishes[self._by_end]

    def asked(self, queries: Queries) -> tuple[Ints, Ints]:
        """For each query: how many intervals, in order of their start and of their end, lie at or before it."""
        at = queries.keys * self._span + queries.positions
        return np.searchsorted(self._starts, at, side="right"), np.searchsorted(self._ends, at, side="right")

    def totals(self, weights: Ints, asked: tuple[Ints, Ints]) -> Ints:
        """Arrivals minus departures. Other keys cancel out: all of a lower key's intervals have started and ended."""
        arrived, departed = asked
        chosen = weights[self._chosen]
        return _cumulative(chosen[self._by_start])[arrived] - _cumulative(chosen[self._by_end])[departed]


def _cumulative(weights: Ints) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(weights)])


class Backfill:
    """The features of a whole log.

    `events` has the columns `kind, event_time, as_of` and those that the features name, in the order of sequence; it
    holds no outcomes.
    """

    def __init__(self, events: pa.Table, features: Sequence[Windowed]) -> None:
        self.features = features
        self._events = events
        self._times: Ints = events["event_time"].to_numpy()
        self._as_of: Ints = events["as_of"].to_numpy()
        self._coded: dict[str, tuple[Ints, list[str]]] = {}

    def vectors(self) -> Vector:
        """The features as of every event: `(events, features)`, missing where the event lacks the key."""
        matrix = np.full((len(self._times), len(self.features)), np.nan)
        for entity, places in self._places().items():
            keys, _ = self._codes(entity.value)
            known = np.flatnonzero(keys >= 0)
            matrix[known[:, None], places] = self._values(entity, Queries(keys[known], known))
        return matrix

    def of_entity(self, entity: Entity) -> tuple[list[str], Vector]:
        """Every key of `entity` and its values after the last row: what the online store holds at that instant."""
        _, names = self._codes(entity.value)
        after_all = np.full(len(names), len(self._times))
        return names, self._values(entity, Queries(np.arange(len(names)), after_all))

    def _places(self) -> dict[Entity, list[int]]:
        places: dict[Entity, list[int]] = {}
        for at, feature in enumerate(self.features):
            places.setdefault(feature.entity, []).append(at)
        return places

    def _values(self, entity: Entity, queries: Queries) -> Vector:
        """Asked values of the entity's features, in the order of the table."""
        chosen = [feature for feature in self.features if feature.entity is entity]
        values = np.empty((len(queries.positions), len(chosen)))
        for (over, hop), group in _grouped(chosen):
            departures = self._departures(over, hop)
            for at, measured in self._measured(entity, group, departures, queries):
                values[:, at] = measured
        return values

    def _measured(
        self, entity: Entity, group: list[tuple[int, Windowed]], departures: Ints, queries: Queries
    ) -> Iterator[tuple[int, Ints]]:
        keys, _ = self._codes(entity.value)
        arrivals = np.arange(1, len(keys) + 1)
        events = Intervals(keys, arrivals, departures)
        asked = events.asked(queries)
        for at, feature in group:
            if feature.aggregate is Aggregate.DISTINCT:
                runs = self._runs(keys, feature.measure, arrivals, departures)
                yield at, np.minimum(runs.totals(np.ones(len(keys), np.int64), runs.asked(queries)), DISTINCT_MAX)
            else:
                yield at, events.totals(self._amounts(feature), asked)

    def _runs(self, keys: Ints, column: str, arrivals: Ints, departures: Ints) -> Intervals:
        """For a distinct count: per key and value, the union of the intervals of its events."""
        values, names = self._codes(column)
        pair = np.where((keys >= 0) & (values >= 0), keys * max(len(names), 1) + values, -1)
        order = np.argsort(pair, kind="stable")
        group = np.cumsum(np.diff(pair[order], prepend=-2) != 0)
        covered = _running_maximum(departures[order], group)
        starts, ends = arrivals.copy(), departures.copy()
        starts[order] = np.maximum(arrivals[order], covered)
        return Intervals(np.where(pair >= 0, keys, -1), starts, ends)

    def _departures(self, over: int, hop: int) -> Ints:
        """The first position whose lower edge has passed each event; beyond the log for those still inside."""
        edges = self._as_of - over
        edges -= edges % hop
        passed = np.searchsorted(edges, self._times, side="right")
        return np.where(passed == len(edges), len(edges) + 1, passed)

    def _amounts(self, feature: Windowed) -> Ints:
        if feature.aggregate is Aggregate.COUNT:
            if not feature.measure:
                return np.ones(len(self._times), np.int64)
            return np.asarray(pc.equal(self._events["kind"], feature.measure).to_numpy(), np.int64)
        column = pc.fill_null(self._events[feature.measure], 0).to_numpy()
        capped: Ints = np.minimum(column, AMOUNT_MAX).astype(np.int64)
        return capped

    def _codes(self, column: str) -> tuple[Ints, list[str]]:
        """The column as integers, -1 where it is missing, and the names of the integers."""
        if column not in self._coded:
            encoded = self._events[column].combine_chunks().dictionary_encode()
            codes = pc.fill_null(encoded.indices, -1).to_numpy().astype(np.int64)
            self._coded[column] = codes, encoded.dictionary.to_pylist()
        return self._coded[column]


def _grouped(features: Sequence[Windowed]) -> Iterator[tuple[tuple[int, int], list[tuple[int, Windowed]]]]:
    groups: dict[tuple[int, int], list[tuple[int, Windowed]]] = {}
    for at, feature in enumerate(features):
        groups.setdefault((feature.over, feature.hop), []).append((at, feature))
    yield from groups.items()


def _running_maximum(values: Ints, group: Ints) -> Ints:
    """The largest value before each place within its group, zero at a group's first place. Groups are contiguous."""
    step = int(values.max(initial=0)) + 1
    so_far = np.maximum.accumulate(group * step + values) - group * step
    starts_group = np.diff(group, prepend=0) != 0
    before: Ints = np.where(starts_group, 0, np.roll(so_far, 1))
    return before
