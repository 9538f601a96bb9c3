"""Accounts that an attacker keeps: they live and send by the same code as everybody's, and change while they live."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.events import Kind
from features.money import MICROS_PER_UNIT
from training.simulator.actions import Numbering, act, event_rows
from training.simulator.batch import EVENT, KINDS, MISSING, SECOND, Integers, Rows, blank
from training.simulator.columns import Lexicon, compile_lexicon, event_table
from training.simulator.devices import Fleet, draw_handsets
from training.simulator.families import NAMES, ORDINARY
from training.simulator.family import ORDINARY as ORDINARY_HABITS
from training.simulator.family import Family
from training.simulator.habits import draw_habits_around
from training.simulator.networks import Codes
from training.simulator.population import NEVER, STAY_DAYS_MEAN, Circle, People, Span, Ties, Truths, draw_profile
from training.simulator.sending import send
from training.simulator.sessions import SESSION, Day, draw_sessions
from training.simulator.simulate import Platform
from training.simulator.wallets import ask

ACCOUNTS_MAX: Final = 100_000
# A cast's ids and homes begin where those of the platform and of other casts cannot be.
_IDS_PER_CAST: Final = 1 << 40
_HOMES_PER_CAST: Final = 10_000_000
_SECRET_STEP: Final = 7919
RING_JOIN_DAYS: Final = 7


@dataclass(frozen=True)
class Person:
    """One account. `like` are its habits, `phones` the family of the simulator whose handsets its own resembles.

    Equal numbers in `ring`, `home`, `phone`, `destination` or `identity` are one and the same; None is its own.
    `joins` counts days since the period began; None lets the arena choose. `referrer` is the place of another account
    in the list. `proxied` is the share of sessions that come through the home of an honest person. `patience_units` is
    the balance from which it asks for a withdrawal; None is drawn as for everybody.
    """

    like: Family = ORDINARY_HABITS
    phones: str = "ordinary"
    ring: int | None = None
    joins: int | None = None
    home: int | None = None
    phone: int | None = None
    destination: int | None = None
    identity: int | None = None
    referrer: int | None = None
    proxied: float = 0.0
    patience_units: int | None = None


@dataclass(frozen=True)
class Change:
    """What an account changes from the next day on: a factor of its pace, and what it begins anew."""

    pace: float = 1.0
    haste: float = 1.0
    phone: bool = False
    home: bool = False
    destination: bool = False
    proxied: float | None = None


@dataclass(frozen=True)
class CastLexicon(Lexicon):
    """The words of a cast; numbers beyond its own accounts are those of the platform."""

    own_ids: tuple[str, ...] = ()
    strangers: int = 0

    @cached_property
    def user_ids(self) -> list[str]:  # made once, since every day asks for it
        return [*self.own_ids, *(f"u{user:06d}" for user in range(self.strangers))]


@dataclass
class Cast:
    """The accounts of one family in one period. `number` keeps its ids apart from those of other casts."""

    number: int
    platform: Platform
    persons: Sequence[Person]
    people: People
    fleet: Fleet
    lexicon: Lexicon
    proxied: Any
    rng: np.random.Generator
    event_count: int = 0
    anew: int = 0
    free: Numbering = field(init=False)

    def __post_init__(self) -> None:
        first = (self.number + 1) * _IDS_PER_CAST
        self.event_count, self.free = first, Numbering(first, first)

    @property
    def user_ids(self) -> list[str]:
        return self.lexicon.user_ids[: len(self.persons)]

    def live(self, day: Day, acting: Truths, balance: Integers) -> Any:
        """What the acting accounts begin on a day, as a table of the log; each may ask for its `balance` in micros."""
        sessions = self._sessions(day)
        sessions = sessions[acting[sessions["user"]]]
        acts, self.free = act(self.rng, sessions, self.people, self.platform.catalogue, self.free)
        return self.sent(np.concatenate([acts, ask(self.rng, sessions, self.people, balance)]))

    def visit(self, day: Day, account: int, kinds: Sequence[str], start: int, step_seconds: float) -> Any:
        """Events of the named kinds one after another in one session of one account, as a table of the log."""
        sessions = np.zeros(1, SESSION)
        user = np.array([account])
        sessions["user"], sessions["start"] = account, start
        sessions["installation"] = self.fleet.installation(user, day.number, np.zeros(1, np.bool_))
        sessions["address"] = self._addresses(day, user)
        steps = np.cumsum(step_seconds * np.exp(0.5 * self.rng.standard_normal(len(kinds))))
        rows = [
            event_rows(Kind(kind), sessions, sessions["start"] + wait)
            for kind, wait in zip(kinds, (SECOND * steps).astype(np.int64), strict=True)
        ]
        events = np.concatenate([blank(EVENT, 0), *rows])
        asks = events["kind"] == KINDS.index(Kind.WITHDRAWAL_REQUESTED)
        seconds = np.where(asks, self.rng.uniform(4.0, 40.0, len(events)), self.rng.uniform(0.8, 6.0, len(events)))
        events["duration_ms"] = np.where(events["kind"] == KINDS.index(Kind.LOGIN), np.nan, 1000 * seconds)
        events["destination"] = np.where(asks, self.people.ties.destination[account], MISSING)
        return self.sent(events)

    def sent(self, events: Rows) -> Any:
        send(self.rng, events, self.people.habits, self.fleet)
        table = event_table(events, self.event_count, self.lexicon)
        self.event_count += len(events)
        return table

    def change(self, account: int, change: Change, day: Day) -> None:
        """Change an account from the next day on. An account changes its phone once."""
        habits, ties = self.people.habits, self.people.ties
        for name in ("active", "depth", "sessions"):
            getattr(habits, name)[account] *= change.pace
        habits.haste[account] *= change.haste
        self.anew += 1
        if change.phone:
            self.fleet.change_day[account] = min(self.fleet.change_day[account], day.number + 1)
        if change.home:
            ties.home[account] = self._own_home() + self.anew
        if change.destination:
            ties.destination[account] = 2 * len(self.persons) + self.anew
        if change.proxied is not None:
            self.proxied[account] = change.proxied

    def _own_home(self) -> int:
        return (self.number + 1) * _HOMES_PER_CAST + 2 * len(self.persons)

    def _sessions(self, day: Day) -> Rows:
        sessions = draw_sessions(self.rng, day, self.people, self.fleet, self.platform.networks)
        through = self.rng.random(len(sessions)) < self.proxied[sessions["user"]]
        sessions["address"] = np.where(through, self._borrowed(day, len(sessions)), sessions["address"])
        return sessions

    def _addresses(self, day: Day, user: Integers) -> Codes:
        ties, networks = self.people.ties, self.platform.networks
        through = self.rng.random(len(user)) < self.proxied[user]
        return np.where(through, self._borrowed(day, len(user)), networks.homes(ties.home[user], user, day.number))

    def _borrowed(self, day: Day, count: int) -> Codes:
        """Addresses of honest homes, as a proxy network sells them."""
        host = self.rng.integers(0, self.platform.people.count, count)
        return self.platform.networks.homes(self.platform.people.ties.home[host], host, day.number)


def draw_cast(
    rng: np.random.Generator, number: int, persons: Sequence[Person], platform: Platform, first_day: int, days: int
) -> Cast:
    """Accounts as the persons describe them, joining in the first six tenths of `days` from `first_day` on.

    Raises ValueError for more than ACCOUNTS_MAX accounts, or a family of handsets that does not exist.
    """
    if not 0 < len(persons) <= ACCOUNTS_MAX:
        raise ValueError(f"a family has 1 to {ACCOUNTS_MAX} people, not {len(persons)}")
    strange = sorted({one.phones for one in persons} - set(NAMES))
    if strange:
        raise ValueError(f"phones must name a family of the simulator, not {strange[0]!r}: {', '.join(NAMES)}")
    people = _people(rng, number, persons, platform, first_day, days)
    fleet = _fleet(rng, people, persons)
    salt = platform.networks.salt + (number + 1) * _SECRET_STEP
    plain = compile_lexicon(people, fleet, platform.catalogue, salt)
    own = tuple(f"u{number + 1:02d}{place:05d}" for place in rng.permutation(len(persons)))
    lexicon = CastLexicon(
        people, fleet, platform.catalogue, salt, plain.devices, plain.device_keys, own, platform.people.count
    )
    return Cast(number, platform, persons, people, fleet, lexicon, np.array([one.proxied for one in persons]), rng)


def _people(
    rng: np.random.Generator, number: int, persons: Sequence[Person], platform: Platform, first_day: int, days: int
) -> People:
    count = len(persons)
    every = np.arange(count)
    honest = np.zeros(count, np.bool_)
    everybody_alone = np.full(count, MISSING)
    circle = Circle(
        family=np.full(count, ORDINARY),
        acts_as=np.array([NAMES.index(one.phones) for one in persons]),
        is_fraud=honest,
        quiet=honest,
        group=every,
        place=np.zeros(count, np.int64),
        leader=every,
        household=everybody_alone,
    )
    span = _span(rng, persons, first_day, days)
    habits = draw_habits_around(rng, lambda name: np.array([float(getattr(one.like, name)) for one in persons]), count)
    wanted = [one.patience_units for one in persons]
    for place, units in enumerate(wanted):
        if units is not None:
            habits.threshold[place] = units * MICROS_PER_UNIT
    home = _numbered([one.home for one in persons], every) + (number + 1) * _HOMES_PER_CAST
    ties = Ties(
        home=home,
        destination=_numbered([one.destination for one in persons], every),
        identity=_numbered([one.identity for one in persons], every),
        referrer=_referrers(rng, persons, platform),
    )
    return People(circle, span, ties, habits, draw_profile(rng, count))


def _numbered(shared: Sequence[int | None], own: Integers) -> Integers:
    """What is the account's own has the account's number, what is shared a number beyond all of those."""
    places = {number: place for place, number in enumerate(sorted({one for one in shared if one is not None}))}
    return np.array([own[at] if one is None else len(own) + places[one] for at, one in enumerate(shared)])


def _span(rng: np.random.Generator, persons: Sequence[Person], first_day: int, days: int) -> Span:
    """The accounts of a ring are opened within a week of each other, as friends' are."""
    latest = max(1, days * 6 // 10)
    of_ring = {one.ring: int(rng.integers(0, latest)) for one in persons}
    chosen = [
        one.joins
        if one.joins is not None
        else int(rng.integers(0, latest))
        if one.ring is None
        else min(of_ring[one.ring] + int(rng.integers(0, RING_JOIN_DAYS)), days - 1)
        for one in persons
    ]
    join = first_day + np.array(chosen)
    end = join + 1 + rng.exponential(STAY_DAYS_MEAN, len(persons)).astype(np.int64)
    never = np.full(len(persons), NEVER)
    return Span(join, end, never, np.zeros(len(persons), np.bool_))


def _referrers(rng: np.random.Generator, persons: Sequence[Person], platform: Platform) -> Integers:
    """Another account of the list, or as often as habits say a stranger on the platform."""
    stranger = len(persons) + rng.integers(0, platform.people.count, len(persons))
    came_alone = rng.random(len(persons)) >= np.array([one.like.referred for one in persons])
    chosen = np.array([MISSING if one.referrer is None else one.referrer for one in persons])
    return np.where(chosen != MISSING, chosen, np.where(came_alone, MISSING, stranger))


def _fleet(rng: np.random.Generator, people: People, persons: Sequence[Person]) -> Fleet:
    count = len(persons)
    every = np.arange(count)
    holder: dict[int, int] = {}
    first = np.array([at if one.phone is None else holder.setdefault(one.phone, at) for at, one in enumerate(persons)])
    handset = np.concatenate([first, count + every, every])
    return Fleet(
        draw_handsets(rng, people, handset),
        handset,
        handset.copy(),
        np.full(count, NEVER),
        np.zeros(count, np.bool_),
        count,
    )
