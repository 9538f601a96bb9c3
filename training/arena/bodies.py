"""Changing events before they are sent: their time, what a partner's server would report, and a price."""

from typing import Any, Final

import numpy as np

from features.events import DeviceKind, DeviceProvenance, IpProvenance, Kind, RevenueState, instant_of, parse
from training.simulator.catalogue import GOAL_FACTORS, PARTNERS
from training.simulator.networks import address_text, partner_servers

Body = dict[str, Any]

_SERVER_NAMED: Final = 0.7
_DEVICE_NAMED: Final = 0.5
_CONFIRMED: Final = 0.7
_KEPT: Final = ("user_id", "task_id", "campaign_id", "partner_id", "click_id", "currency")
_SERVERS: Final = dict(
    zip([one.name for one in PARTNERS], map(int, partner_servers(np.arange(len(PARTNERS)))), strict=True)
)


def time_of(body: Body) -> int:
    """When it occurred, in microseconds."""
    return parse(body).event_time


def at(body: Body, micros: int) -> Body:
    """The same event at another time."""
    return body | {"occurred_at": instant_of(micros).isoformat().replace("+00:00", "Z")}


def number(rng: np.random.Generator, letter: str) -> str:
    """An id like those that the platform and its partners give."""
    return f"{letter}{int(rng.integers(1 << 46, 1 << 48)):012x}"


def report(rng: np.random.Generator, install: Body, told: Body, micros: int) -> Body:
    """What a partner's server says later of an install: the same person and click, and what is `told`."""
    body = {name: install[name] for name in _KEPT if name in install} | {
        "event_id": number(rng, "e"),
        "partner_transaction_id": number(rng, "t"),
        "revenue_state": str(RevenueState.CONFIRMED if rng.random() < _CONFIRMED else RevenueState.ESTIMATED),
        "schema_version": 1,
    }
    if rng.random() < _SERVER_NAMED:
        address = address_text(_SERVERS[install["partner_id"]])
        body["ip"] = {"address": address, "provenance": str(IpProvenance.PARTNER)}
    return at(body | _as_partners_know(install if rng.random() < _DEVICE_NAMED else {}) | told, micros)


def goal_report(rng: np.random.Generator, install: Body, goal: int, micros: int) -> Body:
    """The postback of a goal (from 0) of an install."""
    factor = float(GOAL_FACTORS[goal])
    told = {
        "kind": str(Kind.GOAL_REACHED),
        "goal_id": f"goal-{goal + 1}",
        "reward_micros": round(install["reward_micros"] * factor / 10_000) * 10_000,
        "revenue_micros": round(install["revenue_micros"] * factor),
    }
    return report(rng, install, told, micros)


def _as_partners_know(install: Body) -> Body:
    """Partners know advertising ids only."""
    known = [one for one in install.get("devices", ()) if one["kind"] == DeviceKind.GAID]
    partner, opted_out = str(DeviceProvenance.PARTNER), str(DeviceProvenance.OPTED_OUT)
    told = [one if one["provenance"] == opted_out else one | {"provenance": partner} for one in known]
    return {"devices": told} if told else {}
