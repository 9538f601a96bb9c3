"""Words for people: what a decision, a reason, a feature and a value mean, without a code in them."""

import math
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from features.events import Attestation, IpProvenance, Kind, instant_of
from features.graph import GRAPH_FEATURES
from features.intrinsic import INTRINSIC
from features.money import in_words
from features.windows import WINDOWS, Aggregate, Windowed

ACTIONS: Final = {
    "approve": "Approved",
    "hold": "Held for a while",
    "challenge": "One more proof asked for",
    "review": "Waits for a person",
    "decline": "Declined",
}
CONSEQUENCES: Final = {
    ("approve", False): "The reward is credited as usual.",
    ("approve", True): "The payout goes ahead.",
    ("hold", False): "The reward is credited, but can be spent only after a waiting time.",
    ("hold", True): "The money is set aside; nothing is paid until a person has looked.",
    ("challenge", True): "The money is set aside, and the app asks the person for one more proof.",
    ("review", False): "The reward is credited on hold until a person has looked.",
    ("review", True): "The money is set aside; nothing is paid until a person has looked.",
    ("decline", False): "The reward is not credited; the person can appeal.",
    ("decline", True): "Nothing is paid; the money is back in the wallet.",
}
REASONS: Final = {
    "account_pace": "the account does unusually much in a short time",
    "device_signals": "the device behaves unusually",
    "network_crowded": "many others act from the same network",
    "device_shared": "the device is shared with others",
    "interaction_unusual": "the screen is touched in an unusual way",
    "campaign_unusual": "the campaign sees unusual traffic",
    "partner_unusual": "the partner sends unusual traffic",
    "payout_destination_shared": "others are paid to the same destination",
    "event_unusual": "the event itself is unusual",
    "model_unavailable": "no model could score it",
    "fraud_model_missing": "no model of fraud is registered",
    "reversal_likely": "the advertiser will probably take it back",
    "reward_above_limit": "the reward is above the limit",
    "margin_ceiling": "the reward would leave too little of the revenue",
    "budget_exhausted": "the campaign or partner cannot pay for it",
    "amount_outside_limits": "the amount lies outside the limits",
    "insufficient_available": "the wallet held less than was asked for",
    "decided_by_a_person": "a person decided",
}
_WHOSE: Final = {
    "user": "this person",
    "device": "this device",
    "ip": "this IP address",
    "network": "this network",
    "campaign": "this campaign",
    "partner": "this partner",
    "destination": "this payout destination",
}
_UNITS: Final = {
    "user_id": "people",
    "device_key": "devices",
    "ip_key": "IP addresses",
    "task_id": "tasks",
    "campaign_id": "campaigns",
}
_LABELS: Final = {
    "graph__user_devices": "devices this person has used",
    "graph__device_users": "people who have used this device",
    "graph__destination_users": "people paid to this destination",
    "graph__user_component_users": "people tied to this person",
    "graph__user_component_devices": "devices of the people tied to this person",
    "graph__device_component_users": "people tied to this device",
    "graph__device_component_devices": "devices tied to this device",
    "event__ip_provenance": "whose address it is",
    "device__attestation": "verdict on the device",
    "device__model": "model of the device",
    "device__os": "system of the device",
    "device__is_emulator": "runs in an emulator",
    "device__is_rooted": "device is rooted",
    "device__price_tier": "price tier of the device, 1 to 5",
    "touch__interval_spread_ms": "spread of the pauses between taps",
    "touch__interval_mean_ms": "mean pause between taps",
}
_SPANS: Final = {"1h": "1 hour", "1d": "1 day", "7d": "7 days", "30d": "30 days"}
_WINDOWED: Final = {feature.name: feature for feature in WINDOWS}
_INTRINSIC: Final = {feature.name: feature for feature in INTRINSIC}
_GRAPH: Final = {feature.name for feature in GRAPH_FEATURES}
_LEVELS: Final[dict[str, type[StrEnum]]] = {
    "event__kind": Kind,
    "event__ip_provenance": IpProvenance,
    "device__attestation": Attestation,
}


def short(name: str | None, keep: int = 10) -> str:
    """An id for the eye; a device keeps its kind. `short("android_id:8f3a...")` is `android 8f3a…`."""
    if not name:
        return "unknown"
    kind, _, rest = name.rpartition(":")
    cut = rest if len(rest) <= keep else rest[: keep - 1] + "…"
    return f"{kind.split('_')[0]} {cut}" if kind else cut


def when(micros: int) -> str:
    """`21 Nov 2026, 09:30:05` in UTC."""
    moment: datetime = instant_of(micros)
    return f"{moment:%d %b %Y, %H:%M:%S}"


def plain(kind: str) -> str:
    return kind.replace("_", " ")


def reason(code: str) -> str:
    return REASONS.get(code, plain(code))


def money(micros: int | None, currency: str | None) -> str:
    return "" if micros is None or currency is None else in_words(micros, currency)


def counted(number: int, one: str, many: str) -> str:
    """`counted(1, "device", "devices")` is `1 device`."""
    return f"{number or 'no'} {one if number == 1 else many}"


def percent(share: float) -> str:
    """Whole percents, but never 100 % of what is not certain."""
    return f"{min(max(share, 0.0), 0.999) * 100:.1f} %"


def label(name: str) -> str:
    """A feature in plain words: `people on this device, 7 days`."""
    if name in _WINDOWED:
        return _window_label(_WINDOWED[name])
    return _LABELS.get(name) or _INTRINSIC[name].description.split(",")[0]


def _window_label(feature: Windowed) -> str:
    whose, span = _WHOSE[feature.entity.label], _SPANS[feature.name.rsplit("__", 1)[1]]
    what = {
        Aggregate.COUNT: f"{plain(feature.measure)} events of" if feature.measure else "events of",
        Aggregate.SUM: f"{'time on tasks' if 'duration' in feature.measure else 'rewards'} of",
        Aggregate.DISTINCT: f"different {_UNITS.get(feature.measure, plain(feature.measure))} with",
    }[feature.aggregate]
    return f"{what} {whose}, {span}"


def unit(name: str, currency: str | None) -> str:
    """The unit in which `value` shows the feature; empty for what has none."""
    if name.endswith("_ms") or "_ms__" in name:
        return "seconds"
    if "_micros" in name:
        return currency or "money"
    feature = _WINDOWED.get(name)
    if feature is not None:
        return "events" if feature.aggregate is Aggregate.COUNT else _UNITS.get(feature.measure, "")
    if name in _GRAPH:
        return "devices" if name.endswith("_devices") else "people"
    return {"event__hour_of_day": "o'clock, UTC", "touch__tap_count": "taps"}.get(name, "")


def value(name: str, number: float, row: Mapping[str, Any]) -> str:
    """A feature's value for people, without its unit. `row` is the event, which knows what a category stands for."""
    if math.isnan(number):
        return "not known"
    if name in _LEVELS:
        return plain(str(list(_LEVELS[name])[int(number)]))
    feature = _INTRINSIC.get(name)
    if feature is not None and feature.categorical:
        return str(row.get(feature.column) or "not known")
    if name.startswith("device__is_"):
        return "yes" if number else "no"
    if "_micros" in name:
        return f"{number / 1e6:,.2f}"
    return _number(number / 1000 if unit(name, None) == "seconds" else number)


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.3g}"
