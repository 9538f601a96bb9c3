"""Impossible travel, and other comparisons with what was known before."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.derived import COLUMNS, DERIVED, NAMES, Derivation
from features.graph import GRAPH_FEATURES
from features.intelligence.distance import EARTH_KM, distance_km, over, speed_kmh
from features.log import SCHEMA
from features.table import WINDOWS

VALUES = tuple(dict.fromkeys(value for feature in DERIVED for value in feature.values))
LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)
ANY = st.floats() | st.floats(-180, 180)
HALF = math.pi * EARTH_KM


@settings(deadline=None)  # the first example compiles
@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_the_distance_is_that_of_two_vectors_on_the_sphere(one: float, two: float, three: float, four: float) -> None:
    """Vincenty's form on a sphere: the angle between two unit vectors, well conditioned everywhere."""

    def vector(latitude: float, longitude: float) -> Any:
        up, along = math.radians(latitude), math.radians(longitude)
        return np.array([math.cos(up) * math.cos(along), math.cos(up) * math.sin(along), math.sin(up)])

    here, there = vector(one, two), vector(three, four)
    angle = math.atan2(float(np.linalg.norm(np.cross(here, there))), float(here @ there))
    # The haversine formula loses digits near the antipode: half a kilometre is more than it ever does.
    assert distance_km(one, two, three, four) == pytest.approx(angle * EARTH_KM, abs=0.5)
    assert distance_km(one, two, three, four) == pytest.approx(distance_km(three, four, one, two), abs=1e-6)


@pytest.mark.parametrize(
    ("places", "kilometres"),
    [
        ((0.0, 179.9, 0.0, -179.9), 0.2 / 180 * HALF),  # across the date line
        ((90.0, 12.0, 90.0, -140.0), 0.0),  # one pole, two longitudes
        ((90.0, 0.0, -90.0, 77.0), HALF),
        ((0.0, -180.0, 0.0, 180.0), 0.0),
        ((31.2304, 121.4737, 22.3193, 114.1694), 1226.5),  # Shanghai to Hong Kong
    ],
)
def test_distances_that_are_known(places: tuple[float, ...], kilometres: float) -> None:
    assert distance_km(*places) == pytest.approx(kilometres, abs=1.0 if kilometres > 100 else 1e-6)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 90.001, 1e300])
def test_what_is_no_place_is_at_no_distance(wrong: float) -> None:
    assert math.isnan(distance_km(wrong, 0.0, 0.0, 0.0))
    assert math.isnan(distance_km(0.0, 0.0, wrong, 0.0))
    assert math.isnan(distance_km(0.0, wrong * 2, 0.0, 0.0))


def test_a_speed_forgives_what_places_may_be_wrong_by_and_never_divides_by_nothing() -> None:
    assert speed_kmh(99.0, 0.0) == 0.0
    assert speed_kmh(1000.0, 3600.0) == speed_kmh(1000.0, -3600.0) == 900.0
    assert speed_kmh(1000.0, 0.0) == speed_kmh(1000.0, 600.0) == 5400.0
    assert math.isnan(speed_kmh(math.nan, 1.0))
    assert math.isnan(speed_kmh(1.0, math.nan))


def test_a_share_of_nothing_is_unknown() -> None:
    assert over(3.0, 2.0) == 1.5
    assert all(math.isnan(over(1.0, whole)) for whole in (0.0, -1.0, math.nan))


ROW = st.fixed_dictionaries(
    {column: st.none() | ANY for column in COLUMNS} | {"reward_micros": st.none() | st.integers(0, 2**53)}
)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(ROW, st.lists(ANY, min_size=len(VALUES), max_size=len(VALUES))), max_size=20))
def test_a_table_says_what_its_rows_say(cells: list[tuple[dict[str, Any], list[float]]]) -> None:
    derivation = Derivation([*VALUES, *NAMES])
    matrix = np.array([[*values, *[math.nan] * len(NAMES)] for _, values in cells]).reshape(
        len(cells), len(VALUES) + len(NAMES)
    )
    by_rows = np.empty((len(cells), len(DERIVED)))
    for at, (row, _) in enumerate(cells):
        derivation.read(row, matrix[at], by_rows[at])
    table = pa.Table.from_pylist([row for row, _ in cells], schema=pa.schema([SCHEMA.field(name) for name in COLUMNS]))
    np.testing.assert_array_equal(derivation.vectors(table, matrix), by_rows)


def test_a_value_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="user__last_latitude__1d"):
        Derivation([name for name in VALUES if name != "user__last_latitude__1d"])
    one = DERIVED[0]
    with pytest.raises(ValueError, match=one.name):
        Derivation([*VALUES, one.name], [type(one)("x", (), (one.name,), over, "", "", ""), one])


def test_all_values_that_are_needed_are_in_the_table_or_the_graph() -> None:
    Derivation([feature.name for feature in (*WINDOWS, *GRAPH_FEATURES)])


def test_a_flight_through_a_vpn_is_seen() -> None:
    derivation = Derivation(VALUES)
    known = {"user__last_latitude__1d": 31.23, "user__last_longitude__1d": 121.47, "user__since_latitude__1d": 1200.0}
    vector = np.array([known.get(name, math.nan) for name in VALUES])
    into = np.empty(len(DERIVED))
    derivation.read(dict.fromkeys(COLUMNS) | {"latitude": 40.7, "longitude": -74.0}, vector, into)
    assert into[NAMES.index("user__travel_speed_kmh")] > 30_000
    assert np.isnan(into[NAMES.index("event__reward_over_user_mean")])
