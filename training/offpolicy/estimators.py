"""What a candidate would have earned a choice, on a log of another policy: six estimators and their intervals.

Horvitz and Thompson (1952) for IPS, Swaminathan and Joachims (2015) for SNIPS, Dudik, Langford and Li (2011) for DR,
Wang, Agarwal and Dudik (2017) for Switch-DR. None dominates (arXiv 2211.13904), so that a gate asks that they agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.estimates import Estimate
from training.offpolicy.logged import Floats, Logged
from training.offpolicy.overlap import standard_error

SWITCH_WEIGHT_MAX: Final = 5.0
"""Where one row would speak for more than five, Switch-DR believes the model instead."""
Z: Final = 1.959963984540054  # the 97.5th percentile of the normal distribution


@dataclass(frozen=True)
class Valued:
    """`terms` (rows): their mean is the value, and their spread its error (the influence function plus the value)."""

    terms: Floats
    has_interval: bool = True

    @property
    def value(self) -> float:
        return float(self.terms.mean())

    def estimate(self, logged: Logged, less: Floats | float = 0.0) -> Estimate:
        """With its fixed-sample 95% interval over people, or None where the method has none; `less` is taken off."""
        terms = self.terms - less
        value = float(terms.mean())
        if not self.has_interval:
            return Estimate(value)
        reach = Z * standard_error(logged, terms)
        return Estimate(value, value - reach, value + reach)


def valued(
    logged: Logged, candidate: Floats, predicted: Floats, switch_weight_max: float = SWITCH_WEIGHT_MAX
) -> Mapping[str, Valued]:
    """By estimator. `candidate` and `predicted` (rows, arms): the probability of each arm and the payoff expected.

    The direct method has no interval: its error is that of the model, which no spread of rows shows.
    """
    weights, payoff = logged.weights(candidate), logged.payoff
    direct = np.einsum("ra,ra->r", candidate, predicted)
    surprise = weights * (payoff - predicted[np.arange(len(logged)), logged.arm])
    return {
        "ips": Valued(weights * payoff),
        "snips": Valued(_normalised(weights, payoff)),
        "dm": Valued(direct, has_interval=False),
        "dr": Valued(direct + surprise),
        "switch_dr": Valued(direct + np.where(weights <= switch_weight_max, surprise, 0.0)),
    }


def _normalised(weights: Floats, payoff: Floats) -> Floats:
    total = float(weights.sum())
    if total <= 0:
        return np.full(len(weights), np.nan)
    value = float(weights @ payoff) / total
    return np.asarray(value + weights * (payoff - value) * len(weights) / total)
