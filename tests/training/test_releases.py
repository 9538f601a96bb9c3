"""Rows released by lot stand for those like them that were declined."""

import numpy as np
import polars as pl
import pytest

from training.boosters import Parameters, fit_booster
from training.heads import fit_head
from training.releases import PROPENSITY, WEIGHT_MAX, weights_of
from training.table import Table


def test_a_row_counts_as_often_as_its_propensity_says_and_no_more_than_the_cap() -> None:
    frame = pl.DataFrame({PROPENSITY: [None, 1.0, 0.25, 0.001, float("nan")]})
    weights = weights_of(frame)
    assert weights is not None
    assert weights.tolist() == [1.0, 1.0, 4.0, WEIGHT_MAX, 1.0]


def test_without_any_lot_there_are_no_weights() -> None:
    assert weights_of(pl.DataFrame({"kind": ["click"]})) is None
    assert weights_of(pl.DataFrame({PROPENSITY: [None, None]}, schema={PROPENSITY: pl.Float64})) is None


@pytest.mark.parametrize("propensity", [0.0, -0.1, 1.5])
def test_what_is_no_probability_of_release_is_refused(propensity: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        weights_of(pl.DataFrame({PROPENSITY: [propensity]}))


def censored() -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # type: ignore[type-arg]  # three plain columns
    """Rows above zero were declined, but for one in ten; beyond, fraud is twice as common as below."""
    draws = np.random.default_rng(2)
    values = draws.normal(size=40_000)
    fraud = (draws.random(40_000) < np.where(values > 0, 0.4, 0.2)).astype(float)
    seen = (values <= 0) | (draws.random(40_000) < 0.1)
    return values[seen], fraud[seen], np.where(values > 0, 10.0, 1.0)[seen]


def test_weighed_rows_give_the_rate_of_everybody_plain_ones_that_of_whom_was_let_through() -> None:
    values, fraud, weights = censored()
    plain, weighed = (
        fit_head({"a": np.zeros(len(values))}, fraud, chosen).probabilities({"a": np.zeros(1)})[0]
        for chosen in (None, weights)
    )
    assert weighed == pytest.approx(0.3, abs=0.01)
    assert plain < 0.24


def test_boosters_are_fitted_with_the_weights() -> None:
    values, fraud, weights = censored()
    settings = Parameters(rounds_max=10, leaves=2, leaf_rows_min=10_000_000)
    given = Table(values[:, None].astype(np.float32), fraud, ("a",), (), weights)
    margin = float(np.asarray(fit_booster(given, settings).predict(np.zeros((1, 1)), raw_score=True))[0])
    assert 1 / (1 + np.exp(-margin)) == pytest.approx(0.3, abs=0.01)
