"""The desk prices rightly, refuses clearly, or falls back to the static ladder; and its memory survives a restart."""

import json
from collections.abc import Callable
from math import inf, nan
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.policy import HOUR, Policy, load_policy
from serving.pricing.desk import (
    CAPPED,
    CURRENCY,
    ENDED,
    PACED,
    PLATFORM,
    SPENT,
    TRIAL,
    USUAL,
    Asked,
    Budget,
    Desk,
    Outcome,
    Quote,
    Refusal,
)
from serving.pricing.exploration import FULL, LOCAL, STATIC
from serving.pricing.guardrails import Reading, ceiling_micros
from serving.pricing.menus import MARGIN, UNCLEAR
from serving.pricing.response import Curve, Response

POLICY = load_policy()
LADDER = POLICY.reward.ladder_micros
NOW = 500_000 * HOUR
ASKED = Asked("c", "survey", "new", 1_000_000, "CNY", 0.95, 0.9, 0, 10**9, NOW - HOUR, NOW + 100 * HOUR)


def changed(section: str, **fields: Any) -> Policy:
    return POLICY.model_copy(update={section: getattr(POLICY, section).model_copy(update=fields)})


def one(desk: Desk, asked: Asked, now: int = NOW, seed: int = 0) -> Quote | Refusal:
    quoted = desk.quotes([asked], now, Random(seed))  # noqa: S311  # prices are drawn, no secrets
    assert len(quoted.offers) + len(quoted.refusals) == 1
    return (quoted.offers or quoted.refusals)[0][1]


def taught(policy: Policy = POLICY, offers: int = 400) -> Desk:
    """A desk that has seen people take surveys the more the better they pay."""
    desk, dice = Desk(policy), np.random.default_rng(5)
    for segment, ease in (("new", 1.0), ("expert", 0.5)):
        for reward in LADDER[:8]:
            for done in dice.random(offers // 8) < ease * reward / (reward + 150_000):
                desk.learn(outcome(segment, reward, completed=bool(done)), NOW)
    desk.tick(NOW + HOUR, {})
    return desk


def outcome(segment: str, reward: int, *, completed: bool) -> Outcome:
    return Outcome("c", "survey", segment, "CNY", reward, 1_000_000, 0.95, completed, NOW, 0.3)


@given(st.integers(1, 20_000_000), st.floats(0, 1), st.floats(0, 1), st.integers(0, 5_000_000), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_no_offer_breaks_a_floor_or_the_margin_whatever_stratum_it_is_of(
    value: int, quality: float, low: float, floor: int, seed: int
) -> None:
    desk = Desk(changed("pricing", full_ladder=0.1, full_ladder_cost_max=0.1))
    asked = ASKED._replace(
        value_micros=value, quality=max(quality, low), quality_low=min(quality, low), floor_micros=floor
    )
    for draw in range(10):
        quote = one(desk, asked, seed=seed + draw)
        if isinstance(quote, Quote):
            assert quote.reward_micros >= max(floor, POLICY.pricing.floor_micros)
            assert quote.reward_micros <= ceiling_micros(value, min(quality, low), POLICY)
            assert quote.reward_micros in quote.allowed_micros
            assert 0.01 <= quote.propensity <= 1


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"remaining_micros": 0}, SPENT),
        ({"remaining_micros": 999_999}, SPENT),
        ({"remaining_micros": nan}, SPENT),
        ({"ends_at": NOW}, ENDED),
        ({"starts_at": NOW + 1}, ENDED),
        ({"taken_today": POLICY.pricing.completions_per_person_day_max}, CAPPED),
        ({"value_micros": 14_000}, MARGIN),
        ({"floor_micros": 900_000}, MARGIN),
        ({"value_micros": 0}, UNCLEAR),
        ({"value_micros": -5}, UNCLEAR),
        ({"quality": nan}, UNCLEAR),
        ({"quality_low": nan}, UNCLEAR),
        ({"quality_low": 0.99}, UNCLEAR),
        ({"quality": inf}, UNCLEAR),
        ({"floor_micros": -1}, UNCLEAR),
    ],
)
def test_what_cannot_be_priced_is_refused_with_its_reason(change: dict[str, Any], refusal: Refusal) -> None:
    assert one(Desk(POLICY), ASKED._replace(**change)) == refusal


def test_a_campaign_whose_budget_is_in_another_currency_is_refused() -> None:
    desk = Desk(POLICY)
    desk.tick(NOW, {"c": Budget(10**9, NOW, NOW + 100 * HOUR, "USD")})
    assert one(desk, ASKED) == CURRENCY
    assert isinstance(one(desk, ASKED._replace(currency="USD")), Quote)


def test_one_candidate_is_an_offer_and_none_is_none() -> None:
    assert isinstance(one(Desk(POLICY), ASKED), Quote)
    quoted = Desk(POLICY).quotes([], NOW, Random(1))  # noqa: S311
    assert (quoted.offers, quoted.refusals) == ([], [])


def test_the_kill_switch_gives_the_static_price_to_everybody() -> None:
    desk = Desk(changed("pricing", is_static=True))
    quotes = {
        one(desk, ASKED._replace(segment=segment), seed=seed) for segment in ("new", "expert") for seed in range(50)
    }
    assert {(quote.reward_micros, quote.propensity, quote.stratum, quote.fallback) for quote in quotes} == {
        (500_000, 1.0, STATIC, "kill switch")
    }


@pytest.mark.parametrize("broken", [nan, inf, -0.1, 1.5])
def test_a_curve_that_is_none_gives_the_static_price_and_says_so(
    broken: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = np.linspace(0.1, 0.9, len(LADDER))
    chance[3] = broken
    monkeypatch.setattr(Response, "curve", lambda *_: Curve(LADDER, chance, chance, chance))
    quote = one(Desk(POLICY), ASKED)
    assert isinstance(quote, Quote)
    assert (quote.reward_micros, quote.propensity, quote.stratum, quote.fallback) == (500_000, 1.0, STATIC, "response")


def test_a_broken_pressure_gives_the_static_price() -> None:
    desk = Desk(POLICY)
    desk.tick(NOW, {"c": Budget(10**9, NOW, NOW + 100 * HOUR, "CNY")})
    desk.pacers["c"].pressure = nan
    quote = one(desk, ASKED)
    assert isinstance(quote, Quote)
    assert (quote.reward_micros, quote.fallback) == (500_000, "pacing")


@pytest.mark.parametrize("fraud", [nan, -1.0, 7.0])
def test_fraud_that_is_no_probability_is_left_out_and_named(fraud: float) -> None:
    quote = one(Desk(POLICY), ASKED._replace(fraud=fraud))
    assert isinstance(quote, Quote)
    assert quote.fallback == "fraud"
    assert quote.reward_micros == one(Desk(POLICY), ASKED).reward_micros  # type: ignore[union-attr]  # it is a quote


@given(st.floats(0, 0.9), st.integers(10**6, 10**12), st.integers(0, 40), st.floats(0.3, 1), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_a_price_reads_the_allow_list_and_nothing_else(
    fraud: float, remaining: int, taken: int, multiplier: float, seed: int
) -> None:
    """Fraud, budgets, the person's day: they decide whether an offer is made, never how much it pays."""
    desk = Desk(POLICY)
    usual = one(desk, ASKED, seed=seed)
    other = one(
        desk,
        ASKED._replace(fraud=fraud, remaining_micros=remaining, taken_today=taken, multiplier=multiplier),
        seed=seed,
    )
    assert isinstance(usual, Quote)
    assert other == PACED or usual._replace(worth=0) == other._replace(worth=0)  # type: ignore[union-attr]  # a quote


def test_the_allow_list_names_nothing_of_a_person_but_the_segment() -> None:
    about = {"campaign_id", "kind", "value_micros", "currency", "quality", "quality_low", "floor_micros"}
    assert set(Reading._fields) == about | {"segment"}


def test_a_segment_that_the_policy_does_not_list_is_priced_as_everybody() -> None:
    desk = taught()
    asked = [ASKED._replace(segment=name, campaign_id=f"c {name}") for name in ("divorced", "", "religious")]
    rewards = {desk.quotes([each], NOW + HOUR, Random(1)).offers[0][1].reward_micros for each in asked}  # noqa: S311
    assert len(rewards) == 1


def test_it_learns_what_people_take_and_the_best_come_first() -> None:
    desk = taught()
    asked = [
        ASKED._replace(campaign_id=f"c{at}", value_micros=value)
        for at, value in enumerate((900_000, 3_000_000, 400_000))
    ]
    quoted = desk.quotes(asked, NOW + HOUR, Random(1))  # noqa: S311
    assert [at for at, _ in quoted.offers] == [1, 0, 2]
    assert len(desk.quotes(asked, NOW + HOUR, Random(1), most=1).offers) == 1  # noqa: S311
    rich = quoted.offers[0][1]
    assert 50_000 <= rich.reward_micros <= 1_200_000
    assert rich.chance == pytest.approx(rich.reward_micros / (rich.reward_micros + 150_000), abs=0.15)


def test_outcomes_are_learned_from_only_when_their_time_is_over() -> None:
    desk = Desk(POLICY)
    for _ in range(50):
        desk.learn(outcome("new", 100_000, completed=True)._replace(complete_by=NOW + 2 * HOUR), NOW)
    desk.tick(NOW + HOUR, {})
    assert "CNY" not in desk.responses
    desk.tick(NOW + 2 * HOUR, {})
    assert desk.responses["CNY"].curve(("survey", "new")).chance[4] > 0.8


def test_fraud_and_the_day_change_the_rank_only() -> None:
    desk = Desk(POLICY)
    asked = [ASKED._replace(fraud=0.4), ASKED._replace(campaign_id="d", value_micros=900_000)]
    assert [at for at, _ in desk.quotes(asked, NOW, Random(1)).offers] == [1, 0]  # noqa: S311


def test_a_budget_under_pressure_is_kept_for_others() -> None:
    desk = Desk(POLICY)
    desk.tick(NOW, {"c": Budget(10**9, NOW, NOW + 100 * HOUR, "CNY")})
    desk.pacers["c"].pressure = 4.0
    assert one(desk, ASKED._replace(floor_micros=500_000)) == PACED


def test_strata_reasons_and_propensities_say_what_was_done() -> None:
    desk = taught(changed("pricing", full_ladder=0.1, full_ladder_cost_max=0.1))
    quotes = [one(desk, ASKED, NOW + HOUR, seed) for seed in range(1500)]
    strata = {quote.stratum for quote in quotes if isinstance(quote, Quote)}
    assert strata == {LOCAL, FULL}
    usual = max({quote.reward_micros for quote in quotes}, key=[quote.reward_micros for quote in quotes].count)  # type: ignore[union-attr]
    for quote in quotes:
        assert isinstance(quote, Quote)
        assert quote.reason == (USUAL if quote.reward_micros == usual else TRIAL)
        assert quote.policy_version == desk.policy.version
        assert quote.stratum == LOCAL or quote.propensity == pytest.approx(1 / len(quote.allowed_micros))


def test_similar_people_are_offered_similar_rewards() -> None:
    desk = taught(changed("pricing", full_ladder=0.0), offers=2000)
    rewards = {
        one(desk, ASKED._replace(segment=segment), NOW + HOUR, seed).reward_micros  # type: ignore[union-attr]
        for segment in ("new", "regular", "expert", "")
        for seed in range(60)
    }
    assert max(rewards) <= POLICY.pricing.similar_ratio_max * min(rewards)


@pytest.mark.parametrize("asked", [ASKED, ASKED._replace(segment="expert")])
def test_a_desk_that_was_put_back_quotes_the_same(asked: Asked) -> None:
    desk = taught()
    desk.tick(
        NOW + HOUR,
        {"c": Budget(10**9, NOW, NOW + 100 * HOUR, "CNY"), PLATFORM: Budget(10**9, NOW, NOW + 99 * HOUR, "CNY")},
    )
    for seed in range(20):
        one(desk, asked, NOW + HOUR, seed)
        desk.learn(outcome("new", 100_000, completed=True)._replace(complete_by=NOW + 9 * HOUR), NOW + HOUR)
    again = Desk.loads(desk.dumps(), POLICY)
    assert again.dumps() == desk.dumps()
    for each in (desk, again):
        each.tick(NOW + 2 * HOUR, {})
    assert [one(again, asked, NOW + 2 * HOUR, seed) for seed in range(9)] == [
        one(desk, asked, NOW + 2 * HOUR, seed) for seed in range(9)
    ]


@pytest.mark.parametrize(
    "spoil", [lambda _: b"x", lambda _: b"{}", lambda kept: kept.replace(b'"format":2', b'"format":9')]
)
def test_bytes_that_are_no_desk_are_refused(spoil: Callable[[bytes], bytes]) -> None:
    with pytest.raises(ValueError, match=r"offer log|Expecting value"):
        Desk.loads(spoil(Desk(POLICY).dumps()), POLICY)
    assert json.loads(Desk(POLICY).dumps())["format"] == 2
