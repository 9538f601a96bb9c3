"""What a device's time zone and locale say of where it is. Rules of time zones come from the pinned `tzdata` package.

Answers are remembered for a bounded number of questions, so that hostile names cost one look into a table each.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

import tzdata

from features.events import LATEST, micros_of

REMEMBERED: Final = 65_536
NAME_LENGTH_MAX: Final = 64
QUARTER: Final = 15 * 60 * 1_000_000
"""Offsets are asked for at quarters of an hour, microseconds: that is when clocks change."""
_LATEST: Final = micros_of(LATEST)
# Android reports a zone that was set by hand as an offset, `GMT+08:00`.
_OFFSET: Final = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?([0-5]\d))?")
# BCP 47: language, perhaps extended languages and a script, then the region; POSIX writes `_`, and `.UTF-8` behind.
_LOCALE: Final = re.compile(
    r"[a-z]{2,3}(?:[-_][a-z]{3}){0,3}(?:[-_][a-z]{4})?[-_]([a-z]{2})(?:[-_.@].*)?", re.IGNORECASE
)


def offset_hours(zone: str, event_time: int) -> float | None:
    """Hours that a zone is ahead of UTC at an instant (microseconds); None for a zone that nobody knows."""
    if len(zone) > NAME_LENGTH_MAX or not 0 <= event_time < _LATEST:
        return None
    if (fixed := _fixed_offset(zone)) is not None:
        return fixed
    return _offset(zone, event_time // QUARTER) if zone in _zones() else None


def country_offsets(country: str, event_time: int) -> tuple[float, ...]:
    """The different offsets within a country (ISO 3166-1 alpha-2) at an instant, hours; empty if nobody knows it."""
    known = country in _zones_of_countries() and 0 <= event_time < _LATEST
    return _offsets_within(country, event_time // QUARTER) if known else ()


def region_of(locale: str) -> str | None:
    """The region in a locale: `CN` of `zh-Hans-CN`, `US` of `en_US.UTF-8`; None if it names none."""
    found = _LOCALE.fullmatch(locale) if len(locale) <= NAME_LENGTH_MAX else None
    return found[1].upper() if found else None


@lru_cache(REMEMBERED)
def _offset(zone: str, quarter: int) -> float:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=quarter * QUARTER)
    ahead = at.astimezone(_rules(zone)).utcoffset()
    assert ahead is not None, "a zone of the table knows its offset"
    return ahead.total_seconds() / 3600


@lru_cache(REMEMBERED)
def _offsets_within(country: str, quarter: int) -> tuple[float, ...]:
    return tuple(sorted({_offset(zone, quarter) for zone in _zones_of_countries()[country]}))


def _fixed_offset(zone: str) -> float | None:
    found = _OFFSET.fullmatch(zone)
    if not found:
        return None
    hours = int(found[2]) + int(found[3] or 0) / 60
    return (hours if found[1] == "+" else -hours) if hours <= 18 else None


@cache  # at most as many as there are zones
def _rules(zone: str) -> ZoneInfo:
    # Not `ZoneInfo(zone)`: that would prefer the machine's own table, and two machines would differ.
    with (files(tzdata) / "zoneinfo").joinpath(*zone.split("/")).open("rb") as stream:
        return ZoneInfo.from_file(stream, key=zone)


@cache
def _zones() -> frozenset[str]:
    return frozenset((files(tzdata) / "zones").read_text(encoding="utf-8").split())


@cache
def _zones_of_countries() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in (files(tzdata) / "zoneinfo" / "zone.tab").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            found[country] = (*found.get(country, ()), zone)
    return found
