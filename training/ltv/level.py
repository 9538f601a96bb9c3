"""How far purchase models drift with the horizon, learned by asking the same question earlier and at a smaller scale.

Both models extrapolate a decline. They are fitted anew on an earlier day, chosen so that the weeks from there to the
day of looking are to the weeks before it as the horizon is to all of them, and judged on those weeks. What was bought
over what was expected is taken to grow as a power of (age + horizon) / age: nothing at horizon zero, the same at any
scale of time.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.ltv.geometric import Geometric
from training.ltv.lifetimes import Lifetimes
from training.ltv.purchases import WEEK, Floats, History, Purchases

SLOPE_MAX: Final = 0.5
"""More, either way, says that the table changed: no such drift repeats."""
_AGE_WEEKS_MIN: Final = 1.0
_WEEKS_MIN: Final = 4
_PURCHASES_MIN: Final = 50


@dataclass(frozen=True)
class Pair:
    """Both models of one day. Their mean errs less than either: what one overstates the other tends to understate."""

    geometric: Geometric
    lifetimes: Lifetimes

    def expected(self, history: History, weeks: float) -> Floats:
        mean: Floats = (self.geometric.expected(history, weeks) + self.lifetimes.expected(history, weeks)) / 2
        return mean


@dataclass(frozen=True)
class Drift:
    """`slope`: the power, drawn towards zero from `raw` as far as its standard `error` asks. `week`: the earlier day;
    `bought` and `expected` from there to the day of looking.
    """

    slope: float = 0.0
    raw: float = 0.0
    error: float | None = None
    week: float | None = None
    bought: float = 0.0
    expected: float = 0.0

    def factor(self, history: History, weeks: float) -> Floats:
        """By what a customer's expected purchases are to be multiplied."""
        factor: Floats = np.exp(self.slope * _growth(history, weeks))
        return factor


def _growth(history: History, weeks: float) -> Floats:
    logs: Floats = np.log1p(weeks / np.maximum(history.age, _AGE_WEEKS_MIN))
    return logs


def fit_pair(history: History) -> Pair:
    return Pair(Geometric.fit(history), Lifetimes.fit(history))


def learn_drift(purchases: Purchases, day: int, weeks: float) -> Drift:
    """For a forecast of `weeks` from the end of `day`; reads nothing after it. No drift where too little is known."""
    known = day + 1
    earlier = round(known**2 / (known + weeks * WEEK)) - 1
    chosen = purchases.known_by(earlier - WEEK)
    ends = np.arange(day, earlier, -WEEK)[::-1]
    history = purchases.history(earlier).take(chosen)
    if len(ends) < _WEEKS_MIN or history.repeats.sum() < _PURCHASES_MIN:
        return Drift()
    pair = fit_pair(history)
    told = np.diff([pair.expected(history, (end - earlier) / WEEK).sum() for end in ends], prepend=0.0)
    came = np.diff([purchases.bought(earlier, int(end))[chosen].sum() for end in ends], prepend=0.0)
    if came.sum() < _PURCHASES_MIN:
        return Drift()
    ahead = (day - earlier) / WEEK
    growth = float(np.average(_growth(history, ahead), weights=pair.expected(history, ahead)))
    raw, error = _slope(came, told, growth)
    shrunken = raw * max(0.0, 1 - (error / raw) ** 2) if raw else 0.0
    slope = float(np.clip(shrunken, -SLOPE_MAX, SLOPE_MAX))
    return Drift(slope, raw, error, (earlier + 1) / WEEK, float(came.sum()), float(told.sum()))


def _slope(came: Floats, told: Floats, growth: float) -> tuple[float, float]:
    """The slope with its standard error, by what the weeks came to beside what was told of them.

    The weeks that were fitted are as restless as those that were judged, hence twice their variance.
    """
    level = came.sum() / told.sum()
    restless = float(((came - level * told) ** 2).sum()) / (len(came) - 1) * len(came)
    error = float(np.sqrt(2 * restless)) / float(came.sum())
    return float(np.log(level)) / growth, error / growth
