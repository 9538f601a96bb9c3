"""Rewards of a log and the trust of a person, as it was known at the time."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from features.log import Log
from training.holds.rewards import Rewards, tier_of
from training.holds.settings import HoldsError, Settings, Trust, load_settings
from training.simulator.simulate import Scenario, simulate

TRUST = Trust(window_days=15, aged_days=5, aged_min=3, prior_reversed=0.4, prior_rewards=8, edges=(0.1, 0.3))


def test_trust_reads_what_was_known_within_the_window(by_hand: Rewards) -> None:
    tiers = by_hand.tiers(TRUST)
    # Ann is new until three of her rewards have aged; then they look unharmed, until on day 10 four are taken back,
    assert tiers[:10].tolist() == [0] * 7 + [1] * 3
    assert tiers[10] == 3  # 4.4 of 14
    # and as these leave the window, day by day, trust returns.
    assert tiers[16:20].tolist() == [2, 1, 1, 1]  # 2.4 of 18, 1.4 of 18, ...
    assert tiers[20] == 0  # Bob has nothing of Ann's


def test_trust_falls_with_the_share_that_was_taken_back() -> None:
    aged = np.full(20, 40)
    tiers = tier_of(aged, np.arange(20), TRUST)
    assert (np.diff(tiers) >= 0).all()
    assert tiers[0] == 1
    assert tiers[-1] == TRUST.tiers - 1


def test_a_log_becomes_rewards_with_what_became_of_them(tmp_path: Path) -> None:
    simulate(Scenario(150, 25, 3, date(2026, 1, 1)), tmp_path)
    rewards = Rewards.of(Log(tmp_path))
    assert (np.diff(rewards.credited_at) >= 0).all()
    assert rewards.is_reversed.any()
    assert (rewards.days > 0).all()
    assert (rewards.taken_micros <= rewards.micros).all()
    assert set(rewards.goals[rewards.kinds == "goal_reached"]) >= {"goal-1"}
    assert len(set(rewards.tiers(load_settings().trust).tolist())) > 2


def test_a_log_without_rewards_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HoldsError, match="no rewarded event"):
        Rewards.of(Log(tmp_path))


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("recovered_share: 0.20", "recovered_share: 1.5", "recovered_share"),
        ("edges: [0.03", "edges: [0.5", "edges must rise"),
        ("aged_days: 7", "aged_days: 70", "aged_days must be below"),
        ("ridge: 1.0", "rigde: 1.0", "rigde"),
        ("ridge: 1.0", "ridge: [", "not YAML"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, was: str, now: str, told: str) -> None:
    shipped = Path(load_settings.__code__.co_filename).with_name("holds.yaml").read_text()
    assert was in shipped
    file = tmp_path / "holds.yaml"
    file.write_text(shipped.replace(was, now))
    with pytest.raises(HoldsError, match=told):
        load_settings(file)


def test_the_shipped_settings_are_whole(settings: Settings) -> None:
    assert settings.trust.tiers == len(settings.trust.edges) + 2
