"""What an event says by itself: each feature is one function of one column."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.events import Attestation, IpProvenance, Kind
from features.fold import Vector
from features.windows import DAY, HOUR

# Ids of campaigns, partners and models are folded into this many categories: no table of ids has to be kept in step
# between training and serving. Collisions blur two ids, they never mislead about one.
CATEGORIES: Final = 4096


@dataclass(frozen=True)
class Intrinsic:
    """`number` turns one non-null value of `column` into a float."""

    name: str
    column: str
    number: Callable[[Any], float]
    description: str
    categorical: bool = False


def _level(levels: type[StrEnum]) -> Callable[[Any], float]:
    table = {str(level): float(at) for at, level in enumerate(levels)}
    return lambda value: table[value]


def _category(value: Any) -> float:
    return float(crc32(str(value).encode()) % CATEGORIES)


INTRINSIC: Final = (
    Intrinsic("event__kind", "kind", _level(Kind), "kind of event", categorical=True),
    Intrinsic("event__hour_of_day", "event_time", lambda t: float(t % DAY // HOUR), "hour of the day, UTC"),
    Intrinsic("event__reward_micros", "reward_micros", float, "reward that the platform promised, micros"),
    Intrinsic("event__revenue_micros", "revenue_micros", float, "revenue that the partner owes, micros"),
    Intrinsic("event__amount_micros", "amount_micros", float, "amount withdrawn or spent, micros"),
    Intrinsic("event__campaign", "campaign_id", _category, "campaign, as one of 4096 categories", categorical=True),
    Intrinsic("event__partner", "partner_id", _category, "partner, as one of 4096 categories", categorical=True),
    Intrinsic("event__ip_provenance", "ip_provenance", _level(IpProvenance), "whose address it is", categorical=True),
    Intrinsic("event__city_tier", "city_tier", float, "tier of the city, 1 the largest"),
    Intrinsic("device__attestation", "attestation", _level(Attestation), "verdict on the device", categorical=True),
    Intrinsic("device__is_emulator", "fingerprint_is_emulator", float, "the client says that it runs in an emulator"),
    Intrinsic("device__is_rooted", "fingerprint_is_rooted", float, "the client says that the device is rooted"),
    Intrinsic("device__price_tier", "fingerprint_price_tier", float, "price of the device, 1 cheapest to 5 dearest"),
    Intrinsic("device__model", "fingerprint_model", _category, "model, as one of 4096 categories", categorical=True),
    Intrinsic("device__os", "fingerprint_os", _category, "system, as one of 4096 categories", categorical=True),
    Intrinsic("touch__duration_ms", "interaction_duration_ms", float, "time on the task, milliseconds"),
    Intrinsic("touch__tap_count", "interaction_tap_count", float, "taps on the screen"),
    Intrinsic("touch__interval_mean_ms", "interaction_tap_interval_mean_ms", float, "mean between taps, milliseconds"),
    Intrinsic("touch__interval_spread_ms", "interaction_tap_interval_spread_ms", float, "their standard deviation"),
    Intrinsic("touch__pressure_variance", "interaction_touch_pressure_variance", float, "variance of touch pressure"),
    Intrinsic("touch__sensor_variance", "interaction_sensor_variance", float, "variance of the accelerometer"),
)


def read(row: Mapping[str, Any], into: Vector) -> None:
    """Write the event's own features into `into`; missing (NaN) where the event does not say."""
    for at, feature in enumerate(INTRINSIC):
        value = row[feature.column]
        into[at] = np.nan if value is None else feature.number(value)


def vectors(log: pa.Table) -> Vector:
    """The same for a whole log, `(rows, features)`: each different value is turned into a number once."""
    return np.column_stack([_column(log[feature.column], feature.number) for feature in INTRINSIC])


def _column(values: pa.ChunkedArray, number: Callable[[Any], float]) -> Vector:
    encoded = values.combine_chunks().dictionary_encode()
    table = np.array([*(number(value) for value in encoded.dictionary.to_pylist()), np.nan])
    return np.asarray(table[pc.fill_null(encoded.indices, len(table) - 1).to_numpy()])
