"""Gamma-Gamma: what a purchase is worth, each customer's mean drawn towards everybody's.

Fader and Hardie, "The Gamma-Gamma model of monetary value" (2013).
"""

from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
from scipy.special import gammaln

from training.ltv.maximum import fitted
from training.ltv.purchases import Floats, PurchasesError


@dataclass(frozen=True)
class Spend:
    """Purchases: gamma of shape `p` and a rate of the customer's own, which is gamma of shape `q` and rate `gamma`."""

    p: float
    q: float
    gamma: float

    @classmethod
    def fit(cls, repeats: Floats, means: Floats) -> Self:
        """`repeats` purchases with the mean amount `means`; customers with none, or with 0, say nothing.

        Raises PurchasesError for fewer than three customers who say something.
        """
        useful = (repeats > 0) & (means > 0)
        if useful.sum() < 3:
            raise PurchasesError("fewer than three customers repeat a purchase with an amount: no spend can be learned")
        x, z = repeats[useful], means[useful]
        scale = float(np.median(z))
        bounds = [(0.05, 1000.0), (1.01, 1000.0), (scale * 1e-3, scale * 1e3)]
        return cls(*fitted(lambda one: float(cls(*one).log_likelihood(x, z).sum()), (5.0, 4.0, scale / 2), bounds))

    def log_likelihood(self, x: Floats, z: Floats) -> Floats:
        p, q, gamma = self.p, self.q, self.gamma
        shapes = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        total: Floats = shapes + (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
        return total

    def expected(self, repeats: Floats, means: Floats) -> Floats:
        """The mean amount of a customer's future purchases."""
        amount: Floats = self.p * (self.gamma + repeats * means) / (self.p * repeats + self.q - 1)
        return amount

    def parameters(self) -> dict[str, float]:
        return asdict(self)
