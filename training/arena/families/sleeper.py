"""Sleepers: accounts that live like anybody for a week or two, then are worked by a script for a few days."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.cast import Change, Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

WORK = Change(pace=2.2, haste=0.5)


class Sleeper:
    """Bought in dozens, kept warm, woken together. When the script is stopped it slows to a person's pace."""

    name = "sleeper"
    trained = False
    caught = 0.45

    def __init__(self) -> None:
        self.wakes: dict[str, int] = {}
        self.awake: set[str] = set()
        self.slowed = 0
        self.stopped = False

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Batches of five to ten on two phones each, all paid to two destinations, proxied as people are mobile."""
        like = replace(ORDINARY, interval_ms=480.0, spread=0.36, still=0.3)
        return [
            Person(
                like,
                ring=crew,
                phone=4 * crew + place // 3,
                destination=2 * crew + place % 2,
                proxied=0.4,
                patience_units=10,
            )
            for crew, place in crews(rng, count, 5, 10)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """Wakes those whose time has come, and slows all down after a refusal."""
        for user in world.members:
            if self.wakes.setdefault(user, day.number + int(rng.integers(4, 10))) == day.number:
                world.change(user, WORK)
                self.awake.add(user)
        if self.stopped and self.slowed < 3:
            for user in self.awake:
                world.change(user, Change(pace=0.8, haste=1.3))
            self.slowed += 1
        self.stopped = False
        return world.live()

    def watch(self, decisions: Sequence[Seen]) -> None:
        """One refusal is taken for a warning to all."""
        self.stopped = any(seen.action in ("review", "decline") for seen in decisions)
