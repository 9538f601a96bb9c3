"""PSI and KS against other ways to compute them, and what they say where nothing moved or nothing is known."""

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from training.monitoring.drift import chance_of, drift_of, ks_of, psi_of, table_of

NAN = math.nan
DRAWS = np.random.default_rng(5)
CALM = DRAWS.normal(size=4000)
ALIKE = DRAWS.normal(size=4000)
MOVED = DRAWS.normal(loc=1.0, size=4000)


def test_psi_is_the_sum_of_its_definition() -> None:
    found = psi_of(np.array([500_000, 500_000]), np.array([250_000, 750_000]))
    assert found == pytest.approx(-0.25 * math.log(0.5) + 0.25 * math.log(1.5), rel=1e-4)


def test_psi_has_no_direction_and_an_empty_bin_makes_it_large_not_infinite() -> None:
    one, two = np.array([90, 10, 0, 0]), np.array([0, 10, 90, 0])
    assert psi_of(one, two) == pytest.approx(psi_of(two, one))
    assert 5 < psi_of(one, two) < 20
    assert psi_of(one, one) == 0.0


def test_chance_is_the_psi_of_samples_that_did_not_move() -> None:
    shares = np.full(10, 0.1)
    drawn = [psi_of(DRAWS.multinomial(2000, shares), DRAWS.multinomial(1000, shares)) for _ in range(400)]
    assert np.mean(drawn) == pytest.approx(chance_of(np.full(10, 200), np.full(10, 100)), rel=0.15)


@pytest.mark.parametrize(("one", "two"), [(CALM, MOVED), (CALM, ALIKE), (np.round(CALM), np.round(MOVED[:50]))])
def test_ks_is_scipy_s(one: np.ndarray, two: np.ndarray) -> None:
    assert ks_of(np.append(one, NAN), two) == pytest.approx(ks_2samp(one, two).statistic)


def test_a_shift_is_seen_and_its_absence_too() -> None:
    calm, moved = drift_of(CALM, ALIKE), drift_of(CALM, MOVED)
    assert calm is not None
    assert moved is not None
    assert calm.in_words == "hardly moved"
    assert calm.psi < 5 * calm.chance
    assert (moved.in_words, moved.psi > 0.5, (moved.ks or 0) > 0.3) == ("moved far", True, True)


def test_values_that_go_missing_are_a_drift_although_the_known_ones_stay() -> None:
    gone = drift_of(CALM, np.where(np.arange(4000) < 2000, NAN, CALM))
    assert gone is not None
    assert (gone.missing_before, gone.missing_after) == (0.0, 0.5)
    assert gone.psi > 0.25
    assert (gone.ks or 0) < 0.05


def test_small_periods_are_not_called_moved_by_chance() -> None:
    few = drift_of(CALM[:20], ALIKE[:20])
    assert few is not None
    assert few.in_words == "hardly moved"


def test_nothing_known_moves_nowhere_and_no_events_compare_with_nothing() -> None:
    nothing = drift_of(np.full(5, NAN), np.full(3, NAN))
    assert nothing is not None
    assert (nothing.psi, nothing.ks, nothing.missing_after) == (0.0, None, 1.0)
    assert drift_of(np.empty(0), CALM) is None
    appeared = drift_of(np.full(50, NAN), CALM[:50])
    assert appeared is not None
    assert appeared.in_words == "moved far"


def test_categories_have_no_gap() -> None:
    codes = drift_of(np.repeat([1.0, 7.0], 50), np.repeat([7.0, 9.0], 50), categorical=True)
    assert codes is not None
    assert codes.ks is None
    assert codes.psi > 1


def test_the_table_begins_with_what_moved_most() -> None:
    columns = {"calm": np.concatenate([CALM, ALIKE]), "moved": np.concatenate([CALM, MOVED])}
    before, after = np.arange(4000), np.arange(4000, 8000)
    found = table_of(columns, columns.__getitem__, before, after, ())
    assert [name for name, _ in found] == ["moved", "calm"]
    assert table_of(columns, columns.__getitem__, before, np.arange(0), ()) == []
