"""The device graph: ties by device, destination and identity, never by network, bounded at hubs, forgotten in time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from features.graph import DEGREE_MAX, GRAPH_FEATURES, DeviceGraph, Union

Row = dict[str, Any]
Made = Callable[..., Row]
PLACE = {feature.name.removeprefix("graph__"): at for at, feature in enumerate(GRAPH_FEATURES)}


def graph_of(*rows: Row) -> DeviceGraph:
    graph = DeviceGraph()
    for row in rows:
        graph.fold(row)
    return graph


def read(graph: DeviceGraph, row: Row) -> dict[str, float]:
    into = np.empty(len(GRAPH_FEATURES))
    graph.read(row, into)
    return {name: float(into[at]) for name, at in PLACE.items()}


def test_people_who_share_a_destination_or_an_identity_are_one_ring(made: Made) -> None:
    graph = graph_of(
        made(1, "a", "web:1", payout_destination="d1"),
        made(2, "b", "web:2", payout_destination="d1"),
        made(3, "b", identity="i1"),
        made(4, "c", "web:3", identity="i1"),
    )
    seen = read(graph, made(5, "c", "web:1", payout_destination="d1"))
    assert (seen["device_users"], seen["destination_users"], seen["user_identity_users"]) == (1, 2, 2)
    assert (seen["user_component_users"], seen["user_component_devices"], seen["device_component_users"]) == (3, 3, 3)
    assert read(graph, made(6, "a"))["user_destination_users"] == 2


def test_people_who_take_turns_on_a_device_are_one_ring(made: Made) -> None:
    graph = graph_of(made(1, "a", "idfv:1", 100), made(2, "b", "idfv:1", 101), made(3, "a", "idfv:1", 102))
    assert read(graph, made(4, "b", day=102))["user_component_users"] == 2


def test_a_phone_that_was_sold_joins_nobody(made: Made) -> None:
    graph = graph_of(made(1, "seller", "idfv:1", 100), made(2, "buyer", "idfv:1", 101), made(3, "buyer", "idfv:1", 120))
    seen = read(graph, made(4, "buyer", "idfv:1", 120))
    assert (seen["user_component_users"], seen["device_users"]) == (1, 2)


def test_the_third_tenant_in_a_row_makes_a_rack(made: Made) -> None:
    graph = graph_of(*[made(at, f"u{at}", "idfv:1", 100 + at) for at in (1, 2, 3)])
    assert read(graph, made(4, "u1", day=104))["user_component_users"] == 3


def test_the_hour_in_which_a_phone_changes_hands_is_no_sharing(made: Made) -> None:
    graph = graph_of(
        made(1, "a", "idfv:1", 100), made(2, "b", "idfv:1", 100.01), made(3, "a", "idfv:1", 100.02), made(4, "z")
    )
    assert read(graph, made(5, "a", day=101))["user_component_users"] == 1


def test_all_ids_of_an_event_tie_and_a_handset_counts_once(made: Made) -> None:
    phone = [{"kind": kind, "id": f"AB-{kind}", "provenance": "client"} for kind in ("android_id", "gaid", "install")]
    graph = graph_of(made(1, "a", "android_id:ab-android_id", devices=phone))
    assert set(graph.neighbours("user:a")) == {
        "device:android_id:ab-android_id",
        "device:gaid:ab-gaid",
        "device:install:AB-install",
    }
    assert read(graph, made(2, "a"))["user_devices"] == 1


@pytest.mark.parametrize("provenance", ["partner", "opted_out"])
def test_what_a_partner_says_or_a_person_withholds_ties_nobody(made: Made, provenance: str) -> None:
    told = [{"kind": "gaid", "id": "ab", "provenance": provenance}]
    assert list(graph_of(made(1, "a", "gaid:ab", devices=told)).neighbours("user:a")) == []


def test_a_network_a_fingerprint_and_a_referral_join_nobody(made: Made) -> None:
    graph = graph_of(
        made(1, "a", "idfv:1", network_key="10.0.0.0/24"),
        made(2, "b", "idfv:2", network_key="10.0.0.0/24", kind="sign_up", referrer_user_id="a"),
        made(3, "c", "idfv:3", kind="referral", referrer_user_id="a"),
        made(4, "d", "idfv:4", kind="login", referrer_user_id="a"),
    )
    seen = read(graph, made(5, "b"))
    assert (seen["user_component_users"], seen["referrer_referred"]) == (1, 2)
    assert read(graph, made(5, "a"))["user_referred"] == 2
    assert {tie.node for tie in graph.ties_of("user:b")} == {"device:idfv:2", "network:10.0.0.0/24", "user:a"}


def test_what_is_missing_is_missing_and_what_is_new_is_zero(made: Made) -> None:
    graph = DeviceGraph()
    nobody = read(graph, made(1))
    assert np.isnan(list(nobody.values())).all()
    new = read(graph, made(1, "new", "web:new", payout_destination="new", referrer_user_id="other", network_key="n"))
    assert new.pop("user_person_accounts") == 1
    assert (new.pop("user_component_bad_share"), new.pop("device_component_bad_share")) == (0.05, 0.05)
    assert set(new.values()) == {0}


def found(made: Made, sequence: int, user: str, **said: Any) -> Row:
    """A reversal for fraud, or what else is `said` of somebody."""
    return made(sequence, user) | {"kind": "reversal", "reason": "fraud", "caused_by": "partner"} | said


def test_findings_against_a_person_add_up_and_fade_until_a_reviewer_clears_them(made: Made) -> None:
    graph = graph_of(made(1, "a"), found(made, 2, "a"), found(made, 3, "a", reason="quality"), found(made, 4, "a"))
    assert read(graph, made(5, "a"))["user_found"] == 2
    graph.fold(found(made, 6, "a", kind="ban", caused_by="model"))
    assert read(graph, made(7, "a"))["user_found"] == 2
    assert read(graph, made(7, "a", day=114))["user_found"] == pytest.approx(1, abs=1e-6)
    graph.fold(found(made, 8, "a", kind="disposition", disposition="genuine", caused_by="person"))
    assert read(graph, made(9, "a"))["user_found"] == 0


def test_a_phone_and_a_destination_are_as_old_as_their_first_use_by_this_very_person(made: Made) -> None:
    graph = graph_of(made(1, "a", "idfv:1", 100), made(2, "b", "idfv:1", 103, payout_destination="d"))
    seen = read(graph, made(3, "b", "idfv:1", 104, payout_destination="d"))
    assert (seen["user_device_days"], seen["user_destination_days"]) == (1, 1)
    other = read(graph, made(3, "a", "idfv:2", 104, payout_destination="d"))
    assert (other["user_device_days"], other["user_destination_days"]) == (0, 0)


def test_whose_phone_is_shared_is_known_where_no_phone_is_told(made: Made) -> None:
    graph = graph_of(*[made(at, f"u{at}", "idfv:1", 100 + at) for at in (1, 2, 3)], made(4, "u1", "web:1", 104))
    assert read(graph, made(5, "u1", day=105))["user_device_users"] == 3


def test_what_was_found_against_neighbours_counts_by_phone_and_network_not_by_browser(made: Made) -> None:
    graph = graph_of(
        made(1, "a", "idfv:1", network_key="n"),
        made(2, "b", "idfv:1", 101, network_key="n"),
        made(3, "c", "web:1", 101),
        made(4, "b", "web:1", 101),
        *[found(made, at, "b", as_of=made(0, day=102)["as_of"]) for at in range(5, 25)],
    )
    seen = read(graph, made(30, "a", day=102, network_key="n"))
    assert (seen["user_neighbours_found"], seen["network_found"]) == (8, 8 / 3)
    assert read(graph, made(31, "c", day=102))["user_neighbours_found"] == 0
    assert read(graph, made(32, "b", day=102, network_key="n"))["network_found"] == 0


def test_reading_changes_nothing(made: Made) -> None:
    graph = graph_of(made(1, "a", "web:1"))
    before = graph.snapshot()
    read(graph, made(2, "z", "web:z", day=500, payout_destination="d-z"))
    assert graph.snapshot() == before


def test_a_hub_joins_nobody_further_and_the_next_day_nobody_at_all(made: Made) -> None:
    graph = DeviceGraph()
    for at in range(DEGREE_MAX * 3):
        graph.fold(made(at + 1, f"u{at:03d}", payout_destination="mule"))
    assert read(graph, made(999, "u000"))["user_component_users"] == DEGREE_MAX - 1
    assert graph.is_hub("destination:mule")
    assert read(graph, made(999, "u100", payout_destination="mule"))["user_component_users"] == 0
    graph.fold(made(1000, "z", day=101))
    assert read(graph, made(1001, "u000", payout_destination="mule"))["user_component_users"] == 1
    assert read(graph, made(1001, "u000", payout_destination="mule"))["destination_users"] == DEGREE_MAX


def test_a_public_browser_is_a_hub_early(made: Made) -> None:
    visits = [made(at + 1, f"u{at % 12}", "web:cafe", 100 + at / 24) for at in range(48)]
    graph = graph_of(*visits, made(99, "z", day=103))
    assert read(graph, made(100, "u0", "web:cafe", 103))["user_component_users"] == 1


def test_a_browser_joins_nobody_who_has_a_phone(made: Made) -> None:
    visits = [made(10 + at, "ab"[at % 2], "web:cafe", 101 + at / 24) for at in range(6)]
    phones = [made(at + 1, user, f"idfv:{user}") for at, user in enumerate("ab")]
    assert read(graph_of(*visits), made(99, "a"))["user_component_users"] == 2
    assert read(graph_of(*phones, *visits), made(99, "a"))["user_component_users"] == 1
    late = [made(20 + at, user, f"idfv:{user}", 102) for at, user in enumerate("ab")]
    graph = graph_of(*visits, *late)
    assert read(graph, made(99, "a", day=102))["user_component_users"] == 2
    graph.fold(made(30, "z", day=103))
    assert read(graph, made(99, "a", day=103))["user_component_users"] == 1


def test_what_was_not_seen_for_long_is_forgotten(made: Made) -> None:
    graph = graph_of(
        made(1, "a", payout_destination="d", day=100),
        made(2, "b", payout_destination="d", day=150),
        made(3, "b", "web:1", day=190.5),
    )
    assert read(graph, made(4, "b", day=190.5))["user_component_users"] == 2
    graph.fold(made(4, "b", "web:1", day=191))
    assert read(graph, made(5, "b", day=191))["user_component_users"] == 1
    assert list(graph.neighbours("user:a")) == []
    assert graph.counted["nodes"] == 3


def test_growth_counts_the_last_seven_days_also_of_those_who_were_joined(made: Made) -> None:
    rows = [made(at + 1, f"u{at}", f"web:{at}", day=100 + at) for at in range(10)]
    joined = [made(20 + at, f"u{at}", payout_destination="d", day=109.5) for at in range(10)]
    graph = graph_of(*rows, *joined)
    seen = read(graph, made(40, "u0", day=109.9))
    assert (seen["user_component_growth_7d"], seen["user_component_users"]) == (7, 10)
    assert read(graph, made(41, "u0", day=112))["user_component_growth_7d"] == 4
    assert read(graph, made(41, "u0", day=112))["user_component_age"] == 12


def outcome(made: Made, sequence: int, user: str | None, kind: str, **more: Any) -> Row:
    return made(sequence, user, kind=kind, **more)


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        ({"kind": "reversal", "reason": "fraud", "caused_by": "partner"}, 1),
        ({"kind": "reversal", "reason": "quality"}, 0),
        ({"kind": "ban", "caused_by": "person"}, 1),
        ({"kind": "ban", "caused_by": "model"}, 0),
        ({"kind": "disposition", "disposition": "fraud"}, 1),
        ({"kind": "disposition", "disposition": "fraud", "caused_by": "model"}, 0),
        ({"kind": "disposition", "disposition": "genuine"}, 0),
        ({"kind": "clean"}, 0),
    ],
)
def test_only_fraud_that_people_or_partners_found_makes_a_ring_bad(made: Made, said: Row, bad: int) -> None:
    pair = [made(1, "a", payout_destination="d"), made(2, "b", payout_destination="d")]
    graph = graph_of(*pair, made(3, "a") | said, made(4, None) | said)
    assert read(graph, made(5, "b"))["user_component_bad_share"] == (bad + 0.5) / 11
    assert read(graph, made(5, "a"))["user_component_bad_share"] == 0.5 / 11
    graph.fold(made(6, "a", kind="disposition", disposition="genuine"))
    assert read(graph, made(7, "b"))["user_component_bad_share"] == 0.5 / 11


def test_the_past_can_be_asked(made: Made) -> None:
    graph = graph_of(
        made(4, "a", payout_destination="d"),
        made(9, "b", payout_destination="d"),
        made(11, "b", payout_destination="d"),
    )
    assert graph.unions == [Union(4, "user:a", "destination:d"), Union(9, "user:a", "user:b")]
    assert graph.ring_of("user:a", 8) == ["destination:d", "user:a"]
    assert graph.ring_of("user:a", 9) == graph.ring_of("user:b") == ["destination:d", "user:a", "user:b"]


def test_the_past_before_a_rebuild_is_refused(made: Made) -> None:
    graph = graph_of(made(1, "a", "web:1", 100), made(2, "b", "web:2", 300))
    with pytest.raises(LookupError, match="replay the log up to 1"):
        graph.ring_of("user:b", 1)


def test_times_of_1970_and_2100_neither_age_nor_keep_a_ring(made: Made) -> None:
    graph = graph_of(made(1, "a", "web:1", event_time=0), made(2, "b", "web:2", event_time=10**17))
    assert read(graph, made(3, "a"))["user_component_age"] == 1
    assert [tie.last for tie in graph.ties_of("user:b")] == [made(2)["as_of"]]


def test_a_key_of_ten_megabytes_is_no_key(made: Made) -> None:
    graph = graph_of(made(1, "a", "web:" + "x" * 10_000_000))
    assert graph.counted["nodes"] == 0
