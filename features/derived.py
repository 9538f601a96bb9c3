"""Features that compare an event with what was known before it: functions of its columns and of window values.

They are computed last, from a vector whose windows are filled already; nothing is kept for them.

    derivation = Derivation(FEATURES)
    derivation.read(row, vector, vector[-len(DERIVED):])
    matrix[:, -len(DERIVED):] = derivation.vectors(table, matrix)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.intelligence.distance import distance_km, many, over, travel_kmh
from features.intelligence.ranges import Vector


@dataclass(frozen=True)
class Derived:
    """`number` is compiled; it takes the columns, then the values of other features by name. NaN in, NaN out."""

    name: str
    columns: tuple[str, ...]
    values: tuple[str, ...]
    number: Callable[..., float]
    description: str
    unit: str
    reason: str


_PLACE: Final = ("latitude", "longitude")
_LAST_PLACE: Final = ("user__last_latitude__1d", "user__last_longitude__1d")

DERIVED: Final = (
    Derived(
        "user__distance_from_last_place_km",
        _PLACE,
        _LAST_PLACE,
        distance_km,
        "great-circle distance from the user's previous place, within a day",
        "kilometres",
        "an account that was taken over, or is shared, is used far from where it was",
    ),
    Derived(
        "user__travel_speed_kmh",
        _PLACE,
        (*_LAST_PLACE, "user__since_latitude__1d"),
        travel_kmh,
        "least speed from the user's previous place to here, less 100 km of doubt, over ten minutes at least",
        "km/h",
        "nobody is faster than an airliner, about 900 km/h; a VPN that is switched on is",
    ),
    Derived(
        "event__reward_over_user_mean",
        ("reward_micros",),
        ("user__mean_reward_micros__7d",),
        over,
        "reward, as a multiple of the user's mean of 7 days",
        "times",
        "an account that was warmed up with small tasks takes a large reward at last",
    ),
    Derived(
        "event__reward_over_campaign_mean",
        ("reward_micros",),
        ("campaign__mean_reward_micros__7d",),
        over,
        "reward, as a multiple of the campaign's mean of 7 days",
        "times",
        "cherry-picking: only the goals that pay most, and none of those before them",
    ),
    Derived(
        "event__duration_over_task_mean",
        ("interaction_duration_ms",),
        ("task__mean_interaction_duration_ms__7d",),
        over,
        "time on the task, as a multiple of everybody's mean of 7 days",
        "times",
        "whoever needs a tenth of the others' time did not do the task",
    ),
    Derived(
        "user__found_over_count",
        (),
        ("graph__user_found", "user__count__30d"),
        over,
        "findings against this person, each halved every 14 days, over their events of 30 days",
        "findings per event",
        "of an honest person's hundred events partners mistake one at most, of a fraud's every third",
    ),
)
COLUMNS: Final = tuple(dict.fromkeys(column for feature in DERIVED for column in feature.columns))
NAMES: Final = tuple(feature.name for feature in DERIVED)


class Derivation:
    """`features` bound to the order of names in which the values of others come.

    Raises ValueError if a value that one of them needs is not among `names`, or is a derived one itself.
    """

    def __init__(self, names: Sequence[str], features: Sequence[Derived] = DERIVED) -> None:
        self.features = tuple(features)
        known = {name: at for at, name in enumerate(names)}
        for derived in self.features:
            known.pop(derived.name, None)
        missing = sorted({name for feature in self.features for name in feature.values} - known.keys())
        if missing:
            raise ValueError(f"derived features need window features that are not there: {', '.join(missing)}")
        self._places = [[known[name] for name in feature.values] for feature in self.features]
        self._many = [many(one.number, len(one.columns) + len(one.values)) for one in self.features]

    def read(self, row: Mapping[str, Any], vector: Vector, into: Vector) -> None:
        """Write the features of one row into `into`, `(derived,)`. `vector` holds the values of `names`."""
        for at, (feature, places) in enumerate(zip(self.features, self._places, strict=True)):
            values = [row[column] for column in feature.columns]
            known = None if None in values else [*map(float, values), *vector[places].tolist()]
            # Most events know no place: what is missing is not worth a call.
            into[at] = np.nan if known is None or any(map(isnan, known)) else feature.number(*known)

    def vectors(self, table: pa.Table, matrix: Vector) -> Vector:
        """The same for a table and its matrix, `(rows, names)`: `(rows, derived)`."""
        found = np.empty((table.num_rows, len(self.features)))
        for at, (feature, places) in enumerate(zip(self.features, self._places, strict=True)):
            columns = [_numbers(table[column]) for column in feature.columns]
            found[:, at] = self._many[at](*columns, *(matrix[:, place] for place in places))
        return found


def _numbers(values: pa.ChunkedArray) -> Vector:
    return np.asarray(pc.fill_null(pc.cast(values, pa.float64()), np.nan).to_numpy())
