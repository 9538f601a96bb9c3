"""What is known of each entity's recent events: one state, read and folded a row or a whole table at a time.

Live traffic comes row by row, histories come as tables; both run the same compiled loops on the same state, so a
feature has one value wherever it is asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.digests import digest_of
from features.state import canonical
from features.state.heap import KEYS, enlarged, new_memory, room
from features.state.keys import rehashed
from features.state.observe import fold_row, read_row, values_of_keys
from features.state.program import AS_OF, compiled
from features.state.rows import facts_at, facts_of, facts_of_row
from features.state.sweep import sweep
from features.state.table import (
    Batch,
    find_records,
    gather,
    observe_decay,
    observe_recent,
    observe_register,
    observe_ring,
    order_of,
    read_ratios,
)
from features.windows import Entity, Ratio, Windowed

Vector = npt.NDArray[np.float64]

TABLE_ROWS_MAX: Final = 65_536
"""A table is taken in pieces of so many rows: enough for one key's events to come together, few enough to be small."""
_WORDS_FIRST: Final = 2**18
_KEYS_FIRST: Final = 2**12
_NO_ROWS: Final = np.empty((0, 0))


@dataclass(frozen=True)
class Changed:
    """The values of one key as of an instant (microseconds), in the order of the entity's features."""

    entity: Entity
    key: str
    as_of: int
    values: Sequence[float]


class Windows:
    """The state of every entity. Rows must come in the order of their sequence, outcomes left out."""

    def __init__(self, features: Sequence[Windowed | Ratio]) -> None:
        self.features = tuple(features)
        self.size = len(features)
        self.as_of = 0
        self._compiled = compiled(features)
        self._program = self._compiled.program
        self._memory = new_memory(_WORDS_FIRST, _KEYS_FIRST, 3 * self.size + 1)
        self._margin = self._compiled.words_per_event_max
        self._one = facts_at(0, self._compiled)
        self._into = np.empty((1, self.size))
        self._swept = 0
        self._taken: Mapping[str, Any] | None = None

    def read(self, row: Mapping[str, Any], into: Vector) -> None:
        """Write each feature as of `row` into `into`: missing (NaN) without a key. Changes nothing that is known; the
        row itself must not change before it is folded.
        """
        self._take(row)
        read_row(self._memory, self._program, self._one, self._into)
        into[: self.size] = self._into[0]

    def fold(self, row: Mapping[str, Any]) -> None:
        """Learn one event."""
        self._take(row)
        self._make_room()
        fold_row(self._memory, self._program, self._one)
        self.as_of = row["as_of"]
        self._taken = None

    def vectors(self, events: pa.Table) -> Vector:
        """`(rows, features)`: what `read` gives for each event before it is learned by `fold`; then all are known."""
        columns = np.full((self.size, events.num_rows), np.nan)
        for begin in range(0, events.num_rows, TABLE_ROWS_MAX):
            self._observe(events.slice(begin, TABLE_ROWS_MAX), columns, begin)
        read_ratios(self._program, columns)
        return columns.T

    def learn(self, events: pa.Table) -> None:
        """Learn a table of events."""
        for begin in range(0, events.num_rows, TABLE_ROWS_MAX):
            self._observe(events.slice(begin, TABLE_ROWS_MAX), _NO_ROWS, begin)

    def of_entity(self, entity: Entity, key: str, as_of: int) -> Vector:
        """The current values of one key, in the order of the entity's features: what Feast's online store holds."""
        return np.asarray(self.values_of(entity, [key], as_of)[0])

    def values_of(self, entity: Entity, keys: Sequence[str], as_of: int) -> Vector:
        """The current values of many keys: `(keys, features of the entity)`."""
        digests = np.fromiter(map(digest_of, keys), np.int64, len(keys))
        matrix = np.empty((len(keys), self.size))
        values_of_keys(
            self._memory, self._program, self._number(entity), digests, facts_at(as_of, self._compiled), matrix
        )
        return matrix[:, [at for at, feature in enumerate(self.features) if feature.entity is entity]]

    def forget(self, as_of: int, places_max: int) -> int:
        """Drop keys of which every window has emptied, among the next `places_max` of the index. How many they were.

        No value changes: a key that is forgotten reads like one that was never seen.
        """
        gone, self._swept = sweep(self._memory, self._program, facts_at(as_of, self._compiled), self._swept, places_max)
        return gone

    @property
    def keys(self) -> int:
        return int(self._memory.heap[KEYS])

    @property
    def state_bytes(self) -> int:
        """Memory in use by what is known."""
        return 8 * (len(self._memory.heap) - room(self._memory.heap) + len(self._memory.table))

    def snapshot(self) -> bytes:
        """The state in its canonical form: equal knowledge gives equal bytes, however it was come by."""
        return canonical.dump(self._memory, self._compiled, self.features, self.as_of)

    @classmethod
    def restore(cls, features: Sequence[Windowed | Ratio], snapshot: bytes) -> "Windows":
        """Raises ValueError for bytes of another version, of other features, or damaged."""
        windows = cls(features)
        windows.as_of, words = canonical.words_of(snapshot, windows.features)
        begin = 0
        while begin < len(words):
            windows._make_room()
            begin = canonical.load(windows._memory, windows._program, words, begin, windows._margin)
        return windows

    def _observe(self, events: pa.Table, into: Vector, first: int) -> None:
        """Rows from `first` on of the table that is read into `into`."""
        facts, wanted = facts_of(events, self._compiled), self._compiled
        gathered = np.empty_like(facts)
        for entity, part in enumerate(self._program.entities):
            rows = order_of(facts[part["key"]])
            gather(facts, wanted.read[entity], rows, gathered)
            batch = Batch(gathered, np.empty_like(rows), rows + first, into)
            self._through(batch, find_records, range(entity, entity + 1))
            self._through(batch, observe_ring, range(part["ring"], part["ring_end"]))
            self._through(batch, observe_register, range(part["register"], part["register_end"]))
            self._through(batch, observe_decay, range(part["decay"], part["decay_end"]))
            self._through(batch, observe_recent, range(part["recent"], part["recent_end"]))
        self.as_of = int(facts[AS_OF, -1])

    def _through(self, batch: Batch, step: Callable[..., int], numbers: range) -> None:
        """Take all rows through each part; where a step stops for want of room, some is made."""
        for number in numbers:
            done = 0
            while done < len(batch.records):
                self._make_room()
                done = step(self._memory, self._program, number, batch, done, self._margin)

    def _make_room(self) -> None:
        """What one event may need, before it is learned: arrays do not grow inside the loops."""
        while room(self._memory.heap) < self._margin:
            self._memory = enlarged(self._memory)
        if 2 * (self.keys + len(self._compiled.entities)) >= len(self._memory.table):
            self._memory = self._memory._replace(table=rehashed(self._memory, 2 * len(self._memory.table)))

    def _take(self, row: Mapping[str, Any]) -> None:
        """Put a row where the loops read it, once for reading and learning it."""
        if row is not self._taken:
            facts_of_row(row, self._compiled, self._one)
            self._taken = row

    def _number(self, entity: Entity) -> int:
        return self._compiled.entities.index(entity)
