"""BG/NBD: a Poisson process of purchases with gamma rates; after each a customer may leave, with a beta chance.

Fader, Hardie and Lee, "Counting your customers the easy way", Marketing Science 24 (2005), equations 6 and 10.
"""

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from scipy.special import betaln, gammaln, hyp2f1

from training.ltv.maximum import fitted
from training.ltv.purchases import Floats, History

_NEAR = 1e-6  # the formula is 0/0 at a = 1; so near it, its value on either side is the same to six digits


@dataclass(frozen=True)
class Geometric:
    """Rates: gamma of shape `r` and rate `alpha` (weeks). Chance to leave after a purchase: beta of `a`, `b`."""

    r: float
    alpha: float
    a: float
    b: float

    @classmethod
    def fit(cls, history: History) -> Self:
        rows, _, count = history.distinct()
        scale = max(float(np.max(rows.age)), 1.0)
        bounds = [(0.01, 20.0), (scale * 1e-3, scale * 20), (0.01, 20.0), (0.01, 100.0)]
        best = fitted(lambda p: float(count @ cls(*p).log_likelihood(rows)), (0.25, scale / 9, 0.8, 2.4), bounds)
        return cls(*best)

    def log_likelihood(self, history: History) -> Floats:
        x = history.repeats
        shared = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha)
        stays = betaln(self.a, self.b + x) - betaln(self.a, self.b) - (self.r + x) * np.log(self.alpha + history.age)
        left = np.where(
            x > 0,
            betaln(self.a + 1, self.b + np.maximum(x, 1) - 1)
            - betaln(self.a, self.b)
            - (self.r + x) * np.log(self.alpha + history.recency),
            -np.inf,
        )
        total: Floats = shared + np.logaddexp(stays, left)
        return total

    def expected(self, history: History, weeks: Floats | float) -> Floats:
        """Purchases in the coming `weeks`.

        The published 2F1(r+x, b+x; a+b+x-1; z) overflows for eager customers; Euler's transformation takes out the
        power of 1-z that cancels against the one before it.
        """
        a = self.a if abs(self.a - 1) > _NEAR else 1 + _NEAR
        x, alpha = history.repeats, self.alpha
        ratio = (alpha + history.age) / (alpha + history.age + weeks)
        c = a + self.b + x - 1
        c = np.where(np.abs(c) > _NEAR, c, _NEAR)
        kept = ratio ** (a - 1) * hyp2f1(a + self.b - 1 - self.r, a - 1, c, 1 - ratio)
        log_odds = (self.r + x) * np.log((alpha + history.age) / (alpha + history.recency))
        left = np.where(x > 0, a / (self.b + np.maximum(x, 1) - 1) * np.exp(np.minimum(log_odds, 700)), 0.0)
        expected: Floats = np.maximum(c / (a - 1) * (1 - kept) / (1 + left), 0.0)
        return expected

    def parameters(self) -> dict[str, float]:
        return asdict(self)
