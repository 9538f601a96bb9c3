"""No field that a mapping fills is lost on its way into the log."""

from pathlib import Path

import yaml

from features.events import Event
from features.ingest.fields import FIELDS, usual_conversion
from features.ingest.ingest import ingest
from features.ingest.load import parse_mapping
from features.log import Log, record_of

BY_CONVERSION = {"text": "x", "micros": "3", "integer": "3", "number": "3", "boolean": "true", "digest": "x"}
PARTICULAR = {
    "attestation": "basic",
    "country": "CN",
    "currency": "CNY",
    "ip": "203.0.113.7",
    "ip.provenance": "unknown",
    "revenue_state": "confirmed",
}


def test_every_field_that_an_event_has_can_be_mapped_and_read_back(tmp_path: Path) -> None:
    names = [*FIELDS, "extensions.anything"]
    values = {name: PARTICULAR.get(name, BY_CONVERSION[usual_conversion(name)]) for name in names}
    fields = {name: {"value": value} for name, value in values.items()}
    body = {"name": "all", "target": "fraud", "events": [{"kind": "click", "occurred_at": "t", "fields": fields}]}
    (tmp_path / "a.csv").write_text("t\n2026-03-01\n")
    ingest(parse_mapping(yaml.safe_dump(body), "test"), [tmp_path / "a.csv"], tmp_path / "home" / "log")
    (row,) = Log(tmp_path / "home" / "log").rows()
    event = record_of(row)
    assert isinstance(event, Event)
    assert not [name for name, value in event if value in (None, {}, ())]
    assert event.fingerprint is not None
    assert event.interaction is not None
    assert not [name for part in (event.fingerprint, event.interaction) for name, value in part if value is None]
    assert {device.kind for device in event.devices} == {"android_id", "idfv", "gaid", "install", "web"}
    assert (row["device_key"], row["network_key"]) == ("android_id:x", None)


def test_an_ipv6_address_brings_both_of_its_networks(tmp_path: Path) -> None:
    event = {"kind": "click", "occurred_at": "t", "fields": {"ip": "address"}}
    (tmp_path / "a.csv").write_text("t,address\n2026-03-01,2001:db8:1:2ff::7\n2026-03-02,203.0.113.7\n")
    mapping = parse_mapping(yaml.safe_dump({"name": "six", "target": "fraud", "events": [event]}), "test")
    ingest(mapping, [tmp_path / "a.csv"], tmp_path / "log")
    six, four = Log(tmp_path / "log").rows()
    assert (six["network_key"], six["wide_network_key"]) == ("2001:db8:1:2ff::/64", "2001:db8:1:200::/56")
    assert (four["network_key"], four["wide_network_key"]) == ("203.0.113.0/24", None)
