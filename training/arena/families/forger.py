"""Forged postbacks: goals that nobody reached, reported as a partner's server would report them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from training.arena.bodies import goal_report, time_of
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.batch import HOUR
from training.simulator.cast import Person
from training.simulator.catalogue import GOALS
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

FORGED_PER_INSTALL: Final = 0.8


class Forger:
    """A real install, then goals by a leaked secret: in the partner's form, sooner than a person would reach them."""

    name = "postback_forger"
    trained = True
    caught = 0.45

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Small crews of one to four accounts, each on its own phone; half of a crew is paid to one destination."""
        like = replace(ORDINARY, apps=0.35, goal=0.25, active=0.4, referred=0.2)
        crew = np.repeat(np.arange(count), rng.integers(1, 5, count))[:count]
        return [
            Person(like, ring=int(one), destination=int(one) if rng.random() < 0.5 else None, patience_units=20)
            for one in crew
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """An ordinary day, and for most installs a row of goals within hours."""
        bodies = world.live()
        installs = [body for body in bodies if body["kind"] == "install" and rng.random() < FORGED_PER_INSTALL]
        return bodies + [goal for install in installs for goal in _forged(rng, install)]

    def watch(self, decisions: Sequence[Seen]) -> None:
        """It goes on."""


def _forged(rng: np.random.Generator, install: Body) -> list[Body]:
    """Goals of one install, one after another."""
    micros, goals = time_of(install), []
    for number in range(int(rng.integers(1, GOALS + 1))):
        micros += int(HOUR * (1.0 + 2 * number) * np.exp(0.7 * rng.standard_normal()))
        goals.append(goal_report(rng, install, number, micros))
    return goals
