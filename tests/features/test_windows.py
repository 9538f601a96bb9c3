"""The table of windows, and the fold's promises that are not parity."""

import numpy as np
import pytest

from features.fold import Windows
from features.log import SCHEMA, Row
from features.table import TABLE, WINDOWS
from features.vector import CATEGORICAL, DESCRIPTIONS, FEATURES, VERSION, FeatureEngine
from features.windows import DAY, DISTINCT_MAX, HOUR, Aggregate, Entity, Ratio, Windowed, version_of


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


def test_state_is_bounded_by_tiles_and_values_not_by_events() -> None:
    features = [
        Windowed(Entity.USER, Aggregate.COUNT, "", DAY, HOUR),
        Windowed(Entity.USER, Aggregate.DISTINCT, "device_key", DAY, HOUR),
    ]
    windows, sizes = Windows(features), []
    for at in range(4000):
        windows.fold(row(at * HOUR // 100) | {"device_key": f"d{at}"})
        sizes.append(windows.state_bytes)
    assert sizes[-1] == sizes[2600]
    into = np.empty(2)
    windows.read(row(4000 * HOUR // 100), into)
    assert into[1] == DISTINCT_MAX


def test_idle_keys_are_forgotten_and_their_room_is_used_again() -> None:
    windows = Windows(TABLE)
    for at in range(2000):
        windows.fold(row(at * DAY) | {"user_id": f"u{at}", "device_key": f"d{at}"})
        windows.forget(row(at * DAY)["as_of"], 10_000)
    # A device is remembered for a year, a person for a month; 4,000 keys were met.
    assert windows.keys < 450
    assert windows.state_bytes < 8e6


def test_a_snapshot_of_another_table_or_a_damaged_one_is_refused() -> None:
    windows = Windows(TABLE)
    windows.fold(row(0))
    snapshot = windows.snapshot()
    assert Windows.restore(TABLE, snapshot).snapshot() == snapshot
    with pytest.raises(ValueError, match="another version"):
        Windows.restore(TABLE[:-1], snapshot)
    for damaged in (b"", snapshot[:40], snapshot[:-3], b"{}\n" + snapshot):
        with pytest.raises(ValueError, match=r"damaged|another version"):
            Windows.restore(TABLE, damaged)


def test_a_ratio_needs_both_features_in_the_table() -> None:
    count = Windowed(Entity.USER, Aggregate.COUNT, "", DAY, HOUR)
    with pytest.raises(ValueError, match="both of its features"):
        Windows([count, Ratio(count, Windowed(Entity.USER, Aggregate.COUNT, "", HOUR, HOUR))])


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
