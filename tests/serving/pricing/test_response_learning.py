"""What the response makes of simulated truths: intervals that hold, shapes that are followed, the past forgotten."""

import time

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

from serving.pricing.response import EVERYTHING, Response
from serving.pricing.shape import Prior

LADDER = (0, 50_000, 100_000, 200_000, 400_000, 800_000, 1_500_000, 3_000_000)
LEVELS = np.array(LADDER)
KINDS, SEGMENTS = 5, 4


def platform(seed: int, offers_min: int, offers_max: int, spread: float) -> tuple[Response, dict]:
    """Kinds around everything and keys around their kind, `spread` times as far apart as the prior says."""
    rng, prior = np.random.default_rng(seed), Prior()
    design = np.column_stack([np.ones(len(LEVELS)), LEVELS > 0, np.log1p(LEVELS / LEVELS[1])])
    centre = np.array([-0.8, 1.0, 0.45]) + rng.normal(size=3) * [0.7, 0.3, 0.1]
    response, truths = Response(LADDER), {}
    for kind in range(KINDS):
        around = centre + spread * rng.normal(size=3) * prior.kinds
        for segment in range(SEGMENTS):
            terms = np.maximum(around + spread * rng.normal(size=3) * prior.segments, [-12, 0, 0])
            key, chance = (f"kind {kind}", f"segment {segment}"), expit(design @ terms)
            at = rng.integers(0, len(LEVELS), rng.integers(offers_min, offers_max))
            response.learn(key, LEVELS[at], rng.random(len(at)) < chance[at])
            truths[key] = chance
    return response, truths


@pytest.mark.parametrize(("spread", "least"), [(0.0, 0.95), (1.0, 0.93)])
@pytest.mark.parametrize("offers", [(5, 30), (100, 400)])
def test_intervals_cover_the_truth_as_often_as_they_say(offers: tuple[int, int], spread: float, least: float) -> None:
    covered = []
    for seed in range(10):
        response, truths = platform(seed, *offers, spread)
        for key, truth in truths.items():
            curve = response.curve(key)
            covered.append((curve.low <= truth) & (truth <= curve.high))
    assert least <= np.mean(covered) <= 0.995


def test_a_key_of_few_offers_is_nearer_to_the_truth_than_by_itself() -> None:
    shrunken, alone = [], []
    for seed in range(4):
        response, truths = platform(seed, 10, 30, spread=1.0)
        rows = {}
        for kind, segment, _, reward, offered, done in (([*key, *rest]) for key, *rest in response._tally.rows()):
            rows.setdefault((kind, segment), []).append((reward, offered, done))
        for key, truth in truths.items():
            one = Response(LADDER)
            for reward, offered, done in rows[key]:
                one.learn(key, [reward] * offered, [1] * done + [0] * (offered - done))
            shrunken.append(response.curve(key).chance - truth)
            alone.append(one.curve(key).chance - truth)
    assert np.mean(np.square(shrunken)) < 0.8 * np.mean(np.square(alone))


@pytest.mark.parametrize(
    ("family", "off"),
    [
        (lambda pay: expit(-2 + 0.6 * np.log1p(pay / 0.05)), 0.02),
        (lambda pay: 0.3 * norm.cdf(np.log(np.maximum(pay, 1e-9) / 0.2) / 0.6), 0.03),
        (lambda pay: 0.1 + 0.7 * norm.cdf((pay - 0.9) / 0.25), 0.04),
        (lambda pay: 0.2 + 0.5 * (1 - np.exp(-pay)), 0.02),
    ],
    ids=["logit", "saturating early", "earning to a target", "saturating late"],
)
def test_the_chance_follows_any_rising_truth_once_offers_show_it(family: object, off: float) -> None:
    rng = np.random.default_rng(5)
    truth = family(LEVELS / 1e6)
    at = rng.integers(0, len(LEVELS), 40_000)
    response = Response(LADDER)
    response.learn(("survey", "new"), LEVELS[at], rng.random(len(at)) < truth[at])
    chance = response.chance(("survey", "new"), LEVELS)
    assert np.abs(chance - truth).max() < off
    between = response.chance(("survey", "new"), np.arange(0, 5_000_000, 1_000))
    assert np.all(np.diff(between) >= 0)


def test_curves_bend_no_further_than_offers_ask_for() -> None:
    """Few offers of a plain logit, and many: the smoothest prior has the better evidence."""
    for offers in (100, 20_000):
        rng = np.random.default_rng(6)
        at = rng.integers(0, len(LEVELS), offers)
        response = Response(LADDER)
        response.learn(
            EVERYTHING, LEVELS[at], rng.random(offers) < expit(-1 + (at > 0) + 0.4 * np.log1p(LEVELS[at] / 5e4))
        )
        assert response._rough() == min(Prior().roughness)


def test_the_past_is_forgotten_by_half_lives_and_then_wholly() -> None:
    response = Response(LADDER, half_life_epochs=1.0)
    steady = Response(LADDER)
    for one in (response, steady):
        one.learn(EVERYTHING, [100_000] * 400, [1] * 400, epoch=0)
        one.learn(EVERYTHING, [100_000] * 400, [0] * 400, epoch=5)
    assert response.curve(EVERYTHING).chance[2] < 0.1
    assert steady.curve(EVERYTHING).chance[2] > 0.4
    response.learn(EVERYTHING, [100_000], [1], epoch=20)
    alone = Response(LADDER, half_life_epochs=1.0)
    alone.learn(EVERYTHING, [100_000], [1], epoch=20)
    alone.learn(EVERYTHING, [100_000] * 9, [1] * 9, epoch=3)
    assert response.dumps() == alone.dumps()


def test_one_key_is_fitted_anew_within_a_millisecond() -> None:
    """The best of many tries, by the thread's own time, so that a busy machine does not decide."""
    response, truths = platform(1, 20, 60, spread=1.0)
    key, took = next(iter(truths)), []
    response.curve(key)
    for _ in range(200):
        response.learn(key, 100_000, 1)
        began = time.thread_time()
        response.curve(key)
        took.append(time.thread_time() - began)
    assert min(took) < 1e-3
