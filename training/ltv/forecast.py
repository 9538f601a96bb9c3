"""One number a customer, of least absolute error, that adds up to the expected total."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.ltv.purchases import Floats

_STEPS: Final = 60


def quantile(mass: NDArray[np.float64], level: float) -> Floats:
    """Of each row of probabilities of 0, 1, 2, ...: the `level` quantile, linear within each of its steps."""
    below = np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)], axis=1)
    count = np.minimum((below[:, 1:] < level).sum(axis=1), mass.shape[1] - 1)
    row = np.arange(len(mass))
    share = (level - below[row, count]) / np.maximum(mass[row, count], 1e-12)
    value: Floats = np.maximum(count - 1 + np.clip(share, 0, 1), 0)
    return value


def least_error(mass: NDArray[np.float64], total: float) -> Floats:
    """The forecasts that add up to `total` and have the least expected absolute error: the same quantile of everybody's
    distribution, by Lagrange. Means would err more: most customers buy nothing, and a small mean is wrong for all.
    It is a number for each, not a mean of many: it says too little of the quiet ones and too much of the eager ones.

    `mass` is [customer, k]. Where no quantile reaches the total, the most it can be is scaled.
    """
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if quantile(mass, middle).sum() < total else (low, middle)
    values = quantile(mass, high)
    reached = values.sum()
    scaled: Floats = values * (total / reached) if reached > 0 else np.full(len(mass), total / max(len(mass), 1))
    return scaled
