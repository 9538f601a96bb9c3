"""Row by row, in tables, from a snapshot, or by a plain oracle: the same graph on hostile streams."""

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import Device, DeviceKind, DeviceProvenance
from features.graph import COLUMNS, GRAPH_FEATURES, DeviceGraph
from features.graph.rows import OUTCOMES, device_key
from features.log import SCHEMA

Row = dict[str, Any]
DAY = 86_400_000_000
HOUR = DAY // 24
TABLE = pa.schema([SCHEMA.field(name) for name in COLUMNS])
PLACE = {feature.name.removeprefix("graph__"): at for at, feature in enumerate(GRAPH_FEATURES)}

users = st.sampled_from([None, "a", "b", "c", "d", "e"])
reported = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["android_id", "gaid", "install", "web"]),
        "id": st.sampled_from(["1", "2", "aB", "0-0"]),
        "provenance": st.sampled_from(["client", "client", "partner", "opted_out"]),
    }
)
steps = st.fixed_dictionaries(
    {
        "ahead": st.sampled_from([0, 0, HOUR // 2, HOUR, 5 * HOUR, DAY, 3 * DAY]),
        "late": st.sampled_from([0, 0, 0, 2 * HOUR, DAY, 400 * DAY]),
        "kind": st.sampled_from(["login", "login", "sign_up", "referral", "ban", "reversal", "disposition", "clean"]),
        "user_id": users,
        "device_key": st.sampled_from([None, "idfv:X", "web:1"]),
        "devices": st.one_of(st.none(), st.lists(reported, max_size=3)),
        "attestation": st.sampled_from([None, "strong", "failed"]),
        "payout_destination": st.sampled_from([None, None, None, "d1", "d2"]),
        "identity": st.sampled_from([None, None, None, "i1", "i2"]),
        "referrer_user_id": users,
        "network_key": st.sampled_from([None, "10.0.0.0/24"]),
        "reason": st.sampled_from([None, "fraud", "quality"]),
        "caused_by": st.sampled_from([None, "person", "model"]),
        "disposition": st.sampled_from([None, "fraud", "genuine"]),
    }
)


def stream(drawn: list[Row]) -> list[Row]:
    as_of, rows = 100 * DAY, []
    for sequence, step in enumerate(drawn, 1):
        as_of += step["ahead"]
        row = {name: step.get(name) for name in COLUMNS}
        rows.append(row | {"sequence": sequence, "as_of": as_of, "event_time": as_of - step["late"]})
    return rows


streams = st.lists(steps, max_size=60).map(stream)


def one_by_one(graph: DeviceGraph, rows: list[Row]) -> np.ndarray:
    into = np.full((len(rows), len(GRAPH_FEATURES)), np.nan)
    for at, row in enumerate(rows):
        if row["kind"] not in OUTCOMES:
            graph.read(row, into[at])
        graph.fold(row)
    return into


def table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=TABLE)


@settings(max_examples=150, deadline=None)
@given(streams, st.integers(0, 60))
def test_rows_tables_and_a_restart_give_the_same_bytes(rows: list[Row], cut: int) -> None:
    one, whole, restarted = DeviceGraph(7), DeviceGraph(7), DeviceGraph(7)
    expected = one_by_one(one, rows)
    assert whole.vectors(table(rows)).tobytes() == expected.tobytes()
    restarted.learn(table(rows[:cut]))
    restarted = DeviceGraph.restore(restarted.snapshot())
    assert restarted.vectors(table(rows[cut:])).tobytes() == expected[cut:].tobytes()
    assert one.snapshot() == whole.snapshot() == restarted.snapshot()


@settings(max_examples=60, deadline=None)
@given(streams, st.integers(0, 60))
def test_truncating_the_future_changes_no_earlier_vector(rows: list[Row], cut: int) -> None:
    assert DeviceGraph(7).vectors(table(rows[:cut])).tobytes() == DeviceGraph(7).vectors(table(rows))[:cut].tobytes()


class Oracle:
    """The same rules on dictionaries, every ring from scratch. Without expiry, hubs and limits."""

    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], tuple[int, int]] = {}
        self.rings: nx.Graph = nx.Graph()

    def fold(self, row: Row, keys: list[str]) -> None:
        time = min(max(row["event_time"], row["as_of"] - DAY), row["as_of"])
        for key in keys:
            first, last = self.seen.get((row["user_id"], key), (time, time))
            self.seen[row["user_id"], key] = min(first, time), max(last, time)
            self._join(key, row["user_id"])

    def _join(self, key: str, user: str) -> None:
        self.rings.add_node(user)
        uses = sorted((*span, name) for (name, other), span in self.seen.items() if other == key)
        if not key.startswith("device:"):
            self.rings.add_edges_from(combinations([name for *_, name in uses], 2))
            return
        ends, tenancies = uses[0][1], 1
        for (_, _, before), (first, last, name) in pairwise(uses):
            if first + HOUR < ends:
                self.rings.add_edge(before, name)
            else:
                tenancies += 1
            ends = max(ends, last)
        if tenancies >= 3:
            self.rings.add_edges_from(combinations([name for *_, name in uses], 2))

    def ring(self, user: str) -> int:
        return len(nx.node_connected_component(self.rings, user)) if user in self.rings else 0

    def users(self, key: str | None) -> float:
        return np.nan if key is None else sum(other == key for _, other in self.seen)


def keys_of(row: Row) -> list[str]:
    reported = row["devices"] or []
    known = [device_key(one["kind"], one["id"], one["provenance"]) for one in reported]
    if not reported:
        known = [row["device_key"]]
    named = [("destination", row["payout_destination"]), ("identity", row["identity"])]
    return [f"{kind}:{key}" for kind, key in [*named, *(("device", key) for key in known)] if key]


def phones_of(row: Row) -> Row:
    """The row without its browsers, which join by a rule of their own."""
    reported = [one for one in row["devices"] or [] if one["kind"] != "web"]
    return row | {"devices": reported or None, "device_key": "idfv:X" if row["device_key"] else None}


@settings(max_examples=150, deadline=None)
@given(streams)
def test_a_plain_oracle_finds_the_same_rings(rows: list[Row]) -> None:
    alone: Row = {"network_key": None, "referrer_user_id": None}
    rows = [phones_of(row) | alone for row in rows if row["kind"] not in OUTCOMES and row["user_id"]]
    graph, oracle = DeviceGraph(10_000), Oracle()
    for row, vector in zip(rows, one_by_one(graph, rows), strict=True):
        device = row["device_key"] and f"device:{row['device_key']}"
        destination = row["payout_destination"] and f"destination:{row['payout_destination']}"
        assert vector[PLACE["user_component_users"]] == oracle.ring(row["user_id"])
        np.testing.assert_equal(vector[PLACE["device_users"]], oracle.users(device))
        np.testing.assert_equal(vector[PLACE["destination_users"]], oracle.users(destination))
        oracle.fold(row, keys_of(row))


@given(st.sampled_from(DeviceKind), st.sampled_from(DeviceProvenance), st.text("aB0-: İ", min_size=1, max_size=6))
def test_device_keys_are_those_of_events(kind: DeviceKind, provenance: DeviceProvenance, name: str) -> None:
    expected = Device(kind=kind, id=name, provenance=provenance).key
    assert device_key(kind, name, provenance) == (expected if provenance is DeviceProvenance.CLIENT else None)


def test_what_is_folded_decides_not_how_often_it_was_read(made: Callable[..., Row]) -> None:
    rows = [made(at, f"u{at % 3}", f"idfv:{at % 2}", 100 + at) for at in range(1, 30)]
    quiet, asked = DeviceGraph(), DeviceGraph()
    quiet.learn(table(rows))
    for row in rows:
        for other in rows[::-1]:
            asked.read(other, np.empty(len(GRAPH_FEATURES)))
        asked.fold(row)
    assert quiet.snapshot() == asked.snapshot()
