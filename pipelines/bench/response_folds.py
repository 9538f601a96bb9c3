"""Out-of-fold chances of our curve and of its baselines: each is fitted without the groups that it is measured on."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pipelines.bench.response_trials import Trials
from serving.pricing.residual import Residual, Trialled, grown
from serving.pricing.response import EVERYTHING, Response

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rows = NDArray[np.bool_]
Predict = Callable[[Integers], Floats]

FOLDS: Final = 10
LEVELS_MAX: Final = 15
DISTINCT_MAX: Final = 1000
"""More distinct rewards than this are learnt at so many quantiles; chances are asked for at the rewards as they are."""
CHANCE_LEAST: Final = 1e-4
"""No chance nearer to 0 or 1 is believed, whoever states it: one surprise must not outweigh all else."""


def folds_of(trials: Trials, seed: int) -> Integers:
    """A fold for each row: groups in an order drawn from `seed`, each into the fold that has the fewest rows."""
    sizes = np.bincount(trials.groups)
    folds = np.zeros(len(sizes), dtype=np.int64)
    rows = np.zeros(min(FOLDS, len(sizes)), dtype=np.int64)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        folds[group] = rows.argmin()
        rows[folds[group]] += sizes[group]
    return folds[trials.groups]


def ladder_of(units: Integers) -> list[int]:
    """The rewards themselves, or 0 (if offered) and quantiles of what was paid."""
    distinct = np.unique(units)
    if len(distinct) <= LEVELS_MAX:
        return [int(level) for level in distinct]
    paid = np.quantile(units[units > 0], np.linspace(0.02, 1, LEVELS_MAX - 1), method="nearest")
    return [int(level) for level in np.union1d(paid, distinct[:1] if distinct[0] == 0 else paid)]


def fitted(units: Integers, outcomes: Integers) -> Response:
    """Our curve, from all rows at once: the same as from one after the other."""
    distinct = np.unique(units)
    if len(distinct) > DISTINCT_MAX:
        paid = np.quantile(units[units > 0], np.linspace(0, 1, DISTINCT_MAX), method="nearest")
        nearest = np.clip(np.searchsorted(paid, units), 0, len(paid) - 1)
        units = np.where(units > 0, paid[nearest], 0)
    response = Response(ladder_of(units))
    response.learn(EVERYTHING, units, outcomes)
    return response


def residual_of(response: Response, trials: Trials, seed: int) -> Residual | None:
    """Trees on top of the curve, where there are rows enough and they help."""
    known = (log_odds_of(response, trials), trials.units, trials.context, trials.outcomes, trials.groups)
    return grown(Trialled(*known), seed)


def log_odds_of(response: Response, trials: Trials) -> Floats:
    chance = np.clip(response.chance(EVERYTHING, trials.units), CHANCE_LEAST, 1 - CHANCE_LEAST)
    return np.log(chance) - np.log1p(-chance)


def constant(units: Integers, outcomes: Integers) -> Predict:
    rate = float(outcomes.mean())
    return lambda asked: np.full(len(asked), rate)


def isotonic(units: Integers, outcomes: Integers) -> Predict:
    found = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(units, outcomes)
    return lambda asked: np.asarray(found.predict(asked), dtype=np.float64)


def logit(units: Integers, outcomes: Integers) -> Predict:
    """Any pay and the logarithm of pay, without shrinkage and without a sign that is asked of them."""
    if outcomes.min() == outcomes.max():
        return constant(units, outcomes)
    least = units[units > 0].min()

    def columns(asked: Integers) -> Floats:
        return np.column_stack([asked > 0, np.log(np.maximum(asked, least) / least)])

    found = LogisticRegression(C=np.inf, max_iter=1000).fit(columns(units), outcomes)
    return lambda asked: np.asarray(expit(found.decision_function(columns(asked))), dtype=np.float64)


BASELINES: Final = {"constant": constant, "isotonic": isotonic, "logit": logit}
NAMES: Final = ("response", "curve", *BASELINES)


def out_of_fold(
    trials: Trials, folds: Integers, seed: int, advance: Callable[[int], object]
) -> tuple[dict[str, Floats], int]:
    """The chance of every row by every model, from the other folds alone, and in how many folds trees were kept.

    `curve` is the curve alone, `response` the curve with its trees where they were kept.
    """
    chances = {name: np.empty(len(trials)) for name in NAMES}
    kept = 0
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        learnt, asked = trials.rows(~held), trials.rows(held)
        response = fitted(learnt.units, learnt.outcomes)
        residual = residual_of(response, learnt, seed)
        kept += residual is not None
        found = {"curve": response.chance(EVERYTHING, asked.units)}
        found["response"] = found["curve"]
        if residual is not None:
            moved = residual.log_odds(asked.units, asked.context)
            found["response"] = expit(log_odds_of(response, asked) + moved)
        found |= {name: fit(learnt.units, learnt.outcomes)(asked.units) for name, fit in BASELINES.items()}
        for name, chance in found.items():
            chances[name][held] = np.clip(chance, CHANCE_LEAST, 1 - CHANCE_LEAST)
        advance(1)
    return chances, kept
