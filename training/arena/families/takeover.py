"""Takeover before a withdrawal: a stranger logs into somebody's account, names a destination of their own, and asks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.cast import Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

SAME_DAY = 0.6


class Takeover:
    """Each account of this family is one theft: a log-in and a request, within an hour or on the next days."""

    name = "takeover"
    trained = True
    caught = 0.0

    def __init__(self) -> None:
        self.later: dict[str, tuple[str, int]] = {}
        self.done: set[str] = set()

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """A thief has four to nine victims, three phones that are wiped now and then, and a destination for two."""
        like = replace(ORDINARY, active=1.0)
        return [
            Person(
                like,
                phones="multi_accounter",
                ring=crew,
                home=crew,
                phone=3 * crew + place % 3 if rng.random() < 0.7 else None,
                destination=5 * crew + place // 2,
                proxied=0.6,
            )
            for crew, place in crews(rng, count, 4, 9)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """Those who have found a victim log in, look, and ask for all that is there, at once or another day."""
        bodies: list[Body] = []
        for member in [one for one in world.members if one not in self.done]:
            second = float(rng.uniform(0, 80_000))
            if member in self.later:
                victim, amount = self.later.pop(member)
                bodies += self._ask(world, member, victim, second, amount)
                continue
            for victim, amount in world.victims(rng, 1):
                looks = ["login", "check_in"] if rng.random() < 0.4 else ["login"]
                bodies += world.taken_over(member, victim, world.visit(member, looks, second))
                if rng.random() < SAME_DAY:
                    bodies += self._ask(world, member, victim, second + rng.uniform(100, 3000), amount)
                else:
                    self.later[member] = victim, amount
        return bodies

    def watch(self, decisions: Sequence[Seen]) -> None:
        """One try an account: whoever is locked out looks for another."""

    def _ask(self, world: World, member: str, victim: str, second: float, amount: int) -> list[Body]:
        self.done.add(member)
        whole = amount // 1_000_000 * 1_000_000
        return world.taken_over(member, victim, [world.withdrawal(member, second, whole)])
