"""The table of windows, and the fold's promises that are not parity."""

import numpy as np
import pytest

from features.fold import Ring, Windows
from features.log import SCHEMA, Row
from features.vector import CATEGORICAL, DESCRIPTIONS, FEATURES, VERSION, FeatureEngine
from features.windows import DAY, DISTINCT_MAX, HOUR, WINDOWS, Aggregate, Entity, Windowed, version_of


def test_names_follow_from_their_parts_and_are_unique() -> None:
    made = Windowed(Entity.DEVICE, Aggregate.DISTINCT, "user_id", 7 * DAY, 6 * HOUR)
    assert made.name == "device__distinct_user_id__7d"
    assert len(set(FEATURES)) == len(FEATURES)
    assert set(DESCRIPTIONS) == set(FEATURES)
    assert set(CATEGORICAL) < set(FEATURES)


@pytest.mark.parametrize(("over", "hop"), [(DAY, 7 * HOUR), (30 * DAY, 60_000_000 * 30)])
def test_a_hop_divides_its_window_into_at_most_720_tiles(over: int, hop: int) -> None:
    with pytest.raises(ValueError, match="hop must divide"):
        Windowed(Entity.USER, Aggregate.COUNT, "", over, hop)


def test_the_version_changes_with_any_definition() -> None:
    assert version_of(WINDOWS) != version_of(WINDOWS[:-1])
    assert len(VERSION) == 12


def test_a_ring_keeps_a_bounded_number_of_tiles_and_values() -> None:
    ring = Ring(1, 1)
    for at in range(5000):
        ring.forget_before(at * HOUR - DAY)
        ring.add(at * HOUR, [1], [f"v{at}"])
    assert len(ring.tiles) == len(ring.starts) == 25
    full = Ring(0, 1)
    for at in range(5000):
        full.add(0, [], [f"v{at}"])
    assert len(full.seen[0]) == DISTINCT_MAX


def test_a_window_ends_where_its_lower_edge_passes() -> None:
    feature = Windowed(Entity.USER, Aggregate.COUNT, "", HOUR, 5 * 60_000_000)
    windows, into = Windows([feature]), np.empty(1)
    windows.fold(row(0))
    for later, expected in [(HOUR, 1), (HOUR + 5 * 60_000_000 - 1, 1), (HOUR + 5 * 60_000_000, 0)]:
        windows.read(row(later), into)
        assert into[0] == expected, later


def row(time: int) -> Row:
    start = 1_700_000_000_000_000 // (5 * 60_000_000) * (5 * 60_000_000)
    made: Row = dict.fromkeys(SCHEMA.names) | {"user_id": "u", "kind": "login"}
    return made | {"event_time": start + time, "as_of": start + time, "sequence": 1}


def test_outcomes_teach_no_window() -> None:
    engine = FeatureEngine()
    engine.fold(row(0) | {"kind": "clean"})
    assert engine.vector(row(1))[FEATURES.index("user__count__1h")] == 0
