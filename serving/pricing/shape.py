"""The shape of a response: which terms a curve has, and what is believed of them before any offer was made.

log odds = start + any pay + a slope in each stretch of log(1 + reward / lowest paid level) between two levels of the
ladder. Any pay and slopes are at least 0, so that the chance never falls with the reward, on the ladder or between its
levels; above the highest it is flat. Slopes are one steepness, common to all stretches, and what each differs from it,
nearby ones alike: how much they may differ is the roughness.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from serving.pricing.arrays import Floats, Integers

Three = tuple[float, float, float]
Belief = tuple[Floats, Floats]
"""Mode and covariance of a curve's terms."""
TERM_MAX: Final = 12.0
"""Log odds of 12 are 6 in a million: no start, and no change, needs more."""
OWN: Final = 1e-4
"""A variance of each slope's own, so that the covariance can be inverted where stretches lie close."""


@dataclass(frozen=True)
class Prior:
    """Means and standard deviations of (start, any pay, steepness), weak and in the shape of public trials of pay.

    `kinds` and `segments` say how a kind differs from everything, and a key from its kind; `shares` how much of the
    roughness these two have. Of the `roughness` values one is chosen by its evidence: the next only if that is a
    nat better. `reach` is the distance in log reward at which slopes are alike by 1/e.
    """

    mean: Three = (-0.5, 0.8, 0.4)
    deviation: Three = (2.0, 1.0, 0.8)
    kinds: Three = (0.8, 0.5, 0.25)
    segments: Three = (0.5, 0.3, 0.12)
    shares: tuple[float, float] = (0.4, 0.2)
    roughness: tuple[float, ...] = (0.03, 0.15, 0.45, 1.35)
    reach: float = 1.0


class Shape:
    """The terms of a ladder's curves. `levels_micros` ascend, and at least one is paid."""

    def __init__(self, levels_micros: Sequence[int], prior: Prior) -> None:
        paid = np.array([level for level in levels_micros if level > 0], dtype=np.float64)
        self._prior = prior
        self._least = paid[0]
        # The first stretch begins at the smallest pay there is and goes to the second level.
        self._knots = np.concatenate([[0.0], np.log1p(paid[1:] / paid[0])]) if len(paid) > 1 else np.array([0.0, 1.0])
        middles = (self._knots[1:] + self._knots[:-1]) / 2
        self._alike = np.exp(-np.abs(middles[:, None] - middles) / prior.reach)
        self.low = np.concatenate([[-TERM_MAX], np.zeros(1 + len(middles))])
        self.high = np.full(2 + len(middles), TERM_MAX)

    def design(self, rewards_micros: Integers) -> Floats:
        """(rewards, terms): log odds are this times the terms."""
        found = np.empty((len(rewards_micros), len(self.low)))
        found[:, 0], found[:, 1] = 1, rewards_micros > 0
        along = np.log1p(rewards_micros / self._least)[:, None]
        found[:, 2:] = np.minimum(np.maximum(along - self._knots[:-1], 0), np.diff(self._knots))
        return found

    def before(self, roughness: float) -> Belief:
        """What is believed before any offer."""
        start, any_pay, steepness = self._prior.mean
        mean = np.full(len(self.low), steepness)
        mean[:2] = start, any_pay
        return mean, self._covariance(self._prior.deviation, roughness)

    def differ(self, depth: int, roughness: float) -> Floats:
        """Covariance of what a kind (depth 1) or a key (depth 2) differs by from what lies above it."""
        deviation = self._prior.kinds if depth == 1 else self._prior.segments
        return self._covariance(deviation, roughness * self._prior.shares[depth - 1])

    def _covariance(self, deviation: Three, roughness: float) -> Floats:
        start, any_pay, steepness = deviation
        found = np.zeros((len(self.low), len(self.low)))
        found[0, 0], found[1, 1] = start**2, any_pay**2
        found[2:, 2:] = steepness**2 + roughness**2 * self._alike + OWN * np.eye(len(self._alike))
        return found
