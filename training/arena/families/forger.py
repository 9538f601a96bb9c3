"""Forged postbacks: goals that nobody reached, reported as a partner's server would report them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from training.arena.bodies import goal_report, time_of
from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.batch import HOUR
from training.simulator.cast import Person
from training.simulator.catalogue import GOALS
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

FORGED_SHARE: Final = 0.9
# As many goals as a day of an eager person has apps; each costs the crew nothing.
INSTALLS_SHARE: Final = 0.45


class Forger:
    """A real install, then goals by a leaked secret: in the partner's form, sooner than a person would reach them."""

    name = "postback_forger"
    trained = True
    caught = 0.45

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Crews of two to five accounts on two phones, paid to two destinations, in a home."""
        like = replace(ORDINARY, apps=INSTALLS_SHARE, goal=0.25, active=0.4, ads=0.3)
        return [
            Person(
                like,
                ring=crew,
                home=crew,
                phone=2 * crew + place % 2,
                destination=2 * crew + place // 2 % 2,
                patience_units=10,
            )
            for crew, place in crews(rng, count, 2, 5)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """An ordinary day, and for most installs a row of goals within hours."""
        bodies = world.live()
        installs = [body for body in bodies if body["kind"] == "install" and rng.random() < FORGED_SHARE]
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
