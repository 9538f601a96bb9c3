"""Offers: who is offered what, at which price, and why not; the same request, the same answer."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from serving.contract import Campaign, Offer, OfferAnswer, OfferRequest
from serving.database import open_database
from serving.decision import ceiling
from serving.ledger import rewards
from serving.policy import load_policy
from serving.pricing import campaigns
from serving.pricing.desk import Asked, Quote, Quoted
from serving.pricing.earned import Nobody
from serving.pricing.learned import Learned, caught_up
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.pricing.offers import Terms, make_offers
from serving.pricing.quotes import Asking, Step
from serving.problems import Problem
from serving.records import Unit

POLICY = load_policy()
KEY = b"a key of 32 bytes for these tests"


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    engine = open_database(tmp_path / "records.db")
    with engine.begin() as connection:
        yield Unit(connection, now=0)
    engine.dispose()


def request(
    id_: str = "r1", values: tuple[int, ...] = (2_000_000,), user: str = "ann", person: Any = None, **fields: Any
) -> OfferRequest:
    """Candidates t0, t1, ... of campaigns c0, c1, ...; `fields` change them all."""
    candidates = [
        {"task_id": f"t{at}", "campaign_id": f"c{at}", "value_micros": value, "currency": "CNY"} | fields
        for at, value in enumerate(values)
    ]
    body = {"request_id": id_, "user_id": user, "occurred_at": "2026-03-01T12:00:00Z", "candidates": candidates}
    return OfferRequest.model_validate(body | {"person": person or {}})


def offered(unit: Unit, asked: OfferRequest, key: bytes = KEY) -> OfferAnswer:
    return make_offers(unit, asked, Terms.plain(POLICY, key))


def why_not(unit: Unit, asked: OfferRequest) -> str:
    """The reason for which the only candidate is refused."""
    (refused,) = offered(unit, asked).refused
    return refused.reason


def order(unit: Unit, campaign: str = "c0", **fields: Any) -> None:
    body = {"currency": "CNY", "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"}
    campaigns.order(unit, campaign, Campaign.model_validate(body | fields))


def deposit(unit: Unit, micros: int, campaign: str = "c0") -> None:
    rewards.fund_campaign(unit.connection, rewards.Deposit(f"d-{campaign}-{micros}", campaign, micros, "CNY"), 0)


@pytest.fixture
def offer(unit: Unit) -> Offer:
    return offered(unit, request()).offers[0]


def test_the_same_request_gets_the_same_offers_and_makes_none_anew(unit: Unit) -> None:
    first = offered(unit, request(values=(2_000_000, 900_000)))
    assert offered(unit, request(values=(2_000_000, 900_000))) == first
    assert len(unit.connection.execute(select(OFFER)).all()) == 2


@pytest.mark.parametrize("name", ["quality", "quality_low"])
def test_the_quality_of_a_campaign_is_a_number_and_no_text(unit: Unit, name: str) -> None:
    order(unit, **{name: 1})
    order(unit, **{name: 0.9})
    with pytest.raises(ValidationError, match=name):
        order(unit, **{name: "0.9"})


def test_the_same_request_id_with_another_body_is_a_conflict(unit: Unit) -> None:
    offered(unit, request())
    with pytest.raises(Problem) as refused:
        offered(unit, request(values=(3_000_000,)))
    assert refused.value.status == 409
    assert refused.value.body.errors[0].field == "request_id"


def test_an_offer_is_logged_as_it_was_made(unit: Unit) -> None:
    answer = offered(unit, request(values=tuple(range(500_000, 5_000_000, 500_000))))
    query = select(OFFER.c.user_id, OFFER_GOAL).join_from(OFFER, OFFER_GOAL)
    logged = {row.offer_id: row for row in unit.connection.execute(query)}
    assert set(logged) == {made.offer_id for made in answer.offers}
    for made in answer.offers:
        row = logged[made.offer_id]
        assert (row.reward_micros, row.user_id) == (made.reward_micros, "ann")
        assert row.policy_version.startswith(POLICY.version)
        assert made.reward_micros <= ceiling(row.value_micros, POLICY)
        assert (row.propensity, row.stratum) == (1.0, "static")


def test_what_is_worth_most_comes_first_and_what_fits_no_price_is_refused_by_name(unit: Unit) -> None:
    answer = offered(unit, request(values=(500_000, 1, 8_000_000)))
    assert [made.task_id for made in answer.offers] == ["t2", "t0"]
    assert [refused.task_id for refused in answer.refused] == ["t1"]


def test_only_refusals_are_an_answer_too(unit: Unit) -> None:
    answer = offered(unit, request(values=(1,)))
    assert (len(answer.offers), len(answer.refused)) == (0, 1)
    assert offered(unit, request(values=(1,))) == answer


def test_the_id_of_an_offer_follows_from_its_promise_and_the_key(unit: Unit, offer: Offer) -> None:
    others = [offered(unit, request("r2")), offered(unit, request("r3", user="bob"))]
    ids = {offer.offer_id, *(answer.offers[0].offer_id for answer in others)}
    assert len(ids) == 3
    unit.connection.exec_driver_sql("DELETE FROM offer_request")
    elsewhere = offered(unit, request(), key=b"another key").offers[0]
    assert elsewhere.offer_id != offer.offer_id


def test_each_goal_has_a_price_of_its_own_and_one_goal_looks_as_ever(unit: Unit, offer: Offer) -> None:
    assert (offer.goal_id, [goal.reward_micros for goal in offer.goals]) == (None, [offer.reward_micros])
    goals = [{"goal_id": "install", "value_micros": 1_000_000}, {"goal_id": "level 9", "value_micros": 8_000_000}]
    (several,) = offered(unit, request("r2", value_micros=None, goals=goals)).offers
    assert (several.goal_id, [goal.goal_id for goal in several.goals]) == (None, ["install", "level 9"])
    assert several.reward_micros == sum(goal.reward_micros for goal in several.goals)
    assert several.goals[0].reward_micros < several.goals[1].reward_micros


def test_the_curve_of_the_day_is_disclosed(offer: Offer) -> None:
    assert "paid in full up to" in offer.daily


@pytest.mark.parametrize(
    ("targeting", "person", "words"),
    [
        ({"countries": ["JP", "US"]}, {"country": "CN"}, "not open to country CN"),
        ({"countries": ["JP"]}, {}, "send person.country"),
        ({"device_os": ["iOS"]}, {"device_os": "android"}, "not open to device_os android"),
        ({"price_tier_min": 3}, {"price_tier": 2}, "price_tier 3 or more"),
        ({"price_tier_max": 3}, {"price_tier": 4}, "price_tier 3 or less"),
        ({"account_days_min": 7}, {"account_days": 6}, "account_days 7 or more"),
        ({"account_days_max": 7}, {}, "send person.account_days"),
        ({"requirements": ["identity_verified", "adult"]}, {"requirements_met": ["adult"]}, "identity_verified first"),
    ],
)
def test_whom_the_advertiser_does_not_want_is_told_why(
    targeting: dict[str, Any], person: dict[str, Any], words: str, unit: Unit
) -> None:
    assert words in why_not(unit, request(targeting=targeting, person=person))


def test_whom_the_advertiser_wants_is_offered_it(unit: Unit) -> None:
    wanted = {
        "countries": ["CN"],
        "device_os": ["iOS"],
        "price_tier_min": 3,
        "price_tier_max": 3,
        "account_days_min": 7,
    }
    person = {"country": "CN", "device_os": "ios", "price_tier": 3, "account_days": 7, "requirements_met": ["adult"]}
    asked = request(targeting=wanted | {"requirements": ["adult"]}, person=person)
    assert len(offered(unit, asked).offers) == 1


@pytest.mark.parametrize(
    ("ordered", "words"),
    [
        ({"currency": "USD"}, "paid in USD"),
        ({"ends_at": "2026-03-01T12:00:00Z"}, "has ended"),
        ({"starts_at": "2026-03-01T12:00:00.000001Z"}, "begins at 2026-03-01T12:00:00.000001"),
        ({"floor_micros": 1_400_001}, "worth less than the lowest reward"),
        ({"reward_budget_micros": 200_000}, "reward budget all but 0.20 CNY is spent or reserved, and this takes"),
    ],
)
def test_a_campaign_that_cannot_be_offered_says_why(ordered: dict[str, Any], words: str, unit: Unit) -> None:
    order(unit, **ordered)
    assert words in why_not(unit, request())


def test_an_offer_is_taken_up_before_its_campaign_ends_and_completed_after_it(unit: Unit) -> None:
    order(unit, ends_at="2026-03-01T12:10:00Z")
    (made,) = offered(unit, request()).offers
    assert made.accept_by.isoformat() == "2026-03-01T12:09:59.999999+00:00"
    assert made.complete_by.isoformat() == "2026-03-04T12:00:00+00:00"


def test_an_empty_budget_offers_nothing_and_one_that_suffices_once_does(unit: Unit) -> None:
    deposit(unit, 1_900_000)
    why = "of the campaign's prepaid budget all but 1.90 CNY is spent or reserved, and this takes 2.00 CNY"
    assert why_not(unit, request()) == why
    deposit(unit, 100_000)
    assert len(offered(unit, request("r2")).offers) == 1


def test_the_posted_floor_lifts_the_price(unit: Unit) -> None:
    order(unit, floor_micros=1_100_000)
    (made,) = offered(unit, request()).offers
    assert made.reward_micros == 1_200_000


def learned(unit: Unit) -> Learned:
    """What serves, having learned all that there is."""
    return caught_up(Learned(POLICY, lambda _: POLICY), unit.connection)


def offered_by(unit: Unit, pricer: Learned, asked: OfferRequest) -> OfferAnswer:
    return make_offers(unit, asked, Terms(POLICY, KEY, Nobody(), pricer))


class Broken:
    """A desk whose model says what no price may be."""

    ticked_at = None

    def __init__(self, **says: Any) -> None:
        sound = Quote(500_000, 1.0, "local", "v", "a defect", (500_000,), 0.5, 1.0)
        self.says = sound._replace(**says)

    def quotes(self, asked: Sequence[Asked], *_: Any) -> Quoted:
        return Quoted([(at, self.says) for at, _ in enumerate(asked)], [])


@pytest.mark.parametrize(
    "says",
    [
        {"reward_micros": math.nan},
        {"reward_micros": 500_000.0},
        {"reward_micros": 0},
        {"reward_micros": -500_000},
        {"reward_micros": 500_001},
        {"reward_micros": 2_000_000},
        {"reward_micros": 10_000},
        {"propensity": math.nan},
        {"propensity": 0.0},
        {"worth": math.inf},
    ],
)
def test_what_can_be_no_price_is_priced_by_the_ladder_and_says_so(says: dict[str, Any], unit: Unit) -> None:
    order(unit, floor_micros=20_000)
    pricer = learned(unit)
    pricer._learners[POLICY.version].desk = Broken(**says)  # type: ignore[assignment]  # a broken model's stand-in
    answer = offered_by(unit, pricer, request())
    assert [made.reward_micros for made in answer.offers] == [800_000]
    assert answer.degraded == ["price:price"]


def test_what_was_learned_prices_within_the_guardrails(unit: Unit) -> None:
    answer = offered_by(unit, learned(unit), request(values=tuple(range(100_000, 5_000_000, 100_000))))
    assert len(answer.offers) > 40
    assert answer.degraded == []
    for row in unit.connection.execute(select(OFFER_GOAL)):
        assert row.reward_micros in json.loads(row.allowed_micros)
        assert row.reward_micros <= ceiling(row.value_micros, POLICY)
        assert row.propensity >= 0.01
        assert row.policy_version == POLICY.version
        assert 0 < row.chance < 1


def test_until_the_log_has_been_learned_prices_are_static_and_say_so(unit: Unit) -> None:
    answer = offered_by(unit, Learned(POLICY, lambda _: POLICY), request())
    assert answer.degraded == ["price:learning"]
    assert [made.reward_micros for made in answer.offers] == [800_000]


def test_risk_and_what_a_person_is_like_change_no_price(unit: Unit) -> None:
    """The same dice for all: only who asks differs."""
    pricer, steps = learned(unit), [Step("c0", "CNY", "task", "new", 2_000_000, campaigns.Standing())]
    asking = Asking("ann", 1, 0.0, {"CNY": 1.0}, {})
    like = [asking, replace(asking, risk=0.4), replace(asking, user_id="bob"), replace(asking, multiplier={"CNY": 0.5})]
    quoted = [pricer.quotes(steps, one, Random(7))[0] for one in like]  # noqa: S311  # no secrets
    assert len({quote if isinstance(quote, str) else quote.reward_micros for quote in quoted}) == 1
