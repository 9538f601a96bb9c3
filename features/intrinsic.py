"""What an event says by itself: each feature is one function of one or more columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.events import Attestation, IpProvenance, Kind
from features.intelligence import consistency
from features.intelligence.clocks import QUARTER
from features.intelligence.ranges import Vector

# Ids of campaigns, partners and models are folded into this many categories: no table of ids has to be kept in step
# between training and serving. Collisions blur two ids, they never mislead about one.
CATEGORIES: Final = 4096
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True)
class Intrinsic:
    """`number` turns the values of `columns`, in that order, into a float.

    It is asked only when none of them is null, unless `partial`. `grains` rounds a column down first, so that a table
    holds few different values of it.
    """

    name: str
    columns: tuple[str, ...]
    number: Callable[..., float]
    description: str
    unit: str
    reason: str
    categorical: bool = False
    partial: bool = False
    grains: tuple[tuple[str, int], ...] = ()

    @property
    def column(self) -> str:
        """The column that speaks for the feature where only one can be shown."""
        return self.columns[0]

    def of(self, row: Mapping[str, Any]) -> float:
        """The value for one row; missing (NaN) where the event does not say."""
        values = [row[column] for column in self.columns]
        if not self.partial and None in values:
            return np.nan
        for column, grain in self.grains:
            at = self.columns.index(column)
            values[at] = values[at] // grain * grain
        return self.number(*values)

    def of_table(self, table: pa.Table) -> Vector:
        """The same for a whole table, `(rows,)`: each different combination of values is turned into a number once."""
        grains = dict(self.grains)
        coded = [_coded(table[column], grains.get(column)) for column in self.columns]
        chosen, places = _combinations(coded)
        numbers = [np.nan if not self.partial and None in values else self.number(*values) for values in chosen]
        return np.array(numbers, dtype=np.float64)[places]


Codes = npt.NDArray[np.int64]


def _coded(values: pa.ChunkedArray, grain: int | None) -> tuple[Codes, list[Any]]:
    """Each value as its place in a list of the different ones; the last place is for nulls."""
    column = values.combine_chunks()
    if grain:
        floor = np.floor_divide(column.drop_null().to_numpy(), grain) * grain
        column = pc.replace_with_mask(column, column.is_valid(), pa.array(floor, column.type))
    encoded = column.dictionary_encode()
    known = [*encoded.dictionary.to_pylist(), None]
    return pc.fill_null(encoded.indices, len(known) - 1).to_numpy().astype(np.int64), known


def _combinations(coded: list[tuple[Codes, list[Any]]]) -> tuple[list[tuple[Any, ...]], Codes]:
    """The different combinations of values, and for each row the place of its own among them."""
    together, known = coded[0]
    if len(coded) == 1:
        return [(value,) for value in known], together
    for codes, values in coded[1:]:
        # Numbered anew at each step: the product of many large dictionaries would leave 64 bits.
        together = np.unique(together, return_inverse=True)[1] * len(values) + codes
    _, first, places = np.unique(together, return_index=True, return_inverse=True)
    return list(zip(*([values[at] for at in codes[first]] for codes, values in coded), strict=True)), places


def _level(levels: type[StrEnum]) -> Callable[[Any], float]:
    table = {str(level): float(at) for at, level in enumerate(levels)}
    return lambda value: table.get(value, np.nan)


def _category(value: Any) -> float:
    return float(crc32(str(value).encode(errors="backslashreplace")) % CATEGORIES)


def _one(name: str, column: str, number: Callable[[Any], float], *words: str, categorical: bool = False) -> Intrinsic:
    """A feature of one column; `words`: description, unit, reason."""
    description, unit, reason = words
    return Intrinsic(name, (column,), number, description, unit, reason, categorical)


def _id(name: str, column: str, what: str, reason: str) -> Intrinsic:
    return _one(name, column, _category, f"{what}, as one of {CATEGORIES} categories", "", reason, categorical=True)


_EVENT: Final = (
    _one(
        "event__kind", "kind", _level(Kind), "kind of event", "", "each kind has a fraud of its own", categorical=True
    ),
    Intrinsic(
        "event__hour_of_day",
        ("event_time",),
        lambda time: float(time % _DAY // _HOUR),
        "hour of the day, UTC",
        "hours",
        "people sleep, scripts do not",
        grains=(("event_time", _HOUR),),
    ),
    _one(
        "event__reward_micros",
        "reward_micros",
        float,
        "reward that the platform promised",
        "micros",
        "what is at stake",
    ),
    _one(
        "event__revenue_micros", "revenue_micros", float, "revenue that the partner owes", "micros", "who pays for it"
    ),
    _one("event__amount_micros", "amount_micros", float, "amount withdrawn or spent", "micros", "what would leave us"),
    _id("event__campaign", "campaign_id", "campaign", "some campaigns are hunted, and some attract only the honest"),
    _id("event__partner", "partner_id", "partner", "partners check more or less before they report"),
    _one(
        "event__ip_provenance",
        "ip_provenance",
        _level(IpProvenance),
        "whose address it is",
        "",
        "a partner's address says nothing of the person",
        categorical=True,
    ),
    _one(
        "event__city_tier",
        "city_tier",
        float,
        "tier of the city, 1 the largest",
        "",
        "incomes differ, so do rewards' pull",
    ),
)
_DEVICE: Final = (
    _one(
        "device__attestation",
        "attestation",
        _level(Attestation),
        "verdict on the device",
        "",
        "what the operating system vouches for is hard to fake",
        categorical=True,
    ),
    _one(
        "device__is_emulator",
        "fingerprint_is_emulator",
        float,
        "the client says that it runs in an emulator",
        "1 or 0",
        "a farm without phones runs emulators",
    ),
    _one(
        "device__is_rooted",
        "fingerprint_is_rooted",
        float,
        "the client says that the device is rooted",
        "1 or 0",
        "whoever owns the system can fake all that it reports",
    ),
    _one(
        "device__price_tier",
        "fingerprint_price_tier",
        float,
        "price of the device, 1 cheapest to 5 dearest",
        "",
        "farms buy cheap phones",
    ),
    _id("device__model", "fingerprint_model", "model", "farms buy the same model by the dozen"),
    _id("device__os", "fingerprint_os", "system", "systems differ in what can be faked"),
    Intrinsic(
        "device__attestation_withheld",
        ("attestation", "fingerprint_os"),
        consistency.attestation_withheld,
        "attestation failed, or is missing on a system that offers it",
        "1 or 0",
        "a phone that could vouch for itself and does not was tampered with, is none, or lacks Google's services",
        partial=True,
    ),
    Intrinsic(
        "device__tampering_signs",
        ("fingerprint_is_emulator", "fingerprint_is_rooted", "attestation"),
        consistency.tampering_signs,
        "how many of these hold: emulator, rooted, failed attestation",
        "signs",
        "one of them happens to hobbyists, all of them to hardly anybody honest",
        partial=True,
    ),
    Intrinsic(
        "device__time_zone_country_gap_hours",
        ("fingerprint_time_zone", "country", "event_time"),
        consistency.country_gap_hours,
        "hours between the clock of the device and the nearest clock of the country",
        "hours",
        "an address is moved by a VPN, the clock of the phone is forgotten",
        grains=(("event_time", QUARTER),),
    ),
    Intrinsic(
        "device__time_zone_longitude_gap_hours",
        ("fingerprint_time_zone", "longitude", "event_time"),
        consistency.longitude_gap_hours,
        "hours between the clock of the device and the sun at its longitude, in whole degrees",
        "hours",
        "a place is faked, the clock of the phone is forgotten; up to 3 hours are law, not fraud",
        grains=(("longitude", 1), ("event_time", QUARTER)),
    ),
    Intrinsic(
        "device__locale_is_foreign",
        ("fingerprint_locale", "country"),
        consistency.locale_is_foreign,
        "the region of the locale is another country than the event's",
        "1 or 0",
        "a farm serves campaigns of rich countries from elsewhere; so do travellers and migrants, it only weighs",
    ),
)
_TOUCH: Final = (
    _one(
        "touch__duration_ms",
        "interaction_duration_ms",
        float,
        "time on the task",
        "milliseconds",
        "bots are faster than people can read",
    ),
    _one(
        "touch__tap_count",
        "interaction_tap_count",
        float,
        "taps on the screen",
        "taps",
        "bots tap once, or always the same",
    ),
    _one(
        "touch__interval_mean_ms",
        "interaction_tap_interval_mean_ms",
        float,
        "mean between taps",
        "milliseconds",
        "fingers need time",
    ),
    _one(
        "touch__interval_spread_ms",
        "interaction_tap_interval_spread_ms",
        float,
        "standard deviation of the time between taps",
        "milliseconds",
        "a script taps to a beat",
    ),
    _one(
        "touch__pressure_variance",
        "interaction_touch_pressure_variance",
        float,
        "variance of touch pressure",
        "",
        "an injected touch has always the same pressure",
    ),
    _one(
        "touch__sensor_variance",
        "interaction_sensor_variance",
        float,
        "variance of the accelerometer",
        "",
        "a phone on a rack does not move",
    ),
)
INTRINSIC: Final = (*_EVENT, *_DEVICE, *_TOUCH)
COLUMNS: Final = tuple(dict.fromkeys(column for feature in INTRINSIC for column in feature.columns))


# What is one function of one column, as most are, is read without asking it how.
_PLAIN: Final = [
    (at, feature.column, feature.number)
    for at, feature in enumerate(INTRINSIC)
    if len(feature.columns) == 1 and not feature.partial and not feature.grains
]
_OTHERS: Final = [(at, feature) for at, feature in enumerate(INTRINSIC) if at not in {plain[0] for plain in _PLAIN}]


def read(row: Mapping[str, Any], into: Vector) -> None:
    """Write the event's own features into `into`; missing (NaN) where the event does not say."""
    for at, column, number in _PLAIN:
        value = row[column]
        into[at] = np.nan if value is None else number(value)
    for at, feature in _OTHERS:
        into[at] = feature.of(row)


def vectors(log: pa.Table) -> Vector:
    """The same for a whole log, `(rows, features)`. `log` has COLUMNS."""
    return np.column_stack([feature.of_table(log) for feature in INTRINSIC])
