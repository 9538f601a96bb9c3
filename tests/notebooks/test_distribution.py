"""Bins of a feature's values: every value in one, missing ones apart, logarithmic for a long tail."""

import math

import numpy as np
import pytest

from notebooks.distribution import BINS_MAX, histogram_bins, spread_of

NAN = math.nan
LONG_TAIL = np.concatenate([np.zeros(50), np.geomspace(1, 1e6, 500), [NAN] * 7])
DRAWN = np.random.default_rng(3).normal(size=1000)


def test_a_spread_tells_what_is_missing_and_where_the_middle_lies() -> None:
    spread = spread_of(np.array([4.0, NAN, 1.0, 2.0]))
    assert (spread.rows, spread.missing, spread.different) == (4, 1, 3)
    assert (spread.low, spread.middle, spread.high, spread.skewed) == (1.0, 2.0, 4.0, False)
    assert spread.missing_share == 0.25


@pytest.mark.parametrize("values", [np.empty(0), np.array([NAN, NAN])])
def test_nothing_known_has_a_spread_of_nothing(values: np.ndarray) -> None:
    spread = spread_of(values)
    assert (spread.different, spread.missing_share, spread.skewed) == (0, 1.0, False)


def test_only_a_long_tail_without_negative_values_asks_for_a_logarithm() -> None:
    assert spread_of(LONG_TAIL).skewed
    assert not spread_of(np.append(LONG_TAIL, -1.0)).skewed
    assert not spread_of(np.arange(100.0)).skewed
    assert not spread_of(np.zeros(9)).skewed
    assert not spread_of(np.repeat([1.0, 500.0], 9)).skewed, "a few values have a bar each"


@pytest.mark.parametrize("values", [LONG_TAIL, DRAWN, np.array([7.0]), np.array([1.0, 2.0, 2.0, NAN])])
@pytest.mark.parametrize("categorical", [False, True])
def test_each_value_lies_in_one_bin_and_the_missing_ones_in_the_last(values: np.ndarray, categorical: bool) -> None:
    bins = histogram_bins(values, spread_of(values), categorical=categorical)
    counts = bins.counts(values)
    assert len(counts) == len(bins) + 1
    assert counts.sum() == len(values)
    assert counts[-1] == np.isnan(values).sum()


def test_a_histogram_of_a_long_tail_grows_by_a_factor_and_keeps_zero_apart() -> None:
    edges = histogram_bins(LONG_TAIL, spread_of(LONG_TAIL)).edges
    assert edges[0] == 0.0
    assert len(edges) == BINS_MAX + 1
    factors = edges[2:] / edges[1:-1]
    assert np.allclose(factors, factors[0])


def test_a_histogram_of_whole_numbers_has_whole_edges_and_reaches_beyond_the_largest() -> None:
    rolled = np.arange(81.0)
    bins = histogram_bins(rolled, spread_of(rolled))
    assert bins.edges.tolist() == list(range(0, 85, 4))
    assert bins.names(lambda n: f"{n:.0f}")[0] == "0 to 3"


@pytest.mark.parametrize("far", [40.0, 40.5])
def test_a_few_values_far_above_all_others_share_the_last_bin(far: float) -> None:
    values = np.append(np.linspace(0, 20, 401) if far % 1 else np.arange(401.0) % 21, [far])
    assert spread_of(values).is_stretched
    assert not spread_of(values[:-1]).is_stretched
    bins = histogram_bins(values, spread_of(values))
    assert len(bins) <= BINS_MAX
    assert bins.edges[-1] == far
    assert bins.counts(values).sum() == len(values)
    assert bins.edges[-1] - bins.edges[-2] > 5 * (bins.edges[1] - bins.edges[0])
