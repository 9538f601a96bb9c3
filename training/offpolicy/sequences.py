"""An anytime-valid lower bound of a mean, by betting: it may be looked at after every row, and acted on at any of them.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (arXiv 2010.09686); for importance
weights, where only the lower side is bounded and only that is needed, Karampatziakis, Mineiro and Ramdas, "Off-policy
Confidence Sequences" (arXiv 2102.09540). Whoever bets at fair odds that the mean is above m multiplies the stake by
1/alpha with a probability of at most alpha if it is not (Ville, 1939), however long they play and whenever they stop.
"""

import math
from typing import Final

import numpy as np

from training.offpolicy.logged import Floats

ALPHA: Final = 0.05
_BOLDNESS_MAX: Final = 0.75  # of the stake at most: a single row never ruins who bets
_FIRST_VARIANCE: Final = 0.25  # before any row was seen: draws are scaled to a size of about one
_HALVINGS: Final = 40


def crosses(draws: Floats, mean: float, alpha: float = ALPHA, horizon: int | None = None) -> bool:
    """Whether betting against "the mean of `draws` is at most `mean`" ever multiplies the stake by 1/alpha.

    `draws` are as in `lower_bound`. Where more of them will come, `horizon` says how many are planned: the bets are
    sized for it, and a look at part of them is a look at the same game.
    """
    if not len(draws):
        return False
    sizes = np.ones_like(draws)
    return _crosses(draws, sizes, _bets(draws, sizes, alpha, horizon or len(draws)), mean, math.log(1 / alpha))


def lower_bound(draws: Floats, alpha: float = ALPHA, sizes: Floats | None = None) -> float:
    """The largest mean that is refuted at some row: the true one is above it, at all rows together, with 1 - alpha.

    `draws` (rows) are at least 0 and of a size of about one, in the order in which they came, with one mean given all
    before; nothing bounds them above.
    `sizes` (rows), in (0, 1], make it the bound of E[draws] / E[sizes]. 0 where nothing is refuted.
    """
    if not len(draws):
        return 0.0
    sizes = np.ones_like(draws) if sizes is None else sizes
    assert draws.min() >= 0, "a draw is below the bound that was promised"
    bets, asked = _bets(draws, sizes, alpha, len(draws)), math.log(1 / alpha)
    low, high = 0.0, float(np.max(np.cumsum(draws) / np.cumsum(sizes)))
    for _ in range(_HALVINGS):  # what refutes a mean refutes every smaller one
        middle = (low + high) / 2
        low, high = (middle, high) if _crosses(draws, sizes, bets, middle, asked) else (low, middle)
    return low


def _crosses(draws: Floats, sizes: Floats, bets: Floats, mean: float, asked: float) -> bool:
    if mean <= 0:
        return bool(draws.any())
    stakes = np.minimum(bets, _BOLDNESS_MAX / mean)
    return bool(np.cumsum(np.log1p(stakes * (draws - mean * sizes))).max() >= asked)


def _bets(draws: Floats, sizes: Floats, alpha: float, horizon: int) -> Floats:
    """How much is put on each row, from the rows before it: sqrt(2 log(1/alpha) / (variance x rows in all)).

    The number of rows is fixed beforehand, and to aim at it costs nothing in validity: section 3 of arXiv 2010.09686.
    """
    ratio = np.cumsum(draws) / np.cumsum(sizes)
    squares = _FIRST_VARIANCE + np.cumsum(np.square(draws - ratio * sizes))
    variance = np.concatenate([[_FIRST_VARIANCE], squares[:-1] / np.arange(2, len(draws) + 1)])
    return np.asarray(np.sqrt(2 * math.log(1 / alpha) / (variance * horizon)))
