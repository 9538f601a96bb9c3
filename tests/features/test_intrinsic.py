"""What an event says by itself: a row and a table say the same, whatever they hold."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import Attestation, IpProvenance, Kind
from features.intrinsic import COLUMNS, INTRINSIC, read, vectors
from features.log import SCHEMA, Row

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "kind": st.sampled_from([*map(str, Kind), "of another release"]),
    "event_time": st.one_of(st.integers(946_684_800_000_000, 4_102_444_799_999_999), st.integers(-(2**62), 2**62)),
    "attestation": st.sampled_from([*map(str, Attestation), "?"]),
    "ip_provenance": st.sampled_from([*map(str, IpProvenance)]),
    "country": st.sampled_from(["CN", "US", "ZZ", "", "x" * 100_000]),
    "longitude": st.floats(-180, 180) | st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -0.0]),
    "fingerprint_time_zone": st.sampled_from(["Asia/Shanghai", "America/New_York", "GMT+08:00", "?", "y" * 100_000]),
    "fingerprint_locale": st.sampled_from(["zh-CN", "en_US.UTF-8", "es-419", "", "z" * 100_000]),
    "fingerprint_os": st.sampled_from(["android", "iOS", "windows", "w" * 100_000]),
}
BY_TYPE = {
    pa.string(): st.text(max_size=20),
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(1, 5),
    pa.int64(): st.integers(0, 2**53 - 1),
    pa.float64(): st.floats(),
}


def value_of(column: str) -> st.SearchStrategy[Any]:
    values = VALUES.get(column, BY_TYPE[SCHEMA.field(column).type])
    return values if column == "event_time" else st.none() | values


ROWS = st.lists(st.fixed_dictionaries({column: value_of(column) for column in COLUMNS}), max_size=30)


def table_of(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([SCHEMA.field(column) for column in COLUMNS]))


def by_rows(rows: list[Row]) -> np.ndarray[Any, Any]:
    matrix = np.empty((len(rows), len(INTRINSIC)))
    for at, row in enumerate(rows):
        read(row, matrix[at])
    return matrix


@settings(max_examples=150, deadline=None)
@given(ROWS)
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_table_says_what_its_rows_say(rows: list[Row]) -> None:
    table = table_of(rows)
    np.testing.assert_array_equal(vectors(table), by_rows(table.to_pylist()))
    chunked = pa.concat_tables([table.slice(0, len(rows) // 2), table.slice(len(rows) // 2)])
    np.testing.assert_array_equal(vectors(chunked), by_rows(rows))


def test_an_event_that_says_nothing_has_no_feature_but_its_hour() -> None:
    (vector,) = by_rows([dict.fromkeys(COLUMNS) | {"event_time": 5 * 3_600_000_000}])
    assert [feature.name for feature, value in zip(INTRINSIC, vector, strict=True) if not np.isnan(value)] == [
        "event__hour_of_day"
    ]


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("device__time_zone_country_gap_hours", {"fingerprint_time_zone": "America/New_York", "country": "CN"}, 10),
        ("device__time_zone_longitude_gap_hours", {"fingerprint_time_zone": "Asia/Shanghai", "longitude": 90.9}, 2),
        ("device__locale_is_foreign", {"fingerprint_locale": "en-US", "country": "CN"}, 1),
        ("device__attestation_withheld", {"attestation": "unavailable", "fingerprint_os": "android"}, 1),
        ("device__tampering_signs", {"fingerprint_is_emulator": True, "attestation": "failed"}, 2),
    ],
)
def test_a_feature_of_several_columns_reads_all_of_them(name: str, row: Row, expected: float) -> None:
    (feature,) = [feature for feature in INTRINSIC if feature.name == name]
    assert feature.of(dict.fromkeys(COLUMNS) | {"event_time": 1_782_864_000_000_000} | row) == expected


def test_every_feature_says_what_it_is_and_why() -> None:
    assert len({feature.name for feature in INTRINSIC}) == len(INTRINSIC)
    assert len({feature.description for feature in INTRINSIC}) == len(INTRINSIC)
    assert all(feature.description and feature.reason for feature in INTRINSIC)
    assert {column for feature in INTRINSIC for column in feature.columns} <= set(SCHEMA.names)
