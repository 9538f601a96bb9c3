"""Reversal over time: censored rewards count as far as they go, partners are told apart, little is drawn to all."""

from dataclasses import replace

import numpy as np
import pytest

from training.holds.rewards import DAY, NEVER, Rewards
from training.holds.settings import HoldsError, Settings
from training.holds.survival import EDGES_DAYS, Survival
from training.holds.table import least_cost_days

from .conftest import RATES, START, drawn

END = START + 60 * DAY


def share(survival: Survival, partner: str, tier: int = 0) -> float:
    """The probability that a reward is ever reversed."""
    place = next(i for i, cell in enumerate(survival.cells) if (cell.partner, cell.tier) == (partner, tier))
    return float(survival.later[place, 0])


@pytest.mark.parametrize("partner", RATES)
def test_each_partner_has_its_own_share(rewards: Rewards, settings: Settings, partner: str) -> None:
    untold = settings.model_copy(update={"trust": settings.trust.model_copy(update={"aged_min": 10_000})})
    found = Survival.fit(rewards, END, untold)
    some = max(RATES, key=lambda name: RATES[name]) == partner
    assert share(found, partner, 0) == pytest.approx(RATES[partner], rel=0.35 if some else 0.6)


def test_a_partner_that_was_never_seen_lies_between_those_that_were(rewards: Rewards, settings: Settings) -> None:
    found = Survival.fit(rewards, END, settings)
    assert share(found, "amber") < share(found, "") < share(found, "ember")


def test_rewards_that_are_too_young_to_tell_do_not_pass_for_clean(settings: Settings) -> None:
    """All were credited within the last days: counted as never reversed, the share would be a fraction of the truth."""
    young = drawn(3, count=20_000, days=6)
    found = Survival.fit(young, START + 6 * DAY, settings)
    seen = young.partners == "ember"
    naive = float((young.reversed_at[seen] <= START + 6 * DAY).mean())
    by_day_five = found.later[:, 0] - found.later[:, int(np.searchsorted(EDGES_DAYS, 5))]
    place = next(i for i, cell in enumerate(found.cells) if (cell.partner, cell.tier) == ("ember", 0))
    truth = float((young.days[seen] <= 5).mean())
    assert naive < 0.6 * truth
    assert by_day_five[place] == pytest.approx(truth, rel=0.2)


def test_what_was_not_known_on_the_day_is_not_read(rewards: Rewards, settings: Settings) -> None:
    middle = START + 30 * DAY
    later = rewards.credited_at > middle
    unknown = replace(
        rewards,
        reversed_at=np.where(rewards.reversed_at > middle, NEVER, rewards.reversed_at),
        micros=np.where(later, 1, rewards.micros),
    )
    ours, blind = Survival.fit(rewards, middle, settings), Survival.fit(unknown, middle, settings)
    assert np.allclose(ours.hazards, blind.hazards)


def test_a_reversal_mass_and_a_wait_follow_from_the_hazards(rewards: Rewards, settings: Settings) -> None:
    found = Survival.fit(rewards, END, settings)
    assert (np.diff(found.later, axis=1) <= 0).all()
    assert (found.later[:, -1] == 0).all()
    assert (np.diff(found.waited_days, axis=1) > 0).all()
    assert (found.waited_days <= EDGES_DAYS).all()


def test_riskier_rewards_wait_longer_and_dearer_waiting_is_shorter(rewards: Rewards, settings: Settings) -> None:
    found = Survival.fit(rewards, END, settings)
    days = least_cost_days(found, settings)
    partner = np.array([cell.partner for cell in found.cells])
    tier = np.array([cell.tier for cell in found.cells])
    assert days[(partner == "ember") & (tier == 0)] > days[(partner == "amber") & (tier == 0)]
    dear = settings.model_copy(update={"waiting_share_per_day": 10.0})
    assert (least_cost_days(found, dear)[tier > 0] == 0).all()
    assert (least_cost_days(found, dear)[tier == 0] == settings.new_hours_min / 24).all()
    free = settings.model_copy(update={"waiting_share_per_day": 1e-12})
    assert (least_cost_days(found, free) > days).all()


def test_nobody_waits_longer_than_who_is_trusted_less(rewards: Rewards, settings: Settings) -> None:
    """Of people whose past says nothing of what comes, the most trusted are by chance the worst in some cells."""
    tiers, fitted = settings.trust.tiers, Survival.fit(rewards, END, settings)
    shuffled = np.random.default_rng(5).permutation(len(fitted.cells) // tiers * tiers)
    for found in (fitted, replace(fitted, hazards=fitted.hazards[shuffled], counts=fitted.counts[shuffled])):
        days = least_cost_days(found, settings).reshape(-1, tiers)
        assert (np.diff(days[:, 1:], axis=1) >= 0).all()
        assert (days[:, 0] >= days[:, 1]).all()
    alone = EDGES_DAYS[np.argmin(_cost(found, settings), axis=1)].reshape(-1, tiers)
    assert (np.diff(alone[:, 1:], axis=1) < 0).any(), "or there was nothing to mend"


def test_waits_that_would_fall_with_distrust_are_pooled_by_what_was_seen(rewards: Rewards, settings: Settings) -> None:
    """Two tiers, the more trusted the riskier: together they wait as those of whom more was seen."""
    fitted = Survival.fit(rewards, END, settings)
    tiers = settings.trust.tiers
    calm, risky = (int(np.argmin(fitted.later[:, 0])), int(np.argmax(fitted.later[:, 0])))
    hazards = np.repeat(fitted.hazards[[calm]], tiers, axis=0)
    hazards[1] = fitted.hazards[risky]
    for many, like in ((1, risky), (2, calm)):
        counts = np.ones(tiers, np.int64)
        counts[many] = 10**9
        found = replace(fitted, cells=fitted.cells[:tiers], hazards=hazards, counts=counts)
        best = EDGES_DAYS[np.argmin(_cost(fitted, settings)[like])]
        assert least_cost_days(found, settings)[1:3].tolist() == [best, best]


def _cost(survival: Survival, settings: Settings) -> np.ndarray:
    return (1 - settings.recovered_share) * survival.later + settings.waiting_share_per_day * survival.waited_days


def test_too_few_rewards_teach_nothing(rewards: Rewards, settings: Settings) -> None:
    with pytest.raises(HoldsError, match="rewards_min"):
        Survival.fit(rewards.take(np.arange(50)), END, settings)
    with pytest.raises(HoldsError, match="some were reversed"):
        Survival.fit(replace(rewards, reversed_at=np.full(len(rewards), NEVER)), END, settings)
