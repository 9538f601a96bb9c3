"""A referral ring paid through mules: invitations to accounts that exist to be invited, and a few who cash in."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.cast import Change, Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day


class MuleRing:
    """Invited one by another, on borrowed phones, each paid to one of a few mules. A ring whose mule is refused finds
    another mule.
    """

    name = "mule_ring"
    trained = False
    caught = 0.3

    def __init__(self) -> None:
        self.refused: list[str] = []

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """Rings of five to twelve in a few homes; two accounts a phone, five a mule, some with one document."""
        like = replace(ORDINARY, active=0.45, sessions=0.6, depth=2.4, ads=0.35, apps=0.2, haste=0.85)
        placed = list(crews(rng, count, 5, 12))
        return [
            Person(
                like,
                ring=crew,
                home=5 * crew + place % 5,
                phone=10 * crew + place // 2,
                destination=5 * crew + place // 5,
                identity=crew if rng.random() < 0.15 else None,
                referrer=at - int(rng.integers(1, place + 1)) if place and rng.random() < 0.85 else None,
                proxied=0.2,
                patience_units=5,
            )
            for at, (crew, place) in enumerate(placed)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """A short ordinary day."""
        for user in self.refused:
            world.change(user, Change(destination=True))
        self.refused = []
        return world.live()

    def watch(self, decisions: Sequence[Seen]) -> None:
        """A withdrawal that was stopped is asked for again by another way."""
        asked = [seen for seen in decisions if seen.kind == "withdrawal_requested"]
        self.refused = sorted({seen.user_id for seen in asked if seen.action != "approve"})
