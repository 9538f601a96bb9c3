import math
from typing import Any

import numpy as np
import pytest

from training.offpolicy.sequences import ALPHA, crosses, lower_bound
from training.offpolicy.uplift import uplift_low

LOGS = 600


def allowed(trials: int) -> float:
    """ALPHA and three standard errors of a share of so many trials."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / trials)


@pytest.mark.parametrize("kind", ["coin", "rare and large", "drifting spread"])
def test_a_true_mean_is_refuted_at_any_row_by_at_most_alpha(kind: str) -> None:
    draws = np.random.default_rng(11)
    made = {
        "coin": lambda: (draws.random(2000) < 0.5).astype(float),
        "rare and large": lambda: np.where(draws.random(2000) < 0.01, 50.0, 0.0),
        "drifting spread": lambda: 0.5 * (1 + np.linspace(0, 1, 2000) * draws.choice([-1, 1], 2000)),
    }[kind]
    refuted = np.mean([crosses(made(), 0.5) for _ in range(LOGS)])
    assert refuted <= allowed(LOGS)


def test_it_is_not_idle_either() -> None:
    """A mean that is off by four standard errors is refuted nearly always: a bound that never bites is worthless."""
    draws = np.random.default_rng(12)
    refuted = np.mean([crosses((draws.random(2000) < 0.545).astype(float), 0.5) for _ in range(200)])
    assert refuted > 0.85


def test_the_bound_is_where_refutation_ends() -> None:
    draws = np.random.default_rng(13).exponential(size=3000)
    low = lower_bound(draws)
    assert 0.9 < low < 1
    assert crosses(draws, low - 1e-6)
    assert not crosses(draws, low + 1e-6)


def test_more_rows_of_the_same_kind_bring_it_nearer_and_scale_carries_through() -> None:
    draws = np.random.default_rng(14).random(8000)
    assert lower_bound(draws[:500]) < lower_bound(draws) < 0.5
    assert lower_bound(np.empty(0)) == lower_bound(np.zeros(100)) == 0


def test_the_uplift_of_a_candidate_that_is_just_as_good_is_claimed_by_at_most_alpha(like: Any) -> None:
    """Every arm is worth the same, so that the truth is 0, and weights reach 7."""
    world, draws = like(rates=np.full((2, 3), 0.3), gain=np.ones(3)), np.random.default_rng(15)
    claimed = []
    for _ in range(LOGS):
        log, context = world.drawn(1000, draws)
        claimed.append(uplift_low(log, world.candidate[context]) > 0)
    assert np.mean(claimed) <= allowed(LOGS)


def test_the_uplift_of_a_better_candidate_is_found_and_not_overstated(tiny: Any) -> None:
    draws, truth = np.random.default_rng(16), tiny.value(tiny.candidate) - tiny.value(tiny.logging)
    lows = []
    for _ in range(60):
        log, context = tiny.drawn(5000, draws)
        lows.append(uplift_low(log, tiny.candidate[context]))
    assert truth > 0.02
    assert np.mean(np.array(lows) > 0) > 0.8
    assert np.mean(np.array(lows) > truth) <= allowed(60)


def test_rows_of_one_person_bring_no_more_certainty(tiny: Any) -> None:
    log, context = tiny.drawn(2000, np.random.default_rng(17))
    again = [np.repeat(column, 10) for column in (context, log.arm, log.outcome, log.person)]
    of_people = tiny.log(*again[:3], person=again[3])
    once = uplift_low(log, tiny.candidate[context])
    assert uplift_low(of_people, tiny.candidate[again[0]]) == pytest.approx(once, abs=0.01)
    assert uplift_low(tiny.log(*again[:3]), tiny.candidate[again[0]]) > once + 0.015
