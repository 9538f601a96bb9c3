"""The device graph: ties by device and destination, never by network, bounded at hubs."""

from typing import Any

import numpy as np

from features.graph import DEGREE_MAX, DeviceGraph
from features.log import SCHEMA


def row(sequence: int, user: str | None, device: str | None = None, destination: str | None = None) -> dict[str, Any]:
    keys = {"user_id": user, "device_key": device, "payout_destination": destination, "sequence": sequence}
    return dict.fromkeys(SCHEMA.names) | {"ip_key": "10.0.0.1", "network_key": "10.0.0.0/24"} | keys


def read(graph: DeviceGraph, *keys: str | None) -> list[float]:
    into = np.empty(7)
    graph.read(row(0, *keys), into)
    return list(into)


def test_people_who_share_a_device_or_a_destination_are_one_component() -> None:
    graph = DeviceGraph()
    for at, keys in enumerate([("a", "web:1"), ("b", "web:1"), ("b", "web:2"), ("c", None, "d1"), ("b", None, "d1")]):
        graph.fold(row(at + 1, *keys))
    devices, device_users, destination_users, users, component_devices, *_ = read(graph, "c", "web:1", "d1")
    assert (devices, device_users, destination_users) == (0, 2, 2)
    assert (users, component_devices) == (3, 2)


def test_a_shared_address_joins_nobody() -> None:
    graph = DeviceGraph()
    graph.fold(row(1, "a", "web:1"))
    graph.fold(row(2, "b", "web:2"))
    assert read(graph, "a", "web:2")[3] == 1


def test_what_is_missing_is_missing_and_what_is_new_is_zero() -> None:
    graph = DeviceGraph()
    assert np.isnan(read(graph, None, None)).all()
    assert read(graph, "new", "web:new", "d-new") == [0] * 7


def test_reading_changes_nothing() -> None:
    graph = DeviceGraph()
    graph.fold(row(1, "a", "web:1"))
    before = read(graph, "z", "web:z", "d-z")
    assert before == read(graph, "z", "web:z", "d-z")
    assert list(graph.neighbours("user:z")) == []


def test_a_hub_joins_nobody_further() -> None:
    graph = DeviceGraph()
    for at in range(DEGREE_MAX * 3):
        graph.fold(row(at + 1, f"u{at}", "web:tablet"))
    assert read(graph, "u0", "web:tablet")[1] == DEGREE_MAX
    assert read(graph, "u0", "web:tablet")[3] == DEGREE_MAX
    assert read(graph, f"u{DEGREE_MAX + 1}", None)[3] == 1


def test_every_joining_is_logged_with_its_sequence() -> None:
    graph = DeviceGraph()
    graph.fold(row(4, "a", "web:1"))
    graph.fold(row(9, "b", "web:1"))
    graph.fold(row(11, "a", "web:1"))
    assert [union.sequence for union in graph.unions] == [4, 9]
