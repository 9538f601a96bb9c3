"""Click flooding: clicks on everything, so that installs which happen anyway are credited to the flooder."""

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

# So many of the clicks that nobody made meet somebody who installs the app anyway.
MET_SHARE = 0.02


class ClickFlooder:
    """For each app that it looks at, dozens of clicks on others that nobody made; now and then one meets an install.

    It sends fewer where its installs are refused.
    """

    name = "click_flooder"
    trained = False
    caught = 0.5

    def __init__(self) -> None:
        self.flood = 25.0

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Two to four accounts of one person on a phone each, half of them paid to one destination."""
        like = replace(ORDINARY, apps=0.35, active=0.45, ads=0.4, goal=0.3, install_seconds=60.0)
        return [
            Person(like, ring=crew, home=crew, destination=crew if rng.random() < 0.5 else None, patience_units=10)
            for crew, _ in crews(rng, count, 2, 4)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """An ordinary day, and a flood around each of its clicks."""
        bodies, offers = world.live(), world.offers()
        flood: list[Body] = []
        for click in [body for body in bodies if body["kind"] == "click"]:
            for _ in range(int(rng.poisson(self.flood))):
                offer = offers[int(rng.integers(len(offers)))]
                flood += _swept(rng, click, offer)
        return bodies + flood

    def watch(self, decisions: Sequence[Seen]) -> None:
        """Fewer clicks after a bad day, more after a good one."""
        installs = [seen.action for seen in decisions if seen.kind == "install"]
        if installs:
            bad = sum(action != "approve" for action in installs) / len(installs)
            self.flood = float(np.clip(self.flood * (0.7 if bad > 0.3 else 1.1), 3.0, 60.0))


def _swept(rng: np.random.Generator, click: Body, offer: Body) -> list[Body]:
    """A click that nobody made, and with some luck the install of somebody who was about to."""
    named = {name: offer[name] for name in ("task_id", "campaign_id", "partner_id")}
    micros = time_of(click) + int(HOUR * rng.exponential(0.3))
    silent = {name: value for name, value in click.items() if name != "interaction"}
    made = at(silent | named | {"event_id": number(rng, "e"), "click_id": number(rng, "c")}, micros)
    if rng.random() > MET_SHARE:
        return [made]
    install = made | offer | {"event_id": number(rng, "e"), "kind": "install", "currency": "CNY"}
    install |= {"partner_transaction_id": number(rng, "t"), "revenue_state": "confirmed"}
    return [made, at(install, micros + int(HOUR * rng.exponential(8.0)))]
