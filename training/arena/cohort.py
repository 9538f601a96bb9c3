"""A family at work for a period: its accounts, the events that it sends, and what it is told of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
from pydantic import ValidationError

from features.events import Event, parse
from features.log import Row, row_of
from training.arena.aftermath import CAUGHT
from training.arena.protocol import Attackers, Body, Seen
from training.arena.purse import Purse
from training.arena.world import World
from training.simulator.batch import HOUR, SECOND
from training.simulator.cast import Person, draw_cast
from training.simulator.sending import LATE_HOURS_MAX, LATE_SHARE
from training.simulator.sessions import Day
from training.simulator.simulate import Platform

EVENTS_PER_DAY_MAX: Final = 200_000


@dataclass
class Cohort:
    """One family in one period. An event id that was sent before is no second event."""

    family: Attackers
    world: World
    persons: Sequence[Person]
    rng: np.random.Generator
    waiting: list[Row] = field(default_factory=list)
    told: list[Seen] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.family.name

    @property
    def caught(self) -> float:
        """The share of its conversions that partners see through, before their vigilance."""
        return float(getattr(self.family, "caught", CAUGHT))

    @property
    def charges_back(self) -> float:
        """The share of its purchases that the card's owner takes back."""
        return float(getattr(self.family, "charges_back", 0.0))

    @property
    def ring_of(self) -> dict[str, str]:
        """The ring of each account that has one; no two families have a ring in common."""
        pairs = zip(self.world.people, self.persons, strict=True)
        own = {user: f"{self.name}/{person.ring}" for user, person in pairs if person.ring is not None}
        return own | {victim: own[member] for victim, member in self.world.taken.items() if member in own}

    def due(self, day: Day) -> list[Row]:
        """The rows that arrive on the day: those begun today, and those of earlier days that were under way."""
        self.world.day = day
        self.waiting += [self._arriving(event) for event in self._begun(day)]
        due = [row for row in self.waiting if row["recorded_at"] < day.ends]
        self.waiting = [row for row in self.waiting if row["recorded_at"] >= day.ends]
        return due

    def learn(self) -> None:
        """The family is told what became of its events, and changes what it will."""
        self.family.watch(self.told)
        self.told = []

    def _begun(self, day: Day) -> list[Event]:
        bodies = self.family.act(self.rng, day, self.world)
        if bodies is None or isinstance(bodies, Mapping):
            raise ValueError(f"family {self.name}: act must answer a list of events, not {type(bodies).__name__}")
        events = [self._checked(body, day) for body in _bounded(bodies, self.name)]
        fresh = {event.event_id: event for event in events if event.event_id not in self.sent}
        self.sent |= fresh.keys()
        return list(fresh.values())

    def _checked(self, body: Body, day: Day) -> Event:
        if not isinstance(body, Mapping):
            raise ValueError(
                f"family {self.name}: {body!r} is not valid: an event is a dict, as POST /v1/score/event takes"
            )
        try:
            event = parse(dict(body))
        except ValidationError as failure:
            raise ValueError(f"family {self.name}: {_first_of(failure, body)}") from None
        if not isinstance(event, Event):
            raise ValueError(f"family {self.name}: act sends events, no outcomes such as {event.kind}")
        if event.event_time < day.begins - HOUR:
            raise ValueError(f"family {self.name}: occurred_at {event.occurred_at} lies before the day {day.date}")
        return event

    def _arriving(self, event: Event) -> Row:
        """Most events arrive within a second, some after hours: the phone was offline."""
        late = self.rng.random() < LATE_SHARE
        prompt = SECOND * np.exp(self.rng.normal(-1.0, 0.8))
        wait = self.rng.uniform(60 * SECOND, LATE_HOURS_MAX * HOUR) if late else prompt
        return row_of(event) | {"recorded_at": event.event_time + int(wait)}


def begin(
    family: Attackers,
    number: int,
    platform: Platform,
    purse: Purse,
    period: tuple[int, int],
    count: int,
    rng: np.random.Generator,
) -> Cohort:
    """A family's accounts for `period`, which is (first day, days). `number` keeps its ids apart from others'.

    Raises ValueError, naming the family, when `people` answers something else than accounts.
    """
    persons = family.people(rng, count)
    if not isinstance(persons, Sequence) or not persons or not all(isinstance(one, Person) for one in persons):
        raise ValueError(
            f"family {family.name}: people must answer a list of training.simulator.cast.Person, at least one of them"
        )
    cast = draw_cast(rng, number, persons, platform, *period)
    return Cohort(family, World(cast, purse, Day(-1, date.min, 0, 0)), persons, rng)


def _bounded(bodies: Iterable[Body], name: str) -> list[Body]:
    listed = list(bodies)
    if len(listed) > EVENTS_PER_DAY_MAX:
        raise ValueError(f"family {name}: {len(listed)} events on one day; at most {EVENTS_PER_DAY_MAX} are taken")
    return listed


def _first_of(failure: ValidationError, body: Body) -> str:
    """The first field that is wrong, and the event it is in."""
    error = failure.errors()[0]
    place = ".".join(map(str, error["loc"])) or "the event"
    found = f"an event of kind {body.get('kind')} is not valid: {place}: {error['msg']}"
    return f"{found}; send what POST /v1/score/event takes"
