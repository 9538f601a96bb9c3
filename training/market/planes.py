"""The least of a convex function of a few prices, by cutting planes that are trusted near the best point only."""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy.optimize import linprog

from training.market.protocol import Floats

ROUNDS_MAX: Final = 250
TOLERANCE: Final = 1e-5
"""Relative: where no plane promises more than this, the search ends."""
SMALLEST: Final = 1e-4


def minimised(convex: Callable[[Floats], tuple[float, Floats]], highest: Floats) -> tuple[Floats, float, int]:
    """The best point of the box from 0 to `highest`, its value, and the evaluations it took.

    `convex` answers a value and a subgradient. Each round moves to the least of all planes found so far, not farther
    from the best point than a radius that grows with success and shrinks with failure (Marsten et al., "The boxstep
    method", Operations Research 23, 1975). A value that is returned was evaluated, so it is never below the least.
    """
    best = 0.3 * np.minimum(highest, 1.0)
    least, slope = convex(best)
    planes = [(least - float(slope @ best), slope)]
    radius = 0.3
    for rounds in range(2, ROUNDS_MAX + 1):
        point, promised = _lowest(planes, np.maximum(best - radius, 0), np.minimum(best + radius, highest))
        inside = bool(np.all(np.abs(point - best) < radius * (1 - 1e-9)))
        if least - promised <= TOLERANCE * abs(least) and (inside or radius <= SMALLEST):
            return best, least, rounds
        value, slope = convex(point)
        planes.append((value - float(slope @ point), slope))
        if value < least - 0.1 * (least - promised):
            radius *= 1.0 if inside else 1.6
        else:
            radius = max(radius * 0.6, SMALLEST)
        if value < least:
            best, least = point, value
    return best, least, ROUNDS_MAX


def _lowest(planes: list[tuple[float, Floats]], low: Floats, high: Floats) -> tuple[Floats, float]:
    """The point of a box where the highest plane is lowest."""
    offsets, slopes = np.array([one for one, _ in planes]), np.array([one for _, one in planes])
    scale = max(float(np.abs(slopes).max()), 1.0)
    rows = np.column_stack([slopes, -np.full(len(slopes), 1.0)]) / np.append(np.full(len(low), scale), 1.0)
    limits = [*zip(low, high, strict=True), (None, None)]
    found = linprog(np.append(np.zeros(len(low)), 1.0), rows, -offsets / scale, bounds=limits, method="highs")
    assert found.status == 0, found.message
    return np.asarray(found.x[:-1]), float(found.x[-1] * scale)
