"""The nearest curve that rises with pay, and less and less steeply: concave from the first paid level on."""

import numpy as np
from scipy.optimize import nnls

from serving.pricing.arrays import Floats, Integers

LEVELS_MAX = 15
SLACK = 1e-12
"""What rounding may take from a level before it counts as below its neighbours' chord."""


def is_lawful(levels_micros: Integers, chance: Floats) -> bool:
    """Whether `chance` is non-decreasing, and concave in reward from the first paid level on."""
    if np.any(np.diff(chance) < 0):
        return False
    paid, reward = chance[levels_micros > 0], levels_micros[levels_micros > 0].astype(np.float64)
    along = (reward[1:-1] - reward[:-2]) / (reward[2:] - reward[:-2])
    chord = paid[:-2] + along * (paid[2:] - paid[:-2])
    return bool(np.all(paid[1:-1] >= chord - SLACK))


def projected(levels_micros: Integers, chance: Floats, weight: Floats) -> Floats:
    """The lawful curve of least weighted squared distance from `chance`; `levels_micros` ascend, at most 15 of them.

    A non-decreasing concave sequence is a constant plus ramps that stop at a level, none of them negative (the
    cone's extreme rays), so that non-negative least squares finds it exactly. Clipping at 1 keeps it concave.
    """
    if len(levels_micros) > LEVELS_MAX:
        raise ValueError(f"levels_micros: {len(levels_micros)} levels; a ladder has at most {LEVELS_MAX}")
    if is_lawful(levels_micros, chance):
        return chance
    rays = _rays(levels_micros)
    root = np.sqrt(np.maximum(weight, 1e-12))
    shares, _ = nnls(rays * root[:, None], chance * root)
    nearest: Floats = np.maximum.accumulate(np.minimum(rays @ shares, 1.0))
    return nearest


def _rays(levels_micros: Integers) -> Floats:
    """A column each: always, any pay at all, and ramps from the first paid level to each later one, one high."""
    paid = levels_micros > 0
    first = levels_micros[paid][0]
    columns = [np.ones(len(levels_micros))]
    if not paid.all():
        columns.append(paid.astype(float))
    columns += [
        np.where(paid, np.minimum(levels_micros, stop) - first, 0) / (stop - first) for stop in levels_micros[paid][1:]
    ]
    return np.column_stack(columns)
