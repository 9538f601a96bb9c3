"""Habits of a person: drawn around those of the family as which the person acts."""

from dataclasses import dataclass

import numpy as np

from training.simulator.batch import Integers
from training.simulator.families import Numbers, habit


def around(rng: np.random.Generator, centres: Numbers, sigma: float) -> Numbers:
    """Positive values whose median is the centre, log-normal."""
    return centres * np.exp(sigma * rng.standard_normal(len(centres)))


def chances(rng: np.random.Generator, centres: Numbers, concentration: float = 8.0) -> Numbers:
    """A chance of its own for every person, beta, with the centre as mean."""
    bounded = np.clip(centres, 0.002, 0.998)
    return rng.beta(bounded * concentration, (1 - bounded) * concentration)


@dataclass(frozen=True)
class Habits:
    """Each person's own habits, under the names of the families' habits."""

    active: Numbers
    sessions: Numbers
    depth: Numbers
    ads: Numbers
    apps: Numbers
    interval_ms: Numbers
    spread: Numbers
    pressure: Numbers
    sensor: Numbers
    still: Numbers
    untouched: Numbers
    haste: Numbers
    night: Numbers
    regular: Numbers
    usual_second: Integers
    install_seconds: Numbers
    goal: Numbers
    vpn: Numbers
    mobile: Numbers
    threshold: Integers


def draw_habits(rng: np.random.Generator, acts_as: Integers) -> Habits:
    """Habits of people who act as the families of the given numbers."""
    users = len(acts_as)

    def own(name: str, sigma: float) -> Numbers:
        return around(rng, habit(name)[acts_as], sigma)

    def chance(name: str) -> Numbers:
        return chances(rng, habit(name)[acts_as])

    return Habits(
        active=chance("active"),
        sessions=own("sessions", 0.6),
        depth=own("depth", 0.45),
        ads=chance("ads"),
        apps=chance("apps"),
        interval_ms=own("interval_ms", 0.32),
        spread=own("spread", 0.30),
        pressure=own("pressure", 0.6),
        sensor=own("sensor", 0.8),
        still=chance("still"),
        untouched=chance("untouched"),
        haste=own("haste", 0.3),
        night=chance("night"),
        regular=chance("regular"),
        usual_second=rng.integers(0, 86_400, users),
        install_seconds=own("install_seconds", 0.6),
        goal=chance("goal"),
        vpn=chance("vpn"),
        mobile=chance("mobile"),
        threshold=rng.choice([5, 10, 20, 50], users, p=[0.2, 0.4, 0.25, 0.15]) * 1_000_000,
    )
