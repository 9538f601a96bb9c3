"""Who earns how much: how unequally a sum is shared by those who have any of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shares:
    """`gini`: 0 where all earn the same, towards 1 where one earns all. `lorenz` (n + 1,): the share of the sum that
    the poorest 0, 1, ... n of n people have.
    """

    people: int
    total_micros: int
    gini: float
    top_percent_share: float
    lorenz: Floats


def shares(earned_micros: NDArray[np.int64]) -> Shares:
    """`earned_micros` (people,) of those who earned anything. The top percent is at least one person.

    Gini as twice the area between the Lorenz curve and the diagonal, for a whole population.
    """
    ordered = np.sort(earned_micros[earned_micros > 0])
    people = len(ordered)
    if people == 0:
        return Shares(0, 0, 0.0, 0.0, np.zeros(1))
    lorenz = np.concatenate(([0.0], np.cumsum(ordered) / ordered.sum()))
    area = float(np.trapezoid(lorenz, dx=1 / people))
    top = max(1, round(people / 100))
    return Shares(people, int(ordered.sum()), 1 - 2 * area, float(1 - lorenz[people - top]), lorenz)
