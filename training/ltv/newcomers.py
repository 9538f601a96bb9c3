"""New people, of whom one day is known: what they spend in 7, 30, 90 and 365 days, one increment after another.

Zou and others, "Ordered horizons" (arXiv 2208.13358): each horizon adds an increment that cannot be negative, so a
longer horizon is never worth less. A person teaches an increment only once it is over for them.
"""

from dataclasses import dataclass
from typing import Final, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray

from training.ltv.purchases import Floats, Ints, Purchases, PurchasesError

HORIZONS_DAYS: Final = (7, 30, 90, 365)
PEOPLE_MIN: Final = 100
"""Who have lived through an increment; with fewer, it is not learned, and no horizon that needs it is told."""
_RESAMPLES: Final = 400
_PEOPLE_PULL: Final = 200.0
"""How many people at the overall level a cohort's own level is drawn to."""
_SETTINGS: Final = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.5,
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_ROUNDS: Final = 60


@dataclass(frozen=True)
class Increments:
    """[person, horizon]: spent from the end of one horizon to the end of the next, after the first day; `over` says
    where that time has passed. `features` of the first day; `cohorts` by person.
    """

    features: NDArray[np.float64]
    spent: NDArray[np.float64]
    over: NDArray[np.bool_]
    cohorts: NDArray[np.str_]


def increments_of(purchases: Purchases, day: int) -> Increments:
    """Of everybody who had bought by the end of `day`; nothing after it is read."""
    chosen = np.flatnonzero(purchases.known_by(day))
    first = purchases.first
    since = purchases.days - first[purchases.customers]
    spent, over, begins = [], [], 0
    for horizon in HORIZONS_DAYS:
        inside = (since > begins) & (since <= horizon) & (purchases.days <= day)
        spent.append(np.bincount(purchases.customers[inside], purchases.amounts[inside], len(first))[chosen])
        over.append(first[chosen] + horizon <= day)
        begins = horizon
    opening = np.bincount(purchases.customers[since == 0], purchases.amounts[since == 0], len(first))[chosen]
    weekday = (first[chosen] + purchases.start.weekday()) % 7
    features = np.stack([np.log1p(opening), weekday.astype(np.float64)], axis=1)
    return Increments(features, np.stack(spent, axis=1), np.stack(over, axis=1), purchases.cohorts()[chosen])


@dataclass(frozen=True)
class Newcomers:
    """One booster for each increment that enough people lived through, and each cohort's own level for it."""

    boosters: tuple[lightgbm.Booster, ...]
    levels: tuple[dict[str, float], ...]

    @classmethod
    def fit(cls, known: Increments) -> Self:
        """Raises PurchasesError when fewer than PEOPLE_MIN have lived through the first horizon."""
        boosters, levels = [], []
        for place in range(len(HORIZONS_DAYS)):
            over = known.over[:, place]
            if over.sum() < PEOPLE_MIN or not known.spent[over, place].any():
                break
            rows = lightgbm.Dataset(known.features[over], known.spent[over, place], params={"verbosity": -1})
            booster = lightgbm.train(_SETTINGS, rows, _ROUNDS)
            told = np.asarray(booster.predict(known.features[over]), np.float64)
            boosters.append(booster)
            levels.append(_levels(known.spent[over, place], told, known.cohorts[over]))
        if not boosters:
            raise PurchasesError(
                f"fewer than {PEOPLE_MIN} people have {HORIZONS_DAYS[0]} days behind them, or none bought again"
            )
        return cls(tuple(boosters), tuple(levels))

    @property
    def horizons_days(self) -> tuple[int, ...]:
        return HORIZONS_DAYS[: len(self.boosters)]

    def expected(self, features: NDArray[np.float64], cohorts: NDArray[np.str_]) -> NDArray[np.float64]:
        """[person, horizon]: spent from the day after the first one to the end of each horizon; it never falls."""
        parts = [
            np.maximum(np.asarray(booster.predict(features)), 0.0) * _of(levels, cohorts)
            for booster, levels in zip(self.boosters, self.levels, strict=True)
        ]
        total: Floats = np.cumsum(np.stack(parts, axis=1), axis=1)
        return total


def _levels(spent: Floats, told: Floats, cohorts: NDArray[np.str_]) -> dict[str, float]:
    """Spent over told by cohort, drawn to that of everybody, which stands under the empty name for a new cohort."""
    overall = float(spent.sum() / max(told.sum(), 1e-12))
    pull = _PEOPLE_PULL * float(told.mean())
    levels = {"": overall}
    for cohort in np.unique(cohorts):
        here = cohorts == cohort
        levels[str(cohort)] = float((spent[here].sum() + pull * overall) / (told[here].sum() + pull))
    return levels


def _of(levels: dict[str, float], cohorts: NDArray[np.str_]) -> Floats:
    return np.array([levels.get(str(cohort), levels[""]) for cohort in cohorts])


def lower_bounds(known: Increments, seed: int) -> Floats:
    """[horizon]: 2.5th percentile of the mean spend of a person by the end of each horizon, people resampled among
    those who lived through each increment; for the increments that PEOPLE_MIN have lived through.
    """
    rng = np.random.default_rng(seed)
    drawn = np.zeros((_RESAMPLES, len(HORIZONS_DAYS)))
    enough = known.over.sum(axis=0) >= PEOPLE_MIN
    for place in np.flatnonzero(enough):
        spent = known.spent[known.over[:, place], place]
        rows: Ints = rng.integers(0, len(spent), (_RESAMPLES, len(spent)))
        drawn[:, place] = spent[rows].mean(axis=1)
    bounds: Floats = np.percentile(np.cumsum(drawn, axis=1), 2.5, axis=0)[: int(np.argmin(np.append(enough, False)))]
    return bounds
