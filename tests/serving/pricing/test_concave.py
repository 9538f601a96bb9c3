"""The nearest lawful curve: rising with pay, and less and less steeply from the first paid level on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from serving.pricing.concave import is_lawful, projected

LEVELS = (
    st.lists(st.integers(0, 10_000_000), min_size=1, max_size=15, unique=True).map(sorted).filter(lambda one: one[-1])
)


@settings(max_examples=80, deadline=None)
@given(levels=LEVELS, data=st.data())
def test_what_comes_out_is_lawful_between_0_and_1_and_stays_as_it_is(levels: list[int], data: st.DataObject) -> None:
    chances = st.lists(st.floats(0, 1), min_size=len(levels), max_size=len(levels))
    levels = np.array(levels)
    found = projected(levels, np.array(data.draw(chances)), np.ones(len(levels)))
    assert np.all((found >= 0) & (found <= 1))
    assert np.all(np.diff(found) >= -1e-9)
    pay, paid = levels[levels > 0], found[levels > 0]
    for at in range(1, len(pay) - 1):
        assert paid[at] >= np.interp(pay[at], pay[[at - 1, at + 1]], paid[[at - 1, at + 1]]) - 1e-9
    assert projected(levels, found, np.ones(len(levels))) == pytest.approx(found, abs=1e-7)


def test_no_lawful_curve_is_nearer_by_another_solver() -> None:
    levels = np.array([0, 1, 2, 4, 7, 9])
    chance, weight = np.array([0.3, 0.2, 0.25, 0.6, 0.5, 0.9]), np.array([1.0, 3, 2, 1, 5, 1])
    paid, steps = slice(1, None), np.diff(levels[1:])
    rules = [
        {"type": "ineq", "fun": np.diff},
        {"type": "ineq", "fun": lambda one: -np.diff(np.diff(one[paid]) / steps)},
    ]

    def off(one: np.ndarray) -> float:
        return float(weight @ (one - chance) ** 2)

    other = minimize(
        off, np.full(6, 0.5), constraints=rules, bounds=[(0, 1)] * 6, method="SLSQP", options={"ftol": 1e-14}
    )
    found = projected(levels, chance, weight)
    assert is_lawful(levels, found)
    assert found == pytest.approx(other.x, abs=1e-5)


def test_a_lawful_curve_is_left_alone() -> None:
    levels, chance = np.array([0, 1, 2, 3]), np.array([0.1, 0.5, 0.7, 0.8])
    assert projected(levels, chance, np.ones(4)) is chance


def test_more_than_fifteen_levels_are_refused() -> None:
    with pytest.raises(ValueError, match="levels_micros: 16 levels"):
        projected(np.arange(16), np.zeros(16), np.ones(16))
