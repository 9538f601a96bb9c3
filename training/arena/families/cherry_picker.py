"""Cherry-pickers: only what pays best, with cards that are not theirs, and gone before the owners complain."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from training.arena.bodies import report, time_of
from training.arena.crews import crews
from training.arena.protocol import Body, Seen
from training.arena.world import World
from training.simulator.batch import HOUR
from training.simulator.cast import Person
from training.simulator.family import ORDINARY
from training.simulator.sessions import Day

PRICES_UNITS = (6, 12, 30, 68, 128)
BUYS = 0.5
AMONG_BEST = 15


class CherryPicker:
    """Apps from the top of the list; a purchase in half of them, which the card's owner takes back weeks later."""

    name = "cherry_picker"
    trained = True
    caught = 0.15
    charges_back = 0.85

    def people(self, rng: np.random.Generator, count: int) -> Sequence[Person]:
        """One to three accounts of one person, on one or two phones and one destination; they ask early."""
        like = replace(ORDINARY, apps=0.5, goal=0.5, active=0.5, ads=0.15, haste=0.8)
        return [
            Person(like, ring=crew, home=crew, phone=2 * crew + place // 2, destination=crew, patience_units=10)
            for crew, place in crews(rng, count, 1, 3)
        ]

    def act(self, rng: np.random.Generator, day: Day, world: World) -> Iterable[Body]:
        """An ordinary day in which every app is one of the best paid."""
        bodies, offers = world.live(), world.offers()[:AMONG_BEST]
        clicks = dict.fromkeys(body["click_id"] for body in bodies if body.get("click_id"))
        chosen = {click: offers[int(rng.integers(len(offers)))] for click in clicks}
        better = [_instead(body, chosen[body["click_id"]]) if body.get("click_id") else body for body in bodies]
        return better + [_bought(rng, one) for one in better if one["kind"] == "install" and rng.random() < BUYS]

    def watch(self, decisions: Sequence[Seen]) -> None:
        """It is gone before it could learn."""


def _instead(body: Body, offer: Body) -> Body:
    """The same step with another app; what a step pays is in the proportion that it was."""
    if "reward_micros" not in body:
        named = ("task_id", "campaign_id", "partner_id")
        return body | {name: offer[name] for name in named}
    if body["kind"] == "purchase":
        return body
    factor = {"goal-1": 1.5, "goal-2": 3.0, "goal-3": 6.0}.get(body.get("goal_id", ""), 1.0)
    paid = round(offer["reward_micros"] * factor / 10_000) * 10_000
    return body | offer | {"reward_micros": paid, "revenue_micros": round(offer["revenue_micros"] * factor)}


def _bought(rng: np.random.Generator, install: Body) -> Body:
    """A purchase in the app."""
    amount = int(rng.choice(PRICES_UNITS)) * 1_000_000
    told = {
        "kind": "purchase",
        "amount_micros": amount,
        "revenue_micros": amount // 5,
        "reward_micros": amount // 5 // 20_000 * 10_000,
    }
    return report(rng, install, told, time_of(install) + int(HOUR * (1 + rng.exponential(20))))
