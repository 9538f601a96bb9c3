"""Habits of a person: drawn around those of the family as which the person acts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.money import MICROS_PER_UNIT
from training.simulator.batch import Integers
from training.simulator.families import Numbers, habit


def around(rng: np.random.Generator, centres: Numbers, sigma: float) -> Numbers:
    """Positive values whose median is the centre, log-normal."""
    return centres * np.exp(sigma * rng.standard_normal(len(centres)))


def chances(rng: np.random.Generator, centres: Numbers, concentration: float = 8.0) -> Numbers:
    """A chance of its own for every person, beta, with the centre as mean."""
    bounded = np.clip(centres, 0.002, 0.998)
    return rng.beta(bounded * concentration, (1 - bounded) * concentration)


# How far people of one family lie apart, as the standard deviation of the logarithm.
_SIGMAS: Final = {
    "sessions": 0.6,
    "depth": 0.45,
    "interval_ms": 0.32,
    "spread": 0.30,
    "pressure": 0.6,
    "sensor": 0.8,
    "haste": 0.3,
    "install_seconds": 0.6,
}
_CHANCES: Final = ("active", "ads", "apps", "still", "untouched", "night", "regular", "goal", "vpn", "mobile")
# What a person wants to hold before asking for a withdrawal.
_THRESHOLD_UNITS: Final = (5, 10, 20, 50)
_THRESHOLD_SHARES: Final = (0.2, 0.4, 0.25, 0.15)


@dataclass(frozen=True)
class Habits:
    """Each person's own habits, under the names of the families' habits; with them, when the regular open the app, and
    the balance in micros from which a withdrawal is asked for.
    """

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
    return draw_habits_around(rng, lambda name: habit(name)[acts_as], len(acts_as))


def draw_habits_around(rng: np.random.Generator, centres: Callable[[str], Numbers], users: int) -> Habits:
    """Habits of `users` people, each habit drawn around the centres that are given for its name."""
    measured = {name: around(rng, centres(name), sigma) for name, sigma in _SIGMAS.items()}
    likely = {name: chances(rng, centres(name)) for name in _CHANCES}
    return Habits(
        **measured,
        **likely,
        usual_second=rng.integers(0, 86_400, users),
        threshold=rng.choice(_THRESHOLD_UNITS, users, p=_THRESHOLD_SHARES) * MICROS_PER_UNIT,
    )
