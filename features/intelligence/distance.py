"""How far apart two places are, and how fast somebody must have been: one compiled body, for one row and for many.

All take and return float64, and answer NaN where something is unknown. `many` makes of each a numpy ufunc.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numba
from numba import float64

from features.compiling import loop

EARTH_KM: Final = 6371.0088
"""Mean radius of the Earth (IUGG R1, Moritz 2000, Geodetic Reference System 1980)."""
# A place that is derived from an address is right about the town, not about the street: 50 km at either end.
UNCERTAINTY_KM: Final = 100.0
# Two events of one minute may come from a phone's network and a home's: below ten minutes a speed says nothing.
SECONDS_MIN: Final = 600.0
_vectorize: Any = numba.vectorize  # it carries no types


@loop
def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance of two places in degrees, kilometres: 0 to 20,015.

    The haversine formula (Sinnott 1984, Virtues of the Haversine, Sky and Telescope 68, 159), exact for near places,
    across the date line and at the poles. NaN for what is no place on Earth.
    """
    if not (abs(latitude) <= 90.0 and abs(other_latitude) <= 90.0):
        return math.nan
    if not (abs(longitude) <= 180.0 and abs(other_longitude) <= 180.0):
        return math.nan
    here, there = math.radians(latitude), math.radians(other_latitude)
    up = math.sin((there - here) / 2.0)
    along = math.sin(math.radians(other_longitude - longitude) / 2.0)
    chord = up * up + math.cos(here) * math.cos(there) * along * along
    return 2.0 * EARTH_KM * math.asin(math.sqrt(min(1.0, chord)))


@loop
def speed_kmh(distance: float, seconds: float) -> float:
    """The least speed that explains `distance` (km) in `seconds`, km/h: less what the places may be wrong by.

    The time is taken without its sign (an event may be late), and as ten minutes at least.
    """
    if math.isnan(distance) or math.isnan(seconds):
        return math.nan
    return max(0.0, distance - UNCERTAINTY_KM) / (max(SECONDS_MIN, abs(seconds)) / 3600.0)


@loop
def over(part: float, whole: float) -> float:
    """`part / whole`; NaN where either is unknown or the whole is not above zero."""
    if not whole > 0.0:
        return math.nan
    return part / whole


@loop
def travel_kmh(latitude: float, longitude: float, last_latitude: float, last_longitude: float, seconds: float) -> float:
    """The least speed from the last place to this one, `seconds` later, km/h."""
    return speed_kmh(distance_km(latitude, longitude, last_latitude, last_longitude), seconds)


@cache  # a function is compiled once; there are as many as features
def many(one: Callable[..., float], arguments: int) -> Any:
    """The ufunc of a compiled function: the same body, over whole arrays."""
    return _vectorize([float64(*[float64] * arguments)], cache=True)(one)
