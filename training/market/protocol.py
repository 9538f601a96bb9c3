"""What a family of responses is: a name, how many conditions a person's day knows, and four methods.

People are finite-state machines, so that the best that could have been earned of them can be computed exactly.
"""

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

KINDS: Final = ("video", "survey", "install", "game")
EFFORTS: Final = (0.06, 0.20, 0.45, 1.10)
"""What half an hour's thought says a task of each kind costs a person, in units of the currency."""
SEGMENTS: Final = ("new", "regular", "expert")
METHODS: Final = ("draw", "begin", "chance", "after")
STATES_MAX: Final = 64


@dataclass(frozen=True)
class Task:
    """What is offered, and to whom; `effort` in units of the currency."""

    kind: str
    effort: float
    segment: str


class Family(Protocol):
    """How people answer a reward. A fresh object is made for each seed.

    `name` is how it is reported; `states` (1 to 64) is how many conditions a person's day knows, 1 for people without
    a memory. Rewards are in units of the currency, ascending.
    """

    name: str
    states: int

    def draw(self, rng: np.random.Generator) -> None:
        """Whatever shall differ from seed to seed."""

    def begin(self, rng: np.random.Generator, people: int) -> Any:
        """The condition, 0 to states - 1, in which each person's days begin."""

    def chance(self, task: Task, rewards: Floats, state: int) -> Any:
        """The probability that the task is completed, one for each of the rewards."""

    def after(self, state: int, reward: float, completed: bool) -> int:
        """The condition once a task was offered at the reward, and completed or not."""


@dataclass(frozen=True)
class People:
    """A family in tables: `chances` of (kind, segment, state, level), `following` states of (state, level, done)."""

    chances: Floats
    following: Integers

    @property
    def states(self) -> int:
        return int(self.following.shape[0])


def tabled(family: Family, ladder_micros: tuple[int, ...]) -> People:
    """The tables of a family whose `draw` was called. Raises ValueError naming what is no probability or state."""
    rewards = np.array(ladder_micros) / 1e6
    states = range(family.states)
    chances = np.array(
        [
            [[_chances(family, Task(*kind, segment), rewards, state) for state in states] for segment in SEGMENTS]
            for kind in zip(KINDS, EFFORTS, strict=True)
        ]
    )
    following = [[[family.after(at, float(one), done) for done in (False, True)] for one in rewards] for at in states]
    whole = np.array(following)
    if whole.dtype.kind not in "iu" or whole.min() < 0 or whole.max() >= family.states:
        raise ValueError(f"{family.name}.after: answer a whole number from 0 to {family.states - 1}")
    return People(chances, whole.astype(np.int64))


def begun(family: Family, rng: np.random.Generator, people: int) -> Integers:
    """The condition in which each person's days begin. Raises ValueError where it is none of the family's."""
    states = np.asarray(family.begin(rng, people))
    if states.shape != (people,) or states.dtype.kind not in "iu" or states.min() < 0 or states.max() >= family.states:
        raise ValueError(f"{family.name}.begin: answer {people} whole numbers from 0 to {family.states - 1}")
    return states.astype(np.int64)


def _chances(family: Family, task: Task, rewards: Floats, state: int) -> Floats:
    answered = family.chance(task, rewards.copy(), state)  # a copy: what a family does to it is its own affair
    try:
        chances = np.asarray(answered, dtype=np.float64)
    except (TypeError, ValueError):
        chances = np.empty(0)
    # Written so that NaN is refused, too.
    if chances.shape != rewards.shape or not np.all((chances >= 0) & (chances <= 1)):
        raise ValueError(f"{family.name}.chance: answer a probability for each of {len(rewards)} rewards")
    return chances
