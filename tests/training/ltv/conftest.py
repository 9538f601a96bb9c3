"""A shop that never was: customers who buy by Pareto/NBD with parameters that the tests know."""

import numpy as np
import pytest

from training.ltv.lifetimes import Lifetimes
from training.ltv.purchases import Purchases

TRUE = Lifetimes(0.55, 10.6, 0.6, 11.7)
CUSTOMERS, DAYS = 2000, 546


def simulated(seed: int, customers: int = CUSTOMERS) -> Purchases:
    rng = np.random.default_rng(seed)
    born = rng.integers(0, 84, customers)
    rates = rng.gamma(TRUE.r, 1 / TRUE.alpha, customers)
    lives = rng.exponential(1 / np.maximum(rng.gamma(TRUE.s, 1 / TRUE.beta, customers), 1e-12))
    rows = [(code, day, 20.0) for code, day in enumerate(born)]
    for code in range(customers):
        weeks = np.cumsum(rng.exponential(1 / max(rates[code], 1e-12), 400))
        kept = weeks[(weeks < lives[code]) & (born[code] + 7 * weeks < DAYS)]
        worth = rng.gamma(6.0, 1 / rng.gamma(4.0, 1 / 15.0))
        rows += [(code, int(born[code] + 7 * week), worth) for week in kept]
    customer, day, amount = (np.array(column) for column in zip(*rows, strict=True))
    return Purchases.of(customer, day + 729_000, amount.astype(np.float64))


@pytest.fixture(scope="session")
def shop() -> Purchases:
    return simulated(3)
