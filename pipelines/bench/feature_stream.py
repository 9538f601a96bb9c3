"""A generated stream of any length for benchmarks: made in chunks, the same for the same seed, however long it is.

People come and go: keys drift through an endless line of ids, so that the number alive at a time stays the same while
the number ever seen grows with the stream. Times are ragged as they are in life: a tenth of the events is late by up to
six hours, one in fifty is back-dated by up to a day, and half the clients tell whole minutes only, so that many tie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.events import Kind
from features.log import SCHEMA
from features.windows import DAY, HOUR, MINUTE, SECOND

Ints = npt.NDArray[np.int64]
START: Final = 1_700_000_000 * SECOND
CHUNK: Final = 50_000
LATE, BACK_DATED, MISSING = 0.1, 0.02, 0.05
KINDS: Final = tuple(map(str, Kind))
# How many ids of each sort are alive at a time, and the share of an event's place in the stream by which they drift.
ALIVE: Final = {"user_id": 5000, "device_key": 6000, "ip_key": 4000, "network_key": 900, "campaign_id": 60}
DRIFT: Final = {"user_id": 0.01, "device_key": 0.01, "ip_key": 0.01, "network_key": 0.0, "campaign_id": 0.0}


@dataclass
class Stream:
    """`per_day` events a day of the stream's own clock. Each chunk goes on where the one before ended."""

    seed: int
    per_day: int = 20_000
    sequence: int = 0
    as_of: int = 0

    def chunks(self, events: int, size: int = CHUNK) -> Iterator[pa.Table]:
        """Tables of at most `size` stamped rows, `events` in all, with the columns of the log that are filled."""
        while events > 0:
            yield self._chunk(min(size, events))
            events -= size

    def _chunk(self, size: int) -> pa.Table:
        dice = np.random.default_rng((self.seed, self.sequence))
        places = np.arange(self.sequence, self.sequence + size)
        times = self._times(dice, places)
        as_of = np.maximum(np.maximum.accumulate(times), self.as_of)
        self.sequence, self.as_of = self.sequence + size, int(as_of[-1])
        columns: dict[str, Any] = {"sequence": places + 1, "event_time": times, "recorded_at": as_of, "as_of": as_of}
        columns |= {"event_id": _named("e", places, None), "kind": _kinds(dice, size)}
        columns |= {name: _keys(dice, name, places) for name in ALIVE}
        columns |= {"reward_micros": _amounts(dice, size, 2_000_000), "revenue_micros": _amounts(dice, size, 5_000_000)}
        columns["task_id"] = _named("t", dice.integers(0, 400, size), dice.random(size) < 0.3)
        return pa.table({name: pa.array(column) for name, column in columns.items()}, schema=_SCHEMA)

    def _times(self, dice: np.random.Generator, places: Ints) -> Ints:
        size = len(places)
        arrivals = START + places * (DAY // self.per_day)
        whole = np.where(dice.random(size) < 0.5, arrivals - arrivals % MINUTE, arrivals)
        luck = dice.random(size)
        late = np.where(luck < LATE, dice.integers(0, 6 * HOUR, size), 0)
        times: Ints = whole - np.where(luck > 1 - BACK_DATED, dice.integers(0, DAY, size), late)
        return times


_COLUMNS: Final = (
    "sequence event_time recorded_at as_of event_id kind user_id device_key ip_key network_key campaign_id "
    "reward_micros revenue_micros task_id"
).split()
_SCHEMA: Final = pa.schema([SCHEMA.field(name) for name in _COLUMNS])


def _keys(dice: np.random.Generator, name: str, places: Ints) -> pa.Array:
    """Few keys are busy and most are quiet, as the square of an even draw has it."""
    size = len(places)
    drawn = (dice.random(size) ** 2 * ALIVE[name]).astype(np.int64) + (places * DRIFT[name]).astype(np.int64)
    return _named(name[0], drawn, dice.random(size) < MISSING)


def _named(letter: str, numbers: Ints, missing: npt.NDArray[np.bool_] | None) -> pa.Array:
    """`letter` and the number as text, each different one written once."""
    different, codes = np.unique(numbers, return_inverse=True)
    names = pa.array([f"{letter}-{number}" for number in different.tolist()])
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), names).cast(pa.string())


def _kinds(dice: np.random.Generator, size: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(dice.integers(0, len(KINDS), size), pa.array(KINDS)).cast(pa.string())


def _amounts(dice: np.random.Generator, size: int, most: int) -> pa.Array:
    return pa.array(dice.integers(0, most, size), mask=dice.random(size) < 0.3)
