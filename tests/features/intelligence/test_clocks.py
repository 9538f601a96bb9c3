"""Clocks, regions and verdicts: what fits together and what cannot be said."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import micros_of
from features.intelligence import clocks
from features.intelligence.clocks import QUARTER, country_offsets, offset_hours, region_of
from features.intelligence.consistency import (
    attestation_withheld,
    country_gap_hours,
    locale_is_foreign,
    longitude_gap_hours,
    tampering_signs,
)

SUMMER, WINTER = (micros_of(datetime(2026, month, 1, tzinfo=UTC)) for month in (7, 1))
ZONES = sorted(clocks._zones())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)))  # noqa: DTZ001  # made aware below
def test_an_offset_is_that_of_the_time_zone_at_the_quarter_of_the_hour(zone: str, instant: datetime) -> None:
    moment = instant.replace(tzinfo=UTC, minute=instant.minute // 15 * 15, second=0, microsecond=0)
    expected = moment.astimezone(clocks._rules(zone)).utcoffset()
    assert expected is not None
    assert offset_hours(zone, micros_of(instant.replace(tzinfo=UTC))) == expected.total_seconds() / 3600


def test_summer_time_is_followed_and_the_machines_own_table_agrees() -> None:
    assert [offset_hours("America/New_York", time) for time in (WINTER, SUMMER)] == [-5.0, -4.0]
    ahead = datetime(2026, 7, 1, tzinfo=ZoneInfo("America/New_York")).utcoffset()
    assert ahead is not None
    assert ahead.total_seconds() / 3600 == -4.0


@pytest.mark.parametrize(
    ("zone", "hours"), [("GMT+08:00", 8), ("UTC-3:30", -3.5), ("+0545", 5.75), ("Etc/GMT+8", -8), ("GMT0", 0)]
)
def test_an_offset_may_be_said_in_numbers(zone: str, hours: float) -> None:
    assert offset_hours(zone, SUMMER) == hours


@pytest.mark.parametrize(
    "zone", ["", "asia/shanghai", "Mars/Base", "../../etc/passwd", "GMT+99", "Z" * 10_000_000, "\0"]
)
def test_a_zone_that_nobody_knows_says_nothing(zone: str) -> None:
    assert offset_hours(zone, SUMMER) is None
    assert np.isnan(country_gap_hours(zone, "CN", SUMMER))
    assert np.isnan(longitude_gap_hours(zone, 120.0, SUMMER))


@pytest.mark.parametrize("time", [-1, -(2**62), 2**62, 4_102_444_800_000_000])
def test_a_time_beyond_the_calendar_says_nothing(time: int) -> None:
    assert offset_hours("Asia/Shanghai", time) is None
    assert country_offsets("CN", time) == ()


def test_what_is_remembered_is_bounded() -> None:
    for hour in range(500):
        offset_hours("Asia/Shanghai", SUMMER + hour * 4 * QUARTER)
    for cache in (clocks._offset, clocks._offsets_within):
        assert cache.cache_info().maxsize == clocks.REMEMBERED


@pytest.mark.parametrize(
    ("zone", "country", "gap"),
    [
        ("Asia/Shanghai", "CN", 0.0),
        ("Asia/Singapore", "CN", 0.0),  # another place, the same clock: nothing can be said
        ("America/New_York", "CN", 10.0),  # -4 in summer, and the west of China counts as +6
        ("America/Denver", "US", 0.0),
        ("Asia/Kolkata", "NP", 0.25),
        ("Pacific/Auckland", "US", 1.0),  # across the date line: +13 in summer, and Hawaii is at -10
        ("Asia/Shanghai", "ZZ", np.nan),
    ],
)
def test_the_gap_to_a_country_is_that_to_its_nearest_clock(zone: str, country: str, gap: float) -> None:
    found = country_gap_hours(zone, country, WINTER if zone.startswith("Pacific") else SUMMER)
    np.testing.assert_array_equal(found, gap)


@pytest.mark.parametrize(
    ("longitude", "gap"), [(120.0, 0.0), (-60.0, 12.0), (180.0, 4.0), (-180.0, 4.0), (np.nan, np.nan), (1e300, np.nan)]
)
def test_the_gap_to_the_sun_goes_around_the_date_line(longitude: float, gap: float) -> None:
    np.testing.assert_array_equal(longitude_gap_hours("Asia/Shanghai", longitude, SUMMER), gap)


@pytest.mark.parametrize(
    ("locale", "region"),
    [
        ("zh-CN", "CN"),
        ("zh_Hans_CN", "CN"),
        ("en_US.UTF-8", "US"),
        ("en-us-u-ca-buddhist", "US"),
        ("zh-cmn-Hans-TW", "TW"),
        ("en", None),
        ("es-419", None),
        ("zh-Hans", None),
        ("", None),
        ("-" * 10_000_000, None),
    ],
)
def test_a_locale_names_its_region_or_none(locale: str, region: str | None) -> None:
    assert region_of(locale) == region


def test_a_foreign_locale_is_one_of_another_country() -> None:
    found = [locale_is_foreign(locale, "CN") for locale in ("zh-CN", "en-US", "zh")]
    np.testing.assert_array_equal(found, [0, 1, np.nan])


@pytest.mark.parametrize(
    ("attestation", "system", "withheld"),
    [
        (None, "android", np.nan),
        ("strong", None, 0.0),
        ("failed", None, 1.0),
        ("unavailable", "Android 14", 1.0),
        ("unavailable", "iOS", 1.0),
        ("unavailable", "windows", 0.0),
        ("unavailable", None, np.nan),
        ("unavailable", "x" * 10_000_000, 0.0),
    ],
)
def test_attestation_is_withheld_where_it_could_be_given(
    attestation: str | None, system: str | None, withheld: float
) -> None:
    np.testing.assert_array_equal(attestation_withheld(attestation, system), withheld)


def test_signs_of_tampering_are_counted_among_those_that_are_known() -> None:
    cases = [(True, True, "failed"), (True, None, "strong"), (None, None, "unavailable"), (None, None, None)]
    np.testing.assert_array_equal([tampering_signs(*case) for case in cases], [3, 1, 0, np.nan])
