"""The online fold: what the service knows of each entity, in tiles with running totals.

Reading costs one addition per tile that has left the window; folding costs one tile per window. The state of a key is
a `Ring` per window; rings are shared by all features of the same entity, window and hop.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from features.windows import AMOUNT_MAX, DISTINCT_MAX, Aggregate, Entity, Windowed

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Changed:
    """The values of one key as of an instant (microseconds), in the order of the entity's features."""

    entity: Entity
    key: str
    as_of: int
    values: Sequence[float]


class Tile:
    """What happened in one hop: a sum per additive feature, a bounded set per distinct one."""

    __slots__ = ("sets", "sums")

    def __init__(self, additive: int, distinct: int) -> None:
        self.sums = [0] * additive
        self.sets: list[set[str]] = [set() for _ in range(distinct)]


class Ring:
    """The tiles of one key in one window, the oldest first, with their running totals."""

    __slots__ = ("seen", "starts", "tiles", "totals")

    def __init__(self, additive: int, distinct: int) -> None:
        self.tiles: dict[int, Tile] = {}
        self.starts: list[int] = []
        self.totals = [0] * additive
        # How many tiles hold each value: a value leaves when its last tile does.
        self.seen: list[dict[str, int]] = [{} for _ in range(distinct)]

    def forget_before(self, floor: int) -> None:
        """Drop the tiles that the lower edge has passed. The edge only ever moves up."""
        if not self.starts or self.starts[0] >= floor:
            return
        gone = 0
        for start in self.starts:
            if start >= floor:
                break
            self._subtract(self.tiles.pop(start))
            gone += 1
        del self.starts[:gone]

    def _subtract(self, tile: Tile) -> None:
        for slot, amount in enumerate(tile.sums):
            self.totals[slot] -= amount
        for seen, values in zip(self.seen, tile.sets, strict=True):
            for value in values:
                if seen[value] == 1:
                    del seen[value]
                else:
                    seen[value] -= 1

    def add(self, start: int, amounts: Sequence[int], values: Sequence[str | None]) -> None:
        """Put one event into the tile that starts at `start`, however late it came."""
        tile = self.tiles.get(start)
        if tile is None:
            tile = self.tiles[start] = Tile(len(amounts), len(values))
            insort(self.starts, start)
        for slot, amount in enumerate(amounts):
            tile.sums[slot] += amount
            self.totals[slot] += amount
        for values_here, seen, value in zip(tile.sets, self.seen, values, strict=True):
            # A full set already pins the count at its limit for as long as this tile is in the window.
            if value is not None and value not in values_here and len(values_here) < DISTINCT_MAX:
                values_here.add(value)
                seen[value] = seen.get(value, 0) + 1


class _Plan:
    """How one event becomes amounts and values for one (entity, window, hop), and where results go in the vector."""

    def __init__(self, over: int, hop: int, placed: Iterable[tuple[int, Windowed]]) -> None:
        self.over, self.hop = over, hop
        placed = list(placed)
        additive = [(at, feature) for at, feature in placed if feature.aggregate is not Aggregate.DISTINCT]
        distinct = [(at, feature) for at, feature in placed if feature.aggregate is Aggregate.DISTINCT]
        self.additive_places = [at for at, _ in additive]
        self.distinct_places = [at for at, _ in distinct]
        self._amounts = [_amount_of(feature) for _, feature in additive]
        self._columns = [feature.measure for _, feature in distinct]

    def new_ring(self) -> Ring:
        return Ring(len(self._amounts), len(self._columns))

    def floor(self, as_of: int) -> int:
        edge = as_of - self.over
        return edge - edge % self.hop

    def read(self, ring: Ring, as_of: int, into: Vector) -> None:
        ring.forget_before(self.floor(as_of))
        for at, total in zip(self.additive_places, ring.totals, strict=True):
            into[at] = total
        for at, seen in zip(self.distinct_places, ring.seen, strict=True):
            into[at] = min(len(seen), DISTINCT_MAX)

    def fold(self, ring: Ring, row: Mapping[str, Any], as_of: int) -> None:
        floor = self.floor(as_of)
        ring.forget_before(floor)
        start = row["event_time"] - row["event_time"] % self.hop
        if start >= floor:
            ring.add(start, [amount(row) for amount in self._amounts], [row[column] for column in self._columns])


def _amount_of(feature: Windowed) -> Callable[[Mapping[str, Any]], int]:
    """What one event adds to a count or a sum: an integer, so that addition is exact in any order."""
    measure = feature.measure
    if feature.aggregate is Aggregate.SUM:
        return lambda row: 0 if row[measure] is None else min(int(row[measure]), AMOUNT_MAX)
    if measure:
        return lambda row: 1 if row["kind"] == measure else 0
    return lambda _: 1


class Windows:
    """The state of every entity. Rows must come in the order of their sequence, outcomes left out."""

    def __init__(self, features: Sequence[Windowed]) -> None:
        self.size = len(features)
        self._plans: dict[Entity, list[_Plan]] = {}
        self._state: dict[Entity, dict[str, list[Ring]]] = {}
        groups: dict[tuple[Entity, int, int], list[tuple[int, Windowed]]] = {}
        for at, feature in enumerate(features):
            groups.setdefault((feature.entity, feature.over, feature.hop), []).append((at, feature))
        for (entity, over, hop), placed in groups.items():
            self._plans.setdefault(entity, []).append(_Plan(over, hop, placed))
            self._state.setdefault(entity, {})

    def read(self, row: Mapping[str, Any], into: Vector) -> None:
        """Write each feature as of `row` into `into`: missing (NaN) without a key, zero for a key never seen."""
        into[: self.size] = np.nan
        for entity, plans in self._plans.items():
            key = row[entity.value]
            if key is not None:
                self._read_key(entity, plans, key, row["as_of"], into)

    def _read_key(self, entity: Entity, plans: list[_Plan], key: str, as_of: int, into: Vector) -> None:
        rings = self._state[entity].get(key)
        for at, plan in enumerate(plans):
            plan.read(rings[at] if rings else plan.new_ring(), as_of, into)

    def fold(self, row: Mapping[str, Any], as_of: int | None = None) -> None:
        """Learn one event. Where a history's end is known, `as_of` spares the windows that have left it by then."""
        as_of = row["as_of"] if as_of is None else as_of
        for entity, plans in self._plans.items():
            key = row[entity.value]
            if key is None:
                continue
            rings = self._state[entity].get(key)
            if rings is None:
                rings = self._state[entity][key] = [plan.new_ring() for plan in plans]
            for plan, ring in zip(plans, rings, strict=True):
                plan.fold(ring, row, as_of)

    def of_entity(self, entity: Entity, key: str, as_of: int) -> Vector:
        """The current values of one key, in the order of the entity's features: what Feast's online store holds."""
        vector = np.full(self.size, np.nan)
        self._read_key(entity, self._plans[entity], key, as_of, vector)
        places = sorted(at for plan in self._plans[entity] for at in (*plan.additive_places, *plan.distinct_places))
        return vector[places]
