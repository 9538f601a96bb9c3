"""Forecasts: nothing of the future is read, totals add up, and a drift is learned only where there is one."""

import numpy as np
import pytest

from training.ltv.forecast import least_error, quantile
from training.ltv.level import learn_drift
from training.ltv.purchases import Purchases, PurchasesError
from training.ltv.study import fit, forecast, study

DAY = 39 * 7 - 1


def until(purchases: Purchases, day: int) -> Purchases:
    kept = purchases.days <= day
    return Purchases.of(purchases.customers[kept], purchases.days[kept] + 729_000, purchases.amounts[kept])


def test_nothing_after_the_day_of_looking_is_read(shop: Purchases) -> None:
    whole, cut = fit(shop, DAY, 39), fit(until(shop, DAY), DAY, 39)
    assert whole.pair == cut.pair
    assert whole.drift == cut.drift
    assert np.array_equal(whole.value(39), cut.value(39))


def test_forecasts_add_up_to_what_is_expected_of_each_cohort(shop: Purchases) -> None:
    fitted = fit(shop, DAY, 39)
    cohorts = shop.cohorts()[fitted.chosen]
    told, expected = forecast(fitted, cohorts, 39), fitted.expected(39)
    for cohort in np.unique(cohorts):
        assert told[cohorts == cohort].sum() == pytest.approx(expected[cohorts == cohort].sum(), rel=1e-6)


def test_a_shop_that_is_as_the_model_says_is_forecast_without_bias(shop: Purchases) -> None:
    told = study(shop, 39, 39, seed=1)
    assert told.measures.bias.low is not None
    assert told.measures.bias.high is not None
    assert told.measures.bias.low <= 0 <= told.measures.bias.high
    assert (told.measures.correlation.value or 0) > 0.5
    assert (told.measures.mae.value or 9) < (told.means.mae.value or 0)
    assert told.worst is not None


def test_a_shop_that_gains_in_its_second_half_has_a_drift(shop: Purchases) -> None:
    later = (shop.days > DAY // 2) & (shop.days <= DAY)
    rng = np.random.default_rng(5)
    doubled = np.flatnonzero(later)[rng.random(int(later.sum())) < 0.7]
    gained = Purchases.of(
        np.concatenate([shop.customers, shop.customers[doubled]]),
        np.concatenate([shop.days, np.minimum(shop.days[doubled] + 1, DAY)]) + 729_000,
        np.concatenate([shop.amounts, shop.amounts[doubled]]),
    )
    assert learn_drift(gained, DAY, 39).slope > 0.2
    assert abs(learn_drift(shop, DAY, 39).slope) < 0.2


def test_too_few_weeks_teach_no_drift(shop: Purchases) -> None:
    assert learn_drift(shop, 20, 10).slope == 0


def test_a_table_that_ends_too_early_says_so(shop: Purchases) -> None:
    with pytest.raises(PurchasesError, match="--holdout-weeks 39"):
        study(until(shop, 300), 39, 39, seed=1)


def test_a_quantile_is_within_the_step_that_holds_it() -> None:
    mass = np.array([[0.5, 0.3, 0.2]])
    assert quantile(mass, 0.4)[0] == 0
    assert quantile(mass, 0.65)[0] == pytest.approx(0.5)
    assert quantile(mass, 0.8)[0] == pytest.approx(1.0)
    assert quantile(mass, 1.0)[0] == pytest.approx(2.0)


def test_no_other_forecasts_of_the_same_total_err_less() -> None:
    rng = np.random.default_rng(2)
    mass = rng.dirichlet(np.ones(6), 40)
    counts = np.arange(6)
    ours = least_error(mass, 60.0)
    assert ours.sum() == pytest.approx(60.0)

    def error(told: np.ndarray) -> float:
        return float((mass * np.abs(counts - told[:, None])).sum())

    means = mass @ counts
    assert error(ours) < error(means * 60.0 / means.sum())


def test_forecasts_of_impossible_totals_still_add_up() -> None:
    assert least_error(np.array([[1.0, 0.0], [1.0, 0.0]]), 3.0).sum() == pytest.approx(3.0)
    assert least_error(np.array([[0.9, 0.1]]), 0.0).sum() == 0
