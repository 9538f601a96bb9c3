"""Pareto/NBD: a Poisson process of purchases with gamma rates, through an exponential lifetime with gamma rates.

Schmittlein, Morrison and Colombo, Management Science 33 (1987); Fader and Hardie, "A note on deriving the Pareto/NBD
model and related expressions" (2005).
"""

from dataclasses import asdict, dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, hyp2f1
from scipy.stats import nbinom

from training.ltv.maximum import fitted
from training.ltv.purchases import Floats, History

_LEVELS: Final = 2000
_ALIKE_FROM: Final = 2.0
_ALIKE_COST: Final = 3.0
_NODES: Final = 24
"""Of the quadrature over the remaining lifetime; with twice as many the probabilities agree to 1e-6."""


@dataclass(frozen=True)
class Lifetimes:
    """Rates of purchase: gamma of shape `r`, rate `alpha` (weeks); rates of leaving: gamma of `s`, `beta` (weeks)."""

    r: float
    alpha: float
    s: float
    beta: float

    @classmethod
    def fit(cls, history: History) -> Self:
        """A short table can pretend that all lifetimes are alike, which is `s` without limit: from 2 on there is a
        penalty, which a large table overrules. Below, the likelihood alone decides.
        """
        rows, _, count = history.distinct()
        scale = max(float(np.max(rows.age)), 1.0)
        bounds = [(0.01, 20.0), (scale * 1e-3, scale * 20), (0.02, 30.0), (scale * 1e-3, scale * 200)]
        start = (0.5, scale / 4, 0.6, scale / 3)

        def plausible(parameters: Floats) -> float:
            alike = max(0.0, float(np.log(parameters[2] / _ALIKE_FROM)))
            return float(count @ cls(*parameters).log_likelihood(rows)) - _ALIKE_COST * alike**2

        return cls(*fitted(plausible, start, bounds))

    def log_likelihood(self, history: History) -> Floats:
        x = history.repeats
        shared = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha) + self.s * np.log(self.beta)
        total: Floats = shared + np.logaddexp(self._log_alive(history), self._log_left(history))
        return total

    def alive(self, history: History) -> Floats:
        """The probability that a customer has not left."""
        chance: Floats = expit(self._log_alive(history) - self._log_left(history))
        return chance

    def expected(self, history: History, weeks: Floats | float) -> Floats:
        """Purchases in the coming `weeks`."""
        log_ratio = np.log1p(weeks / (self.beta + history.age))
        power = self.s - 1
        # (1 - ratio^-(s-1)) / (s-1) is 0/0 at s = 1, where it is the logarithm.
        stay = log_ratio if abs(power) < 1e-9 else -np.expm1(-power * log_ratio) / power
        rate = (self.r + history.repeats) / (self.alpha + history.age)
        expected: Floats = rate * (self.beta + history.age) * stay * self.alive(history)
        return expected

    def predictive(self, history: History, weeks: Floats | float, most: int) -> NDArray[np.float64]:
        """[customer, k]: the probability of k purchases in the coming `weeks`; the last column is of `most` or more.

        Given that a customer is alive, rate and lifetime are independent, and the lifetime that remains is Pareto: a
        negative binomial for the whole time, or up to a lifetime that ends before.
        """
        through = np.broadcast_to(np.asarray(weeks, np.float64), history.age.shape)
        base = self.beta + history.age
        stays = (base / (base + through)) ** self.s
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        mass = stays[:, None] * self._counts(history, through, most)
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            lived = base * ((1 - node * (1 - stays)) ** (-1 / self.s) - 1)
            mass += (weight * (1 - stays))[:, None] * self._counts(history, lived, most)
        alive = self.alive(history)
        mass *= alive[:, None]
        mass[:, 0] += 1 - alive
        return mass

    def _counts(self, history: History, weeks: Floats, most: int) -> NDArray[np.float64]:
        shape, rate = (self.r + history.repeats)[:, None], (self.alpha + history.age)[:, None]
        mass = nbinom.pmf(np.arange(most + 1), shape, rate / (rate + weeks[:, None]))
        mass[:, -1] = np.maximum(1 - mass[:, :-1].sum(axis=1), 0.0)
        counts: Floats = mass
        return counts

    def _log_alive(self, history: History) -> Floats:
        bought = (self.r + history.repeats) * np.log(self.alpha + history.age)
        log: Floats = -bought - self.s * np.log(self.beta + history.age)
        return log

    def _log_left(self, history: History) -> Floats:
        """Logarithm of s/(r+s+x) * (G(recency) - G(age)), which falls to -inf where both are one instant."""
        after, before = self._log_g(history.repeats, history.recency), self._log_g(history.repeats, history.age)
        gap = np.minimum(before - after, 0.0)
        with np.errstate(divide="ignore"):
            share = np.log(-np.expm1(gap))
        left: Floats = np.log(self.s / (self.r + self.s + history.repeats)) + after + share
        return left

    def _log_g(self, x: Floats, t: Floats) -> Floats:
        """The published 2F1(r+s+x, ...) overflows for eager customers and loses its digits near z = 1. By Euler's
        transformation its first parameter becomes 1, all terms are positive, and the powers are taken in logarithms.
        """
        r, s, low, high = self.r, self.s, min(self.alpha, self.beta), max(self.alpha, self.beta)
        rates_wider = self.alpha >= self.beta
        second, first, other = (r + x, s, r + x) if rates_wider else (s + 1, r + x - 1, s + 1)
        series = _from_one(second, r + s + x + 1, (high - low) / (high + t))
        log: Floats = np.log(series) - first * np.log(low + t) - other * np.log(high + t)
        return log

    def parameters(self) -> dict[str, float]:
        return asdict(self)


def _from_one(b: Floats | float, c: Floats, z: Floats) -> Floats:
    """2F1(1, b; c; z) for 0 <= z < 1 and 0 < b < c.

    SciPy's is no number beyond parameters of about 170. There, Gauss's continued fraction, from its end: it converges
    wherever z < 1, and each of its levels is between 0 and 1.
    """
    series: Floats = np.atleast_1d(hyp2f1(1.0, b, c, z))
    lost = ~np.isfinite(series)
    if lost.any():
        b, c, z = (np.broadcast_to(part, series.shape)[lost] for part in (b, c, z))
        tail = np.ones(len(z))
        for k in range(_LEVELS, 0, -1):
            tail = 1 - (b + k) * (c + k - 1) / ((c + 2 * k - 1) * (c + 2 * k)) * z / tail
            tail = 1 - k * (c - b + k - 1) / ((c + 2 * k - 2) * (c + 2 * k - 1)) * z / tail
        series[lost] = 1 / (1 - b / c * z / tail)
    return series
