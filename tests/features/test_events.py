"""The schema: what is a fact, what is refused, and which entity an event speaks of."""

from typing import Any

import pytest
from pydantic import ValidationError

from features.events import Event, Kind, Outcome, OutcomeKind, instant_of, micros_of, parse
from features.log import row_of

EVENT: dict[str, Any] = {"event_id": "e", "kind": "task_completed", "occurred_at": "2026-03-01T09:30:00Z"}
OUTCOME: dict[str, Any] = {"event_id": "o", "subject_event_id": "e", "occurred_at": "2026-03-02T09:30:00Z"}


def event(**fields: Any) -> Event:
    return Event.model_validate(EVENT | fields)


def refused(body: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        parse(body)
    return str(caught.value)


def test_times_are_exact_to_the_microsecond() -> None:
    made = event(occurred_at="2026-03-01T17:30:00.123457+08:00")
    assert made.event_time == micros_of(made.occurred_at) == 1_772_357_400_123_457
    assert instant_of(made.event_time) == made.occurred_at


@pytest.mark.parametrize(
    "time", ["1969-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "2026-03-01T09:30:00", "2026-03-01", 5, None]
)
def test_impossible_times_are_refused(time: object) -> None:
    assert "occurred_at" in refused(EVENT | {"occurred_at": time})


@pytest.mark.parametrize("kind", [*Kind, *OutcomeKind])
def test_every_kind_has_its_record(kind: str) -> None:
    needs: dict[str, Any] = {
        "withdrawal_requested": {
            "user_id": "u",
            "payout_destination": "ab" * 16,
            "amount_micros": 1,
            "currency": "CNY",
        },
        "reversal": {"reversal_kind": "card_chargeback", "reason": "fraud"},
        "ban": {"caused_by": "person"},
        "disposition": {"disposition": "genuine"},
    }
    base = OUTCOME if kind in set(OutcomeKind) else EVENT
    made = parse(base | {"kind": str(kind)} | needs.get(str(kind), {}))
    assert isinstance(made, Outcome if kind in set(OutcomeKind) else Event)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kind": "reversal", "reason": "fraud"}, "reversal_kind"),
        ({"kind": "ban"}, "caused_by"),
        ({"kind": "disposition"}, "disposition"),
        ({"kind": "clean", "amount_micros": 5}, "currency"),
    ],
)
def test_an_outcome_says_what_it_must(fields: dict[str, Any], named: str) -> None:
    assert named in refused(OUTCOME | fields)


def test_the_most_durable_device_id_is_the_events_own() -> None:
    devices = [{"id": "W", "kind": "web"}, {"id": "AB-C", "kind": "gaid"}, {"id": "I", "kind": "install"}]
    assert event(devices=devices).device_key == "gaid:ab-c"


@pytest.mark.parametrize(
    "device",
    [
        {"id": "00000000-0000-0000-0000-000000000000", "kind": "gaid"},
        {"id": "0000", "kind": "android_id"},
        {"id": "real", "kind": "idfv", "provenance": "opted_out"},
    ],
)
def test_an_opted_out_or_all_zero_id_is_missing(device: dict[str, str]) -> None:
    assert event(devices=[device]).device_key is None
    assert event(devices=[device, {"id": "w", "kind": "web"}]).device_key == "web:w"


@pytest.mark.parametrize(
    ("address", "key", "network"),
    [
        ("203.0.113.77", "203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.77", "203.0.113.0/24"),
        ("2001:DB8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_an_address_has_one_spelling_and_its_network(address: str, key: str, network: str) -> None:
    made = event(ip={"address": address})
    assert (made.ip_key, made.network_key) == (key, network)


@pytest.mark.parametrize(
    ("address", "wide"),
    [("203.0.113.77", None), ("::ffff:203.0.113.77", None), ("2001:db8:1:2ff:3::4", "2001:db8:1:200::/56")],
)
def test_only_an_ipv6_address_has_a_wide_network(address: str, wide: str | None) -> None:
    made = event(ip={"address": address})
    assert (made.wide_network_key, row_of(made)["wide_network_key"]) == (wide, wide)
    assert event(ip={"address": address, "provenance": "partner"}).wide_network_key is None


def test_a_partners_address_is_nobodys_home() -> None:
    made = event(ip={"address": "203.0.113.77", "provenance": "partner"})
    assert (made.ip_key, made.network_key) == (None, None)


def test_extensions_are_bounded() -> None:
    assert event(extensions={"fold": 92.5, "beta": True, "none": None}).extensions["fold"] == 92.5
    assert "extensions" in refused(EVENT | {"extensions": {str(at): at for at in range(33)}})
    assert "extensions" in refused(EVENT | {"extensions": {f"k{at}": "v" * 1000 for at in range(9)}})
    assert "extensions" in refused(EVENT | {"extensions": {"nested": {"a": 1}}})


def test_nobody_refers_themselves_and_rewards_have_an_owner() -> None:
    assert "referrer_user_id" in refused(EVENT | {"kind": "referral", "user_id": "u", "referrer_user_id": "u"})
    assert "user_id" in refused(EVENT | {"reward_micros": 5, "currency": "CNY"})
