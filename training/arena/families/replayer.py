"""Replayed postbacks: goals that were reached once, reported again under new transaction ids."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.bodies import at, number, time_of
from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.batch import HOUR
from training.simulator.cast import Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day


class Replayer:
    """Real installs and real goals; each goal comes back some hours later, once more or several times.

    It watches: while a copy is approved it makes more of them, and once one is declined it makes fewer.
    """

    name = "postback_replayer"
    trained = False
    caught = 0.45

    def __init__(self) -> None:
        self.copies = 4.0

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Pairs and threes who know the trick, each on a phone of their own, paid to one destination."""
        like = replace(ORDINARY, apps=0.4, goal=0.6, active=0.4, ads=0.35)
        return [Person(like, ring=crew, destination=crew, patience_units=10) for crew, _ in crews(rng, count, 2, 3)]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """An ordinary day, with its goals told again."""
        bodies = world.live()
        goals = [body for body in bodies if body["kind"] == "goal_reached"]
        return bodies + [copy for goal in goals for copy in self._copies(rng, goal)]

    def watch(self, decisions: Sequence[Seen]) -> None:
        """Bolder while it is paid, careful when it is not."""
        actions = {seen.action for seen in decisions if seen.kind == "goal_reached"}
        if actions & {"decline", "review"}:
            self.copies = max(0.5, self.copies * 0.7)
        elif "approve" in actions:
            self.copies = min(8.0, self.copies * 1.1)

    def _copies(self, rng: np.random.Generator, goal: Body) -> list[Body]:
        micros, copies = time_of(goal), []
        for _ in range(int(rng.poisson(self.copies))):
            micros += int(HOUR * rng.uniform(0.5, 20))
            again = {"event_id": number(rng, "e"), "partner_transaction_id": number(rng, "t")}
            copies.append(at(goal | again, micros))
        return copies
