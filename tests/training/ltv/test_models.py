"""The purchase models: their published parameters, their formulas against integration, and their edges."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gamma

from training.ltv.geometric import Geometric
from training.ltv.lifetimes import Lifetimes, _from_one
from training.ltv.purchases import History, Purchases
from training.ltv.reading import read_purchases
from training.ltv.spend import Spend

CDNOW = Path(os.environ.get("ASSAY_DATA", "../shared/data")) / "cdnow" / "CDNOW_sample.txt"
WEEK_39 = 39 * 7 - 1


def history(repeats: float, recency: float, age: float) -> History:
    return History(*(np.array([value], np.float64) for value in (repeats, recency, age)))


@pytest.mark.data
def test_the_parameters_are_those_published_for_cdnow() -> None:
    if not CDNOW.exists():
        pytest.skip(f"{CDNOW} is absent: set ASSAY_DATA to the folder of public data")
    purchases = read_purchases(CDNOW, {})
    known = purchases.history(WEEK_39)
    assert tuple(Geometric.fit(known).parameters().values()) == pytest.approx((0.2426, 4.414, 0.793, 2.426), rel=1e-3)
    assert tuple(Lifetimes.fit(known).parameters().values()) == pytest.approx((0.553, 10.578, 0.606, 11.668), rel=2e-3)
    spend = Spend.fit(known.repeats, purchases.repeat_spend(WEEK_39))
    assert tuple(spend.parameters().values()) == pytest.approx((6.25, 3.74, 15.44), rel=1e-2)


@pytest.mark.parametrize("model", [Lifetimes(0.6, 10.0, 0.7, 4.0), Lifetimes(0.6, 3.0, 1.4, 12.0)])
@pytest.mark.parametrize("seen", [(0, 0, 5), (2, 6.5, 20), (7, 19, 20)])
def test_a_likelihood_is_the_integral_over_rates_and_lifetimes(model: Lifetimes, seen: tuple[float, ...]) -> None:
    x, recency, age = seen

    # In powers of the rates, since their densities have a pole at zero.
    nodes, weights = np.polynomial.legendre.leggauss(300)
    root, weight = (nodes + 1) * 1.2, weights * 1.2 * 4 * ((nodes + 1) * 1.2) ** 3
    rate, leaving = root[:, None] ** 4, root[None, :] ** 4
    both = rate + leaving
    stays = np.exp(-both * age)
    left = leaving * (np.exp(-both * recency) - np.exp(-both * age)) / both
    shares = density(rate, model.r, model.alpha) * density(leaving, model.s, model.beta)
    whole = weight @ (rate**x * (stays + left) * shares) @ weight
    assert float(model.log_likelihood(history(*seen))[0]) == pytest.approx(np.log(whole), abs=1e-4)


def density(value: np.ndarray, shape: float, rate: float) -> np.ndarray:
    return np.asarray(rate * np.exp((shape - 1) * np.log(rate * value) - rate * value) / gamma(shape))


@pytest.mark.parametrize("z", [0.0, 0.5, 0.97])
def test_the_series_of_an_eager_customer_has_a_value(z: float) -> None:
    b, c = 5000.5, 5003.0
    terms = np.cumsum(np.log((b + np.arange(20_000)) / (c + np.arange(20_000)) * max(z, 1e-300)))
    assert _from_one(np.array([b]), np.array([c]), np.array([z]))[0] == pytest.approx(1 + np.exp(terms).sum(), rel=1e-9)


@pytest.mark.parametrize("model", [Lifetimes(0.55, 10.6, 0.6, 11.7), Lifetimes(0.5, 2.0, 1.0, 30.0)])
def test_the_predictive_distribution_has_the_expected_number_as_its_mean(model: Lifetimes) -> None:
    known = History(np.array([0.0, 2.0, 25.0]), np.array([0.0, 30.4, 38.0]), np.array([38.9, 38.9, 38.9]))
    mass = model.predictive(known, 39.0, 300)
    assert mass.sum(axis=1) == pytest.approx(1.0)
    assert mass @ np.arange(301) == pytest.approx(model.expected(known, 39.0), rel=1e-4)


@pytest.mark.parametrize("repeats", [0.0, 1.0, 400.0, 5000.0])
def test_eager_and_quiet_customers_alike_have_finite_answers(repeats: float) -> None:
    for recency in (0.0, 20.0, 38.9):
        known = history(repeats, min(recency, 38.9 * bool(repeats)), 38.9)
        for model in (Geometric(0.24, 4.4, 0.8, 2.4), Lifetimes(0.55, 10.6, 0.6, 11.7), Lifetimes(2, 1, 0.5, 60)):
            assert np.isfinite(model.log_likelihood(known)).all()
            expected = model.expected(known, 39.0)
            assert np.isfinite(expected).all()
            assert (expected >= 0).all()


@pytest.mark.parametrize("model", [Geometric(0.24, 4.4, 1.0, 2.4), Lifetimes(0.55, 10.6, 1.0, 11.7)])
def test_a_parameter_of_one_is_no_hole_in_the_formula(model: Geometric | Lifetimes) -> None:
    known = history(3, 20, 30)
    name = "a" if isinstance(model, Geometric) else "s"
    beside = type(model)(**{**model.parameters(), name: 1.001})
    assert model.expected(known, 39.0) == pytest.approx(beside.expected(known, 39.0), rel=2e-3)


def test_who_bought_lately_is_likelier_to_be_there(shop: Purchases) -> None:
    model = Lifetimes.fit(shop.history(WEEK_39))
    known = History(np.full(3, 4.0), np.array([10.0, 25.0, 38.0]), np.full(3, 38.9))
    assert (np.diff(model.alive(known)) > 0).all()


def test_parameters_are_found_again(shop: Purchases) -> None:
    found = Lifetimes.fit(shop.history(shop.last))
    assert found.r / found.alpha == pytest.approx(0.55 / 10.6, rel=0.15)
    assert found.r == pytest.approx(0.55, rel=0.2)


def test_a_mean_amount_is_drawn_towards_everybodys() -> None:
    spend = Spend(6.25, 3.74, 15.44)
    everybody = spend.p * spend.gamma / (spend.q - 1)
    once, often = spend.expected(np.array([1.0, 50.0]), np.array([100.0, 100.0]))
    assert everybody < once < often < 100
    assert spend.expected(np.zeros(1), np.zeros(1))[0] == pytest.approx(everybody)
