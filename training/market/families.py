"""Four ways in which people answer a reward, none of which is the curve that is fitted to them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from training.market.protocol import KINDS, SEGMENTS, Floats, Task

# Where log odds, or the threshold of a probit, differ by segment: experienced people know what a task is worth.
_SEGMENT_SHIFTS: Final = np.array([0.35, 0.0, -0.35])
_WILLING: Final = 0.92
"""The share of visits in which a person would do the task for any reward of the ladder."""


class LogitJump:
    """A jump from nothing to anything, then logistic in log reward: the shape of randomised cash incentives.

    Thornton, AER 98 (2008): 32% at nothing, 59% at the least, 87% at the most.
    """

    name = "logit_jump"
    states = 1

    def draw(self, rng: np.random.Generator) -> None:
        shape = (len(KINDS), len(SEGMENTS))
        self.start = rng.normal(-2.5, 0.25, (len(KINDS), 1)) + _SEGMENT_SHIFTS + rng.normal(0, 0.15, shape)
        self.jump = rng.uniform(0.4, 1.0, (len(KINDS), 1)) + rng.normal(0, 0.1, shape)
        self.steepness = rng.uniform(0.9, 1.3, (len(KINDS), 1)) + rng.normal(0, 0.05, shape)

    def begin(self, rng: np.random.Generator, people: int) -> NDArray[np.int64]:
        return np.zeros(people, dtype=np.int64)

    def chance(self, task: Task, rewards: Floats, state: int) -> Floats:
        return _WILLING * np.asarray(expit(self.log_odds(task, rewards)))

    def after(self, state: int, reward: float, completed: bool) -> int:
        return state

    def log_odds(self, task: Task, rewards: Floats) -> Floats:
        at = KINDS.index(task.kind), SEGMENTS.index(task.segment)
        slope: Floats = self.steepness[at] * np.log1p(rewards / task.effort)
        return np.asarray(self.start[at] + self.jump[at] * (rewards > 0) + slope)


class Probit(LogitJump):
    """Everybody has a least reward; its logarithm is normal: hardly anybody at little, then a steep rise, then flat."""

    name = "probit"

    def draw(self, rng: np.random.Generator) -> None:
        shape = (len(KINDS), len(SEGMENTS))
        self.threshold = rng.normal(0.8, 0.2, (len(KINDS), 1)) - 0.8 * _SEGMENT_SHIFTS + rng.normal(0, 0.1, shape)
        self.spread = rng.uniform(0.9, 1.3, (len(KINDS), 1)) + rng.normal(0, 0.05, shape)

    def chance(self, task: Task, rewards: Floats, state: int) -> Floats:
        at = KINDS.index(task.kind), SEGMENTS.index(task.segment)
        above = np.log(np.maximum(rewards, 1e-9) / task.effort) - self.threshold[at]
        return _WILLING * np.asarray(ndtr(above / self.spread[at]))


class TargetEarners(LogitJump):
    """People who earn to a daily target and then all but stop: the state is what is missing, in tenths of a unit.

    Camerer et al., QJE 112 (1997), for taxi drivers; Horton and Chilton (2010) for paid online tasks.
    """

    name = "target_earners"
    states = 31
    unit = 0.1
    content = 0.1
    """The share of their willingness that people keep once they have what they came for."""

    def begin(self, rng: np.random.Generator, people: int) -> NDArray[np.int64]:
        return np.clip(np.rint(rng.lognormal(np.log(1.0), 0.5, people) / self.unit), 2, self.states - 1).astype(
            np.int64
        )

    def chance(self, task: Task, rewards: Floats, state: int) -> Floats:
        return super().chance(task, rewards, state) * (1.0 if state else self.content)

    def after(self, state: int, reward: float, completed: bool) -> int:
        return max(state - max(round(reward / self.unit), 1), 0) if completed else state


class Fatigue(LogitJump):
    """Each offer of the day tires, and more so if it is taken; a night's sleep mends it."""

    name = "fatigue"
    states = 8
    weight = 0.2
    """What a step of tiredness takes from the log odds."""

    def chance(self, task: Task, rewards: Floats, state: int) -> Floats:
        return _WILLING * np.asarray(expit(self.log_odds(task, rewards) - self.weight * state))

    def after(self, state: int, reward: float, completed: bool) -> int:
        return min(state + (2 if completed else 1), self.states - 1)
