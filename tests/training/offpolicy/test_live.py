import numpy as np
import pytest

from training.offpolicy.live import Ratio, ratio


def people(draws: np.random.Generator, count: int, share: float, worth: float) -> Ratio:
    """Margins of people with and without a candidate that earns `worth` times as much."""
    has = draws.random(count) < share
    margin = draws.exponential(0.2, count) * (draws.random(count) < 0.6) * np.where(has, worth, 1)
    return ratio(margin, has, share, most=1.0)


def test_before_anybody_is_known_nothing_is_claimed() -> None:
    assert ratio(np.empty(0), np.empty(0, bool), 0.01, 1.0) == Ratio(0.0, np.inf)


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_candidate_that_is_as_good_is_called_neither_worse_nor_better(share: float) -> None:
    draws = np.random.default_rng(41)
    found = [people(draws, 4000, share, 1.0) for _ in range(60)]
    assert sum(one.low > 1 or one.high < 1 for one in found) <= 6
    assert all(one.low < one.high for one in found)


def test_a_harmful_candidate_is_found_already_at_a_hundredth() -> None:
    """Half of the margin is lost: 400 people with the candidate are enough."""
    draws = np.random.default_rng(42)
    assert np.mean([people(draws, 40_000, 0.01, 0.5).high < 1 for _ in range(5)]) >= 0.8


def test_the_interval_narrows_around_the_truth() -> None:
    found = people(np.random.default_rng(43), 30_000, 0.25, 1.2)
    assert 1.0 < found.low < 1.2 < found.high < 1.5


def test_one_person_never_counts_for_more_than_was_said_beforehand() -> None:
    draws = np.random.default_rng(44)
    has = draws.random(2000) < 0.25
    margin = draws.exponential(0.2, 2000)
    huge = margin.copy()
    huge[np.flatnonzero(has)[0]] = 1e9
    capped = margin.copy()
    capped[np.flatnonzero(has)[0]] = 1.0
    assert ratio(huge, has, 0.25, 1.0) == ratio(capped, has, 0.25, 1.0)
