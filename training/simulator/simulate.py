"""An earning platform that does not exist: people, fraud and time to learn from, when there is no data yet."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features.events import EARLIEST, LATEST
from features.log import LogWriter
from training.simulator.actions import Numbering, act
from training.simulator.batch import EVENT, MISSING, OUTCOME, Integers, Rows, blank, split_by_arrival
from training.simulator.catalogue import Catalogue, draw_catalogue
from training.simulator.columns import Lexicon, compile_lexicon, event_table, outcome_table
from training.simulator.devices import Fleet, draw_fleet
from training.simulator.families import FAMILIES, NAMES
from training.simulator.networks import Networks
from training.simulator.outcomes import bans, judge
from training.simulator.population import People, draw_people, operators
from training.simulator.sending import send
from training.simulator.sessions import Day, day_of, draw_sessions
from training.simulator.wallets import ask, credit
from training.simulator.words import words

USERS_MIN: Final = 100
USERS_MAX: Final = 1_000_000
DAYS_MAX: Final = 730
_USERS_PER_CARRIER_ADDRESS: Final = 2_000
_USERS_PER_EXIT: Final = 250


@dataclass(frozen=True)
class Scenario:
    """`users` people in all, over `days` UTC days from `start`; equal scenarios give equal logs."""

    users: int
    days: int
    seed: int
    start: date

    def __post_init__(self) -> None:
        if not USERS_MIN <= self.users <= USERS_MAX:
            raise ValueError(f"users must be between {USERS_MIN} and {USERS_MAX}, not {self.users}")
        if not 1 <= self.days <= DAYS_MAX:
            raise ValueError(f"days must be between 1 and {DAYS_MAX}, not {self.days}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, not {self.seed}")
        if not EARLIEST.date() <= self.start <= LATEST.date() - timedelta(days=DAYS_MAX + 1):
            raise ValueError(f"start must lie between {EARLIEST.year} and {LATEST.year - 3}, not on {self.start}")


@dataclass(frozen=True)
class Summary:
    """What was written. `honest` and `fraud` count people by family; the days are the first and last of arrival."""

    events: int
    outcomes: int
    users: int
    honest: dict[str, int]
    fraud: dict[str, int]
    first_day: date
    last_day: date


@dataclass
class Platform:
    """The fixed parts of a simulation, and what it carries from day to day."""

    people: People
    fleet: Fleet
    catalogue: Catalogue
    networks: Networks
    lexicon: Lexicon
    rng: np.random.Generator
    balance: Integers
    last_event: Integers
    events: Rows = field(default_factory=lambda: blank(EVENT, 0))
    outcomes: Rows = field(default_factory=lambda: blank(OUTCOME, 0))
    free: Numbering = field(default_factory=Numbering)
    event_count: int = 0
    outcome_count: int = 0

    def live(self, day: Day) -> Any:
        """What arrives on the day, as a table by arrival; the rest is carried on."""
        self._generate(day)
        events, self.events = split_by_arrival(self.events, day.ends)
        judged = judge(self.rng, events, self.event_count, self.people, self.catalogue)
        pending = np.concatenate([self.outcomes, bans(self.rng, day, self.people, self.last_event), judged])
        outcomes, self.outcomes = split_by_arrival(pending, day.ends)
        tables = [
            event_table(events, self.event_count, self.lexicon),
            outcome_table(outcomes, self.outcome_count, self.lexicon),
        ]
        self._count(events, outcomes)
        order = np.argsort(np.concatenate([events["recorded_at"], outcomes["recorded_at"]]), kind="stable")
        return pa.concat_tables(tables).combine_chunks().take(pa.array(order))

    def _generate(self, day: Day) -> None:
        """Adds what people begin on the day to the events that wait for their arrival."""
        sessions = draw_sessions(self.rng, day, self.people, self.fleet, self.networks)
        acts, self.free = act(self.rng, sessions, self.people, self.catalogue, self.free)
        events = np.concatenate([acts, ask(self.rng, sessions, self.people, self.balance)])
        send(self.rng, events, self.people.habits, self.fleet)
        self.events = np.concatenate([self.events, events])

    def _count(self, events: Rows, outcomes: Rows) -> None:
        credit(self.balance, events)
        self.last_event[events["user"]] = self.event_count + np.arange(len(events))
        self.event_count += len(events)
        self.outcome_count += len(outcomes)


def simulate(
    scenario: Scenario,
    out: Path,
    advance: Callable[[int], object] = lambda _: None,
    *,
    truth: Path | None = None,
) -> Summary:
    """Writes an event log into the folder `out`, day by day, and calls `advance(1)` after each.

    The log holds no ground truth. With `truth`, a parquet file of user_id, family, household_id, person_id (who is
    behind the account), circle_id (who live, work or defraud together), cafe_id (whose visitors are strangers),
    previous_owner_id (whose phone the person got) and is_fraud is written there.
    Raises ValueError if `out` already holds a log.
    """
    if any(out.glob("day=*")):
        raise ValueError(f"{out} already holds an event log: choose another folder, or remove it to simulate anew")
    platform, writer = found(scenario), LogWriter(out)
    for number in range(scenario.days):
        writer.append(platform.live(day_of(scenario.start, number)))
        advance(1)
    if truth is not None:
        _write_truth(platform, truth)
    return _summary(scenario, platform)


def found(scenario: Scenario) -> Platform:
    """The platform of a scenario before its first day. Each part draws from a stream of its own, so that a change to
    one leaves the others as they are.
    """
    streams = [np.random.default_rng(part) for part in np.random.SeedSequence(scenario.seed).spawn(4)]
    people = draw_people(streams[0], scenario.users, scenario.days)
    fleet, catalogue = draw_fleet(streams[1], people, scenario.days), draw_catalogue(streams[2])
    networks = Networks(
        salt=scenario.seed,
        carriers=max(2, scenario.users // _USERS_PER_CARRIER_ADDRESS),
        exits=max(3, scenario.users // _USERS_PER_EXIT),
    )
    return Platform(
        people=people,
        fleet=fleet,
        catalogue=catalogue,
        networks=networks,
        lexicon=compile_lexicon(people, fleet, catalogue, scenario.seed),
        rng=streams[3],
        balance=np.zeros(scenario.users, np.int64),
        last_event=np.full(scenario.users, MISSING),
    )


def _write_truth(platform: Platform, truth: Path) -> None:
    circle = platform.people.circle
    columns = {
        "user_id": platform.lexicon.user_ids,
        "family": [NAMES[number] for number in circle.family],
        "household_id": [None if number == MISSING else f"h{number:06d}" for number in circle.household],
        "person_id": [f"p{number:06d}" for number in operators(circle)],
        "circle_id": [f"g{number:06d}" for number in circle.group],
        "cafe_id": [None if number == MISSING else f"c{number:06d}" for number in circle.cafe],
        "previous_owner_id": words(platform.lexicon.user_ids, platform.fleet.previous_owner),
        "is_fraud": circle.is_fraud,
    }
    truth.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), truth)


def _summary(scenario: Scenario, platform: Platform) -> Summary:
    sizes = np.bincount(platform.people.circle.family, minlength=len(FAMILIES)).tolist()
    counted = list(zip(FAMILIES, sizes, strict=True))
    return Summary(
        events=platform.event_count,
        outcomes=platform.outcome_count,
        users=scenario.users,
        honest={family.name: size for family, size in counted if not family.is_fraud},
        fraud={family.name: size for family, size in counted if family.is_fraud},
        first_day=scenario.start,
        last_day=scenario.start + timedelta(days=scenario.days - 1),
    )
