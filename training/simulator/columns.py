"""Rows in flight as tables of the event log: numbers become words, and keys are derived as events derive them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.events import SCHEMA_VERSION, IpProvenance, Kind, RevenueState
from features.log import PAYLOAD
from training.simulator.batch import (
    CAUSES,
    DISPOSITIONS,
    IP_PROVENANCES,
    KINDS,
    MISSING,
    OUTCOME_KINDS,
    REASONS,
    REVERSAL_KINDS,
    TOUCHES,
    Integers,
    Rows,
)
from training.simulator.catalogue import GOALS, PARTNERS, Catalogue
from training.simulator.devices import (
    ANDROID_VERSIONS,
    ATTESTATIONS,
    IOS_VERSIONS,
    MODELS,
    Fleet,
    key_of,
    partner_ids,
    reported_ids,
)
from training.simulator.networks import address_and_networks
from training.simulator.population import COUNTRIES, DOMAINS, People
from training.simulator.words import digests, ids, numbers, places_of, words

SCHEMA: Final = pa.schema(
    {"event_time": pa.int64(), "recorded_at": pa.int64()} | {field.name: field.type for field in PAYLOAD}
)
CURRENCY: Final = "CNY"
CONFIRMED_TENTHS: Final = 7
TIME_ZONES: Final = ("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Kuala_Lumpur", "Asia/Singapore", "Asia/Taipei")
LOCALES: Final = ("zh-CN", "zh-HK", "ms-MY", "en-SG", "zh-TW")
APP_VERSIONS: Final = ("5.2.0", "5.2.1", "5.3.0", "5.4.0")
_PARTNER: Final = IP_PROVENANCES.index(IpProvenance.PARTNER)
_PERSON: Final = IP_PROVENANCES.index(IpProvenance.PERSON)


@dataclass(frozen=True)
class Lexicon:
    """What the numbers mean. `devices` and `device_keys` list what clients report of every installation, then what
    partners do.
    """

    people: People
    fleet: Fleet
    catalogue: Catalogue
    salt: int
    devices: Any
    device_keys: Any

    @property
    def user_ids(self) -> list[str]:
        return [f"u{user:06d}" for user in range(self.people.count)]


def compile_lexicon(people: People, fleet: Fleet, catalogue: Catalogue, salt: int) -> Lexicon:
    of_clients = reported_ids(fleet, salt)
    reports = [*of_clients, *map(partner_ids, of_clients)]
    devices = pa.array(reports, PAYLOAD.field("devices").type)
    return Lexicon(people, fleet, catalogue, salt, devices, pa.array(map(key_of, reports), pa.string()))


def event_table(events: Rows, first: int, lexicon: Lexicon) -> Any:
    """Events in order of arrival, the first bearing the number `first`, with the columns of SCHEMA."""
    columns = (
        _envelope(events, first, lexicon)
        | _earning(events, lexicon)
        | _money(events)
        | _places_seen(events, lexicon)
        | _fingerprint(events, lexicon)
        | {f"interaction_{name}": _touch(events, name) for name in TOUCHES}
    )
    return _table(columns, len(events))


def outcome_table(outcomes: Rows, first: int, lexicon: Lexicon) -> Any:
    """Outcomes in order of arrival, the first bearing the number `first`, with the columns of SCHEMA."""
    partner = np.where(outcomes["task"] < 0, MISSING, lexicon.catalogue.partner[outcomes["task"]])
    columns = {
        "event_time": pa.array(outcomes["event_time"]),
        "recorded_at": pa.array(outcomes["recorded_at"]),
        "schema_version": np.full(len(outcomes), SCHEMA_VERSION),
        "event_id": ids("o", first + np.arange(len(outcomes))),
        "kind": words(OUTCOME_KINDS, outcomes["kind"]),
        "subject_event_id": ids("e", outcomes["subject"]),
        "user_id": words(lexicon.user_ids, outcomes["user"]),
        "partner_id": words([partner.name for partner in PARTNERS], partner),
        "partner_transaction_id": ids("t", outcomes["conversion"]),
        "reversal_kind": words(REVERSAL_KINDS, outcomes["reversal_kind"]),
        "reason": words(REASONS, outcomes["reason"]),
        "disposition": words(DISPOSITIONS, outcomes["disposition"]),
        "caused_by": words(CAUSES, outcomes["caused_by"]),
        "amount_micros": numbers(outcomes["amount"], pa.int64()),
        "currency": words([CURRENCY], np.where(outcomes["amount"] < 0, MISSING, 0)),
    }
    return _table(columns, len(outcomes))


def _table(columns: dict[str, Any], count: int) -> Any:
    arrays = [
        pa.array(columns[field.name]).cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in SCHEMA
    ]
    return pa.table(arrays, schema=SCHEMA)


def _envelope(events: Rows, first: int, lexicon: Lexicon) -> dict[str, Any]:
    return {
        "event_time": pa.array(events["event_time"]),
        "recorded_at": pa.array(events["recorded_at"]),
        "schema_version": np.full(len(events), SCHEMA_VERSION),
        "event_id": ids("e", first + np.arange(len(events))),
        "kind": words(KINDS, events["kind"]),
        "user_id": words(lexicon.user_ids, events["user"]),
    }


def _earning(events: Rows, lexicon: Lexicon) -> dict[str, Any]:
    """What was earned with whom, and the people and accounts that it names."""
    task, catalogue = events["task"], lexicon.catalogue
    campaign = np.where(task < 0, MISSING, catalogue.campaign[task])
    partner = np.where(task < 0, MISSING, catalogue.partner[task])
    sign_up = events["kind"] == KINDS.index(Kind.SIGN_UP)
    return {
        "task_id": words([f"task-{number:03d}" for number in range(len(catalogue.style))], task),
        "goal_id": words([f"goal-{number + 1}" for number in range(GOALS)], events["goal"]),
        "campaign_id": words([f"campaign-{number:02d}" for number in range(catalogue.campaign.max() + 1)], campaign),
        "partner_id": words([known.name for known in PARTNERS], partner),
        "partner_transaction_id": ids("t", events["conversion"]),
        "click_id": ids("c", events["click"]),
        "referrer_user_id": words(lexicon.user_ids, events["referrer"]),
        "payout_destination": digests("destination", lexicon.salt, events["destination"]),
        "identity": digests("identity", lexicon.salt, events["identity"]),
        "email_domain": words(DOMAINS, np.where(sign_up, lexicon.people.profile.domain[events["user"]], MISSING)),
    }


def _money(events: Rows) -> dict[str, Any]:
    has_revenue = events["revenue"] >= 0
    has_money = has_revenue | (events["reward"] >= 0) | (events["amount"] >= 0)
    is_confirmed = (events["conversion"] >= 0) & (events["conversion"] % 10 < CONFIRMED_TENTHS)
    states = [RevenueState.ESTIMATED, RevenueState.CONFIRMED]
    return {
        "revenue_micros": numbers(events["revenue"], pa.int64()),
        "reward_micros": numbers(events["reward"], pa.int64()),
        "amount_micros": numbers(events["amount"], pa.int64()),
        "revenue_state": words(states, np.where(has_revenue, is_confirmed, MISSING)),
        "currency": words([CURRENCY], np.where(has_money, 0, MISSING)),
    }


def _places_seen(events: Rows, lexicon: Lexicon) -> dict[str, Any]:
    """Where it came from: country, address, devices and their keys."""
    whose, code = events["ip_provenance"], events["address"]
    distinct, places = np.unique(code, return_inverse=True)
    known = [address_and_networks(int(value)) for value in distinct]
    seen = np.where(code == 0, MISSING, places)
    of_person = np.where(whose == _PERSON, seen, MISSING)
    is_client = whose != _PARTNER
    installation = events["installation"].astype(np.int64)
    variant = np.where(is_client, 0, len(lexicon.fleet.handset))
    device = places_of(np.where(installation < 0, MISSING, installation + variant))
    profile = lexicon.people.profile
    return {
        "ip_address": words([address for address, *_ in known], seen),
        "ip_provenance": words(IP_PROVENANCES, np.where(code == 0, MISSING, whose)),
        "ip_key": words([address for address, *_ in known], of_person),
        "network_key": words([network for _, network, _ in known], of_person),
        "wide_network_key": pa.array([wide for *_, wide in known], pa.string()).take(places_of(of_person)),
        "devices": lexicon.devices.take(device),
        "device_key": lexicon.device_keys.take(device),
        "country": words(COUNTRIES, np.where(is_client, profile.country[events["user"]], MISSING)),
        "city_tier": numbers(profile.city_tier[events["user"]], pa.int8(), is_client),
        "attestation": words(ATTESTATIONS, events["attestation"]),
    }


def _fingerprint(events: Rows, lexicon: Lexicon) -> dict[str, Any]:
    present = events["has_fingerprint"]
    handset = lexicon.fleet.handset[events["installation"]]
    handsets = lexicon.fleet.handsets
    model, country = handsets.model[handset], lexicon.people.profile.country[events["user"]]

    def known(codes: Integers) -> Integers:
        return np.where(present, codes, MISSING)

    versions = [f"{version}" for version in (*ANDROID_VERSIONS, *IOS_VERSIONS)]
    is_ios = np.array([os == "ios" for _, os, _, _ in MODELS])[model]
    named = {
        "model": words([name for name, *_ in MODELS], known(model)),
        "os": words([os for _, os, _, _ in MODELS], known(model)),
        "os_version": words(versions, known(handsets.version[handset] + len(ANDROID_VERSIONS) * is_ios)),
        "app_version": words(APP_VERSIONS, known(events["user"] % len(APP_VERSIONS))),
        "is_emulator": numbers(handsets.is_emulator[handset], pa.bool_(), present),
        "is_rooted": numbers(handsets.is_rooted[handset], pa.bool_(), present),
        "screen": words([screen for *_, screen in MODELS], known(model)),
        "time_zone": words(TIME_ZONES, known(country)),
        "locale": words(LOCALES, known(country)),
        "price_tier": numbers(np.array([tier for _, _, tier, _ in MODELS])[model], pa.int8(), present),
    }
    return {f"fingerprint_{name}": column for name, column in named.items()}


def _touch(events: Rows, name: str) -> Any:
    values = events[name]
    return numbers(values, pa.int64() if name == "tap_count" else pa.float64(), ~np.isnan(values))
