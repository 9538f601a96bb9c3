"""The forest and its copy in LightGBM's format are one and the same."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from training.anomaly import as_booster, fit_forest
from training.table import Floats, Table

NAMES = ("a", "b", "c", "d", "e")
TOLERANCE = 1e-9


def rows(seed: int, count: int, missing: float = 0.2) -> Floats:
    """Columns of very different magnitude, one of few values, one of nothing but missing ones."""
    draws = np.random.default_rng(seed)
    values = draws.normal(size=(count, len(NAMES))) * 10.0 ** np.array([-4, 0, 3, 9, 0])
    values[:, 1] = draws.integers(0, 3, count)
    values[draws.random(values.shape) < missing] = np.nan
    values[:, 4] = np.nan
    return values


@pytest.mark.parametrize("share", [1.0, 0.5], ids=["every column", "half of the columns a tree"])
@pytest.mark.parametrize(("seed", "count"), [(0, 2), (1, 50), (2, 3000)])
def test_the_booster_says_what_scikit_learn_says_missing_values_too(seed: int, count: int, share: float) -> None:
    values = rows(seed, count)
    samples = min(256, count)
    forest = IsolationForest(n_estimators=40, max_samples=samples, max_features=share, random_state=seed).fit(values)
    asked = np.vstack([values, rows(seed + 10, 500), np.full((1, 5), np.nan), np.zeros((1, 5))])
    raw = np.asarray(as_booster(forest, NAMES).predict(asked, raw_score=True))
    assert -(2**raw) == pytest.approx(forest.score_samples(asked), abs=TOLERANCE)


def test_a_value_at_the_very_threshold_goes_the_same_way() -> None:
    forest = IsolationForest(n_estimators=20, random_state=0).fit(rows(0, 1000))
    cuts = np.concatenate([tree.tree_.threshold[tree.tree_.feature >= 0] for tree in forest.estimators_])
    single = np.concatenate([cuts.astype(np.float32), np.nextafter(cuts.astype(np.float32), np.float32(np.inf))])
    half = (single[:-1].astype(np.float64) + single[1:].astype(np.float64)) / 2
    close = np.concatenate([cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf), single, half])
    # Nearer to zero than 1e-35 is zero to LightGBM, in every model.
    close = close[(np.abs(close) > 1e-35) | (close == 0)]
    asked = np.random.default_rng(1).choice(close, (4000, 5))
    raw = np.asarray(as_booster(forest, NAMES).predict(asked, raw_score=True))
    assert -(2**raw) == pytest.approx(forest.score_samples(asked), abs=TOLERANCE)


def test_contributions_add_up_to_the_score() -> None:
    values = rows(3, 500)
    booster = fit_forest(Table(values.astype(np.float32), np.zeros(500), NAMES, ()), seed=1)
    shares = np.asarray(booster.predict(values, pred_contrib=True))
    assert shares.sum(axis=1) == pytest.approx(np.asarray(booster.predict(values, raw_score=True)))
    assert booster.feature_name() == list(NAMES)


def test_what_stands_apart_scores_higher() -> None:
    crowd = np.random.default_rng(0).normal(size=(2000, 5))
    booster = fit_forest(Table(crowd.astype(np.float32), np.zeros(2000), NAMES, ()), seed=1)
    inside, outside = np.asarray(booster.predict(np.vstack([np.zeros(5), np.full(5, 6.0)]), raw_score=True))
    assert outside > inside + 0.2


def test_rows_that_are_all_alike_are_all_as_usual() -> None:
    forest = IsolationForest(n_estimators=5, random_state=0).fit(np.ones((10, 5)))
    raw = np.asarray(as_booster(forest, NAMES).predict(np.ones((3, 5)), raw_score=True))
    assert -(2**raw) == pytest.approx(forest.score_samples(np.ones((3, 5))), abs=TOLERANCE)
