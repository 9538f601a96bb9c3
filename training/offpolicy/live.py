"""Two policies live on people drawn by lot: how their margins per person compare, to be watched at any time."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from training.offpolicy.logged import Floats
from training.offpolicy.sequences import ALPHA, crosses

STAGES: Final = 3
"""Stages at which both policies are live: each is judged anew, at its share of ALPHA."""
_PLANNED: Final = 1000  # people with the candidate, for whom the bets are sized
_RATIOS: Final = np.round(np.arange(0.02, 3.0001, 0.02), 2)

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ratio:
    """Candidate's margin per person over the incumbent's, `low` to `high`; each end holds at all instants together."""

    low: float
    high: float


def ratio(margin: Floats, has_candidate: Bools, share: float, most: float, alpha: float = ALPHA / STAGES) -> Ratio:
    """`margin` (people) of everybody whose figures are final, in the order of their first offers, counted up to `most`.

    `share` in (0, 1) is the probability with which each had the candidate. With r the margin and k a ratio,
    T r / share - k (1 - T) r / (1 - share) has a mean above 0 exactly if the candidate's ratio is above k.
    """
    counted = np.clip(margin, 0, most) / most
    ours, theirs = counted * has_candidate / share, counted * ~has_candidate / (1 - share)
    planned = math.ceil(_PLANNED / share)
    low, high = 0.0, math.inf
    for k in _RATIOS:
        least = k / (1 - share)
        if not crosses((ours - k * theirs) / least + 1, 1.0, alpha, planned):
            break
        low = float(k)
    for k in _RATIOS[::-1]:
        if not crosses((k * theirs - ours) * share + 1, 1.0, alpha, planned):
            break
        high = float(k)
    return Ratio(low, high)
