"""A patient farm: few accounts on each phone, residential proxies, and it learns from what is refused."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.cast import Change, Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

STOPPED = ("challenge", "review", "decline")
PATIENCE_DAYS = 6


class PatientFarm:
    """Rows of phones with three accounts each, worked by hand. Where one account is stopped, its mates slow down, go
    through proxies and move to a new phone; a fresh destination is dear, and comes last.
    """

    name = "patient_farm"
    trained = False
    caught = 0.35

    def __init__(self) -> None:
        self.ring_of: dict[str, int] = {}
        self.rings: list[int] = []
        self.stopped_at: dict[int, int] = {}
        self.warned: dict[int, int] = {}
        self.changes: list[tuple[int, Change]] = []

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Rings of six to twelve; three accounts a phone, four a destination, half their sessions proxied."""
        like = replace(ORDINARY, active=0.6, sessions=1.0, depth=3.4, haste=0.85, spread=0.42, still=0.3, referred=0.4)
        placed = list(crews(rng, count, 6, 12))
        self.rings = [crew for crew, _ in placed]
        return [
            Person(
                like,
                ring=crew,
                home=3 * crew + place % 3,
                phone=8 * crew + place // 3,
                destination=4 * crew + place // 4,
                referrer=at - 1 if place and rng.random() < 0.4 else None,
                proxied=0.5,
                patience_units=10,
            )
            for at, (crew, place) in enumerate(placed)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """A day of work by those who are not lying low."""
        self.ring_of = dict(zip(world.people, self.rings, strict=True))
        for ring, change in self.changes:
            for user, its in self.ring_of.items():
                if its == ring and rng.random() < 0.7:
                    world.change(user, change)
        self.changes = []
        quiet = {ring for ring, until in self.stopped_at.items() if day.number < until}
        for ring in [ring for ring, until in self.stopped_at.items() if until < 0]:
            self.stopped_at[ring] = day.number + PATIENCE_DAYS
            quiet.add(ring)
        return world.live([user for user in world.members if self.ring_of[user] not in quiet])

    def watch(self, decisions: Sequence[Seen]) -> None:
        """The first refusal of a ring costs it days and phones, the next its destinations."""
        hit = {
            self.ring_of[seen.user_id] for seen in decisions if seen.action in STOPPED and seen.user_id in self.ring_of
        }
        for ring in sorted(hit):
            times = self.warned[ring] = self.warned.get(ring, 0) + 1
            if times == 1:
                self.stopped_at[ring] = -1
                self.changes.append((ring, Change(pace=0.7, haste=1.2, phone=True, proxied=0.9)))
            elif times == 3:
                self.changes.append((ring, Change(pace=0.8, home=True, destination=True)))
