"""What a family of attackers is: a name and three methods, all plain Python over the events that clients send."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from training.arena.world import World
from training.simulator.cast import Person
from training.simulator.sessions import Day

Body = dict[str, Any]

METHODS: Final = ("people", "act", "watch")


@dataclass(frozen=True)
class Seen:
    """What an attacker learns of one decision about an event of its own: approve, hold, challenge, review or decline.

    `at` is in microseconds. A reviewer's answer comes days later as a second decision on the same event.
    """

    event_id: str
    user_id: str
    kind: str
    action: str
    at: int


class Attackers(Protocol):
    """One family. A fresh object is made for each period in which it acts, so that it remembers what it wants.

    `name` is how it is reported. Three more attributes may be given: `trained` (False: the family acts only in the test
    period), `caught` (.4: the share of its conversions that partners take back, before their vigilance) and
    `charges_back` (0: the share of its purchases that the card's owner takes back).
    """

    name: str

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """About `count` accounts; see Person for what they may share."""

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """The events of a day, as `POST /v1/score/event` takes them. `world.live()` gives those of an ordinary day, to
        be sent as they are, changed, or thrown away. None may lie before the day; later ones arrive when they are due.
        """

    def watch(self, decisions: Sequence[Seen]) -> None:
        """What became of the day's own events, at its end."""
