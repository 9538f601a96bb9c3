"""Words for people: what a decision, a reason, a feature and a value mean, without a code in them."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from features.events import Attestation, IpProvenance, Kind, instant_of
from features.intrinsic import Intrinsic
from features.money import in_words
from features.vector import ALL, CATEGORICAL
from features.windows import DAY, HOUR, MINUTE, SECOND, Aggregate, Ratio, Windowed

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
    "task_unusual": "the task is done in an unusual way",
    "partner_unusual": "the partner sends unusual traffic",
    "payout_destination_shared": "others are paid to the same destination",
    "payout_destination_new": "the money would go to a new destination",
    "device_new": "the device is new to the account",
    "found_before": "earlier events of the account were found to be fraud",
    "identity_shared": "others were verified with the same document",
    "email_unusual": "the email address is of an unusual kind",
    "event_unusual": "the event itself is unusual",
    "model_unavailable": "no model could score it",
    "fraud_model_missing": "no model of fraud is registered",
    "reversal_likely": "the advertiser will probably take it back",
    "reward_above_limit": "the reward is above the limit",
    "margin_ceiling": "the reward would leave too little of the revenue",
    "budget_exhausted": "the campaign or partner cannot pay for it",
    "cap_reached": "the campaign asks for no more of it, from this person or today",
    "amount_outside_limits": "the amount lies outside the limits",
    "daily_count_reached": "so many withdrawals were asked for today already",
    "daily_amount_reached": "more than can be withdrawn in a day",
    "rolling_amount_reached": "more than can be withdrawn in so many days",
    "fee_exceeds_amount": "being paid would cost more than the amount",
    "destination_not_paid": "nobody pays this currency there",
    "insufficient_available": "the wallet held less than was asked for",
    "decided_by_a_person": "a person decided",
}
_WHOSE: Final = {
    "user": "this person",
    "ip": "this IP address",
    "wide_network": "this network (IPv6 /56)",
    "destination": "this payout destination",
    "identity": "this verified identity",
}
_MEASURES: Final = {
    "user_id": "people",
    "device_key": "devices",
    "ip_key": "IP addresses",
    "task_id": "tasks",
    "campaign_id": "campaigns",
    "click_id": "clicks",
    "payout_destination": "payout destinations",
    "reward_micros": "reward",
    "revenue_micros": "revenue",
    "amount_micros": "amount",
    "interaction_duration_ms": "time on task",
    "interaction_tap_interval_mean_ms": "mean pause between taps",
    "interaction_tap_interval_spread_ms": "spread of the pauses between taps",
    "interaction_touch_pressure_variance": "variation of touch pressure",
    "interaction_sensor_variance": "movement of the phone",
}
# Where a definition's sentence, up to its first comma, would not say it.
_LABELS: Final = {
    "graph__user_component_users": "people tied to this person",
    "graph__device_component_users": "people tied to this device",
    "graph__user_neighbours": "others who share something with this person",
    "graph__user_found": "times that this person was found out",
    "graph__user_neighbours_found": "times that others who share something with this person were found out",
    "graph__network_found": "findings against each of the others on this network",
    "user__found_over_count": "times that this person was found out, for each of their events",
    "user__count_goal_reached__30d__per__distinct_click_id_of_goal_reached__30d": "goals of this person for each click",
    "user__sum_reward_micros_of_goal_reached__30d__per__sum_reward_micros__30d": "share of rewards that goals earned",
    "device__model": "model of the device",
    "device__os": "system of the device",
    "device__attestation_withheld": "attestation failed, or was withheld",
    "device__tampering_signs": "signs of tampering",
    "touch__interval_mean_ms": "mean pause between taps",
    "touch__interval_spread_ms": "spread of the pauses between taps",
    "event__reward_over_user_mean": "reward, compared with this person's mean",
    "event__reward_over_campaign_mean": "reward, compared with the campaign's mean",
    "event__duration_over_task_mean": "time on task, compared with everybody's mean",
}
_FORMS: Final = {
    Aggregate.SUM: "total {measure} of {whose}",
    Aggregate.MEAN: "mean {measure} of {whose}",
    Aggregate.VARIANCE: "variance of the {measure} of {whose}",
    Aggregate.MIN: "smallest {measure} of {whose}",
    Aggregate.MAX: "largest {measure} of {whose}",
    Aggregate.LAST: "latest {measure} of {whose}",
    Aggregate.DISTINCT: "different {measure} with {whose}",
    Aggregate.DECAYED: "recent {measure} of {whose}",
}
_SPANS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (SECOND, "second"))
_SCALES: Final = {"ms": (1e-3, "seconds"), "milliseconds": (1e-3, "seconds")}
_BY_NAME: Final = {feature.name: feature for feature in ALL}
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


def share(part: float) -> str:
    """A share that was counted, not guessed: 0 and 100 % are itself, and nothing else is."""
    if 0 < part < 0.001 or 0.999 < part < 1:
        return "under 0.1 %" if part < 0.5 else "over 99.9 %"
    return f"{part * 100:.1f} %" if 0 < part < 1 else f"{part * 100:.0f} %"


def label(name: str) -> str:
    """A feature in a few plain words: `different people with this device, 7 days`."""
    feature = _BY_NAME[name]
    if isinstance(feature, Windowed):
        return _window_label(feature)
    if isinstance(feature, Ratio) and name not in _LABELS:
        return f"{_window_label(feature.top)}, per {_window_label(feature.bottom)}"
    return _LABELS.get(name) or re.split("[,;]", feature.description)[0]


def _window_label(feature: Windowed) -> str:
    whose = _WHOSE.get(feature.entity.label, f"this {plain(feature.entity.label)}")
    measure = _MEASURES.get(feature.measure, plain(feature.measure))
    kind = plain(feature.kind)
    if feature.aggregate is Aggregate.SINCE:
        what = f"time since the last {kind or 'event'}{f' with {measure}' if measure else ''} of {whose}"
    elif not measure:
        recent = "recent " if feature.aggregate is Aggregate.DECAYED else ""
        what = f"{recent}{kind + ' ' if kind else ''}events of {whose}"
    else:
        what = _FORMS[feature.aggregate].format(measure=measure, whose=whose) + (f" at {kind} events" if kind else "")
    halved = "halved every " if feature.aggregate is Aggregate.DECAYED else ""
    return f"{what}, {halved}{span(feature.over)}"


def span(micros: float) -> str:
    """Microseconds in the largest unit that fits: `10 minutes`, `1 day`, `2.5 hours`."""
    length, name = next((one for one in _SPANS if micros >= one[0]), _SPANS[-1])
    count = _number(round(micros / length, 1))
    return f"{count} {name}{'' if count == '1' else 's'}"


def as_written(text: object) -> str:
    """An id or a name that somebody else wrote, for Markdown: shown letter by letter, never read as markup."""
    return "".join(one if one.isalnum() or one in " -" else f"&#{ord(one)};" for one in str(text))


def code(text: object) -> str:
    """The same as a span of code. Backticks would end at the first backtick of the text."""
    return f"<code>{as_written(text)}</code>"


def unit(name: str, currency: str | None) -> str:
    """The unit in which `value` shows the feature; empty for what has none, or carries it already."""
    feature = _BY_NAME[name]
    if name == "event__hour_of_day":
        return "o'clock, UTC"
    if feature.unit == "1 or 0" or _is_wait(name):
        return ""
    if isinstance(feature, Windowed) and feature.aggregate is Aggregate.DISTINCT:
        return _MEASURES.get(feature.measure, feature.unit)
    return _shown(feature.unit, currency)[1]


def _is_wait(name: str) -> bool:
    feature = _BY_NAME[name]
    return isinstance(feature, Windowed) and feature.aggregate is Aggregate.SINCE


def _shown(unit: str, currency: str | None) -> tuple[float, str]:
    """The factor from the definition's unit to the one for people, and that one's name."""
    top, per, bottom = unit.partition(" per ")
    if per:
        upper, lower = _shown(top, currency), _shown(bottom, currency)
        return upper[0] / lower[0], "" if top == bottom else f"{upper[1]} per {lower[1]}"
    if unit.startswith("(") and unit.endswith(")²"):
        factor, inner = _shown(unit[1:-2], currency)
        return factor**2, f"({inner})²"
    return (1e-6, currency or "in its currency") if unit == "micros" else _SCALES.get(unit, (1.0, unit))


def value(name: str, number: float, row: Mapping[str, Any]) -> str:
    """A feature's value for people, without its unit. `row` is the event, which knows what a category stands for."""
    if math.isnan(number):
        return "not known"
    if name in CATEGORICAL:
        return _category(name, number, row)
    feature = _BY_NAME[name]
    if feature.unit == "1 or 0":
        return "yes" if number else "no"
    if _is_wait(name):
        return span(number * SECOND)
    if feature.unit == "micros":
        return f"{number / 1e6:,.2f}"
    return _number(number * _shown(feature.unit, None)[0])


def _category(name: str, number: float, row: Mapping[str, Any]) -> str:
    if name in _LEVELS:
        levels = list(_LEVELS[name])
        return plain(str(levels[int(number)])) if 0 <= number < len(levels) else "not known"
    feature = _BY_NAME[name]
    assert isinstance(feature, Intrinsic)
    said = row.get(feature.column)
    return str(said) if said is not None else f"category {number:.0f}"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 or number == int(number) else f"{number:,.3g}"
