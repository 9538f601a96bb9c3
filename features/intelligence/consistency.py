"""Whether what an event says of a device fits together: its clock, its place, its language, its own verdict on itself.

Each function takes values of columns and returns the feature's value, NaN where nothing can be said. None of them is
proof: people travel, migrate and tinker.
"""

from typing import Final

import numpy as np

from features.events import Attestation
from features.intelligence.clocks import country_offsets, offset_hours, region_of

DEGREES_PER_HOUR: Final = 15.0
# Play Integrity, and App Attest with DeviceCheck, answer on every genuine device of these systems.
_ATTESTING: Final = ("android", "ios", "ipados", "iphone os")
_SYSTEM_LENGTH: Final = 16


def attestation_withheld(attestation: str | None, system: str | None) -> float:
    """1 if attestation failed, or is unavailable on a system that has one; NaN if it says nothing, or of no system."""
    if attestation is None:
        return np.nan
    if attestation != Attestation.UNAVAILABLE:
        return float(attestation == Attestation.FAILED)
    return np.nan if system is None else float(system[:_SYSTEM_LENGTH].lower().startswith(_ATTESTING))


def tampering_signs(is_emulator: bool | None, is_rooted: bool | None, attestation: str | None) -> float:
    """How many signs hold, of those that are known; NaN if none is known."""
    failed = None if attestation is None else attestation == Attestation.FAILED
    known = [sign for sign in (is_emulator, is_rooted, failed) if sign is not None]
    return float(sum(known)) if known else np.nan


def country_gap_hours(zone: str, country: str, event_time: int) -> float:
    """Hours from the offset of `zone` to the nearest offset within `country`, around the clock: 0 to 12."""
    ahead = offset_hours(zone, event_time)
    if ahead is None:
        return np.nan
    return min((_apart(ahead, offset) for offset in country_offsets(country, event_time)), default=np.nan)


def longitude_gap_hours(zone: str, longitude: float, event_time: int) -> float:
    """Hours from the offset of `zone` to the mean solar time at `longitude` (degrees east): 0 to 12."""
    ahead = offset_hours(zone, event_time)
    # False for NaN, too.
    if ahead is None or not -180 <= longitude <= 180:
        return np.nan
    return _apart(ahead, longitude / DEGREES_PER_HOUR)


def _apart(one: float, other: float) -> float:
    """The difference of two offsets, hours. +13 and -11 name one clock: they are 0 apart."""
    gap = abs(one - other) % 24
    return min(gap, 24 - gap)


def locale_is_foreign(locale: str, country: str) -> float:
    """1 if the locale's region is another country; NaN if it names none."""
    region = region_of(locale)
    return np.nan if region is None else float(region != country)
