"""Judging waits: what is lost, what honest people wait, and fixed windows that nothing of their form beats."""

from dataclasses import replace

import numpy as np
import pytest

from training.holds.judge import WINDOWS_DAYS, costs, judged
from training.holds.rewards import Rewards

from .conftest import RATES


def test_late_reversals_are_lost_and_a_reversal_ends_a_wait(by_hand: Rewards) -> None:
    rewards = replace(by_hand, micros=np.full(21, 2_000_000), taken_micros=np.full(21, 1_000_000))
    lost, waited = costs(rewards, np.ones(21, bool), np.full(21, 9.0))
    # Those of days 0 and 1 are taken back 10 and 9 days later; at 9 days sharp, the reversal comes in time.
    assert lost.tolist() == [1.0, *[0.0] * 20]
    assert waited.tolist() == [18.0, 18.0, 16.0, 14.0, *[18.0] * 17]
    assert (costs(rewards, np.zeros(21, bool), np.full(21, 9.0))[1] == 0).all()


def test_one_window_for_all_gains_nothing_over_the_best_one(rewards: Rewards) -> None:
    for window in (1.0, 4.0, 12.0):
        found = judged(rewards, np.ones(len(rewards), bool), np.full(len(rewards), window), seed=1)
        assert found.fixed.waited <= found.ours.waited + 1e-6
        assert found.fixed.lost == pytest.approx(found.ours.lost)
        assert found.reduction.value is not None
        assert found.reduction.value <= 1e-9


def test_telling_partners_apart_gains(rewards: Rewards) -> None:
    risky = np.array([RATES[partner] > 0.1 for partner in rewards.partners])
    found = judged(rewards, np.ones(len(rewards), bool), np.where(risky, 10.0, 1.0), seed=1)
    assert found.reduction.low is not None
    assert found.reduction.low > 0.2
    assert found.ours.lost <= found.reversed_amount


def test_the_windows_reach_from_none_to_the_end() -> None:
    assert WINDOWS_DAYS[0] == 0
    assert WINDOWS_DAYS[-1] == 90
    assert (np.diff(WINDOWS_DAYS) > 0).all()
