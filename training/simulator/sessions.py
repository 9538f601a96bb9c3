"""Who opens the app on a day, how often, at what time, on which handset and from which address."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import numpy as np

from features.events import micros_of
from training.simulator.batch import SECOND, Integers, Rows
from training.simulator.devices import Fleet
from training.simulator.families import Numbers
from training.simulator.networks import Codes, Networks
from training.simulator.population import People
from training.simulator.rhythm import draw_night_seconds, draw_seconds, level_of

SESSIONS_MAX: Final = 8
TABLET_SESSIONS: Final = 0.35
# A machine that keeps to its hour misses it by minutes.
REGULAR_SPREAD_SECONDS: Final = 420
# Beyond every home's number, which is below nine for each person.
_CAFE_HOMES: Final = 16
SESSION: Final = np.dtype(
    [("user", "i4"), ("start", "i8"), ("installation", "i4"), ("address", "u8"), ("opens_day", "?"), ("joins", "?")]
)


@dataclass(frozen=True)
class Day:
    """A day since the start of the log, and what instants it holds, in microseconds since 1970."""

    number: int
    date: date
    begins: int
    ends: int


def day_of(start: date, number: int) -> Day:
    today = start + timedelta(days=number)
    begins = micros_of_date(today)
    return Day(number, today, begins, begins + 86_400 * SECOND)


def micros_of_date(day: date) -> int:
    """The first instant of a day, in UTC."""
    return micros_of(datetime.combine(day, time(), UTC))


def draw_sessions(rng: np.random.Generator, day: Day, people: People, fleet: Fleet, networks: Networks) -> Rows:
    """The sessions of a day, by person and time."""
    active = _active(rng, day, people)
    count = 1 + np.minimum(rng.poisson(people.habits.sessions[active]), SESSIONS_MAX - 1)
    user = np.repeat(active, count)
    seconds = _start_seconds(rng, day, people, user)
    order = np.lexsort((seconds, user))
    user, seconds = user[order], seconds[order]
    sessions = np.zeros(len(user), SESSION)
    sessions["user"] = user
    sessions["start"] = day.begins + seconds * SECOND + rng.integers(0, 1000, len(user)) * 1000
    sessions["installation"] = fleet.installation(user, day.number, rng.random(len(user)) < TABLET_SESSIONS)
    at_cafe = fleet.handsets.is_browser[fleet.handset[sessions["installation"]]]
    sessions["address"] = _addresses(rng, day, people, networks, user)
    sessions["address"][at_cafe] = _cafe_addresses(day, people, networks, user[at_cafe])
    sessions["opens_day"] = np.r_[True, user[1:] != user[:-1]] if len(user) else []
    sessions["joins"] = sessions["opens_day"] & (people.span.join[user] == day.number)
    return sessions


def _active(rng: np.random.Generator, day: Day, people: People) -> Integers:
    span = people.span
    is_member = (span.join <= day.number) & (day.number < span.end)
    chance = people.habits.active * level_of(day.date)
    return np.flatnonzero(is_member & ((rng.random(people.count) < chance) | (span.join == day.number)))


def _start_seconds(rng: np.random.Generator, day: Day, people: People, user: Integers) -> Integers:
    """Most keep the honest rhythm, some wake at night, some keep to an hour that their group has in common."""
    seconds = draw_seconds(rng, day.date, len(user))
    at_night = rng.random(len(user)) < people.habits.night[user]
    seconds = np.where(at_night, draw_night_seconds(rng, len(user)), seconds)
    is_regular = rng.random(len(user)) < people.habits.regular[user]
    usual = people.habits.usual_second[people.circle.leader[user]] + 60 * people.circle.place[user]
    jitter = (REGULAR_SPREAD_SECONDS * rng.standard_normal(len(user))).astype(np.int64)
    return np.where(is_regular, (usual + jitter) % 86_400, seconds)


def _cafe_addresses(day: Day, people: People, networks: Networks, user: Integers) -> Codes:
    """One address for all who sit in the cafe."""
    cafe = _CAFE_HOMES * people.count + people.circle.cafe[user]
    return networks.homes(cafe, cafe, day.number)


def _addresses(rng: np.random.Generator, day: Day, people: People, networks: Networks, user: Integers) -> Codes:
    """At home, on the carrier's network, or behind a VPN."""
    place = rng.random(len(user))
    vpn, mobile = people.habits.vpn[user], people.habits.mobile[user]
    turn = rng.integers(0, 6, len(user))
    address = networks.homes(people.ties.home[user], user, day.number)
    on_carrier: Numbers = vpn + (1 - vpn) * mobile
    address = np.where(place < on_carrier, networks.carriers_of(user, turn), address)
    return np.where(place < vpn, networks.exits_of(user, turn), address)
