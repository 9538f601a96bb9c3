"""Bins with about as many values each: every value in one, missing ones apart, and what they are called."""

import math

import numpy as np
import pytest

from training.monitoring.bins import Bins, quantile_bins

NAN = math.nan
LONG_TAIL = np.concatenate([np.zeros(50), np.geomspace(1, 1e6, 500), [NAN] * 7])
DRAWN = np.random.default_rng(3).normal(size=1000)


@pytest.mark.parametrize("values", [LONG_TAIL, DRAWN, np.array([7.0]), np.array([1.0, 2.0, 2.0, NAN])])
@pytest.mark.parametrize("categorical", [False, True])
def test_each_value_lies_in_one_bin_and_the_missing_ones_in_the_last(values: np.ndarray, categorical: bool) -> None:
    bins = quantile_bins(values, 10, categorical=categorical)
    counts = bins.counts(values)
    assert len(counts) == len(bins) + 1
    assert counts.sum() == len(values)
    assert counts[-1] == np.isnan(values).sum()


def test_quantile_bins_hold_about_as_many_each_and_one_value_is_never_cut_in_two() -> None:
    assert set(quantile_bins(DRAWN, 10).counts(DRAWN)[:-1]) <= {99, 100, 101}
    mostly_zero = np.concatenate([np.zeros(900), np.arange(1.0, 101.0)])
    counts = quantile_bins(mostly_zero, 10).counts(mostly_zero)
    assert counts[0] >= 900


def test_a_value_outside_the_bins_counts_in_the_nearest_and_an_unseen_one_with_the_others() -> None:
    assert Bins(np.array([0.0, 1.0, 2.0])).counts(np.array([-5.0, 2.0, 9.0])).tolist() == [1, 2, 0]
    assert Bins(np.empty(0), np.array([1.0, 3.0])).counts(np.array([3.0, 2.0, 9.0, NAN])).tolist() == [0, 1, 2, 1]


def test_bins_are_named_with_one_unit() -> None:
    assert Bins(np.array([1.0, 2.0, 60.0])).names(lambda n: f"{n:.0f} s") == ["1 to 2 s", "2 to 60 s"]
    counted = Bins(np.array([0.0, 1.0, 2.0, 5.0, 9.0]), whole=True)
    assert counted.names(lambda n: f"{n:.0f}") == ["0", "1", "2 to 4", "5 to 9"]
    assert Bins(np.array([1.0, 2.0])).names(lambda n: f"{n:.0f}") == ["1 to 2"]
    assert Bins(np.empty(0), np.array([0.0])).names(lambda n: "no" if not n else "yes") == ["no", "others"]
