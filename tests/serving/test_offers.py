"""Offers: the same request, the same prices; what is owed under one is what it promised, to whom it promised it."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from features.events import Event
from serving.contract import Offer, OfferAnswer, OfferRequest
from serving.database import open_database
from serving.decision import ceiling
from serving.policy import load_policy
from serving.pricing.ladder import price
from serving.pricing.offers import OFFER, Owed, make_offers, reward_of
from serving.problems import Problem
from serving.records import Unit

POLICY = load_policy()
KEY = b"a key of 32 bytes for these tests"
BEFORE, LAST, AFTER = "2026-03-01T12:05:00Z", "2026-03-04T12:00:00Z", "2026-03-04T12:00:00.000001Z"


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    engine = open_database(tmp_path / "records.db")
    with engine.begin() as connection:
        yield Unit(connection, now=0)
    engine.dispose()


def request(id_: str = "r1", values: tuple[int, ...] = (2_000_000,), user: str = "ann") -> OfferRequest:
    candidates = [
        {"task_id": f"t{at}", "campaign_id": f"c{at}", "value_micros": value, "currency": "CNY"}
        for at, value in enumerate(values)
    ]
    body = {"request_id": id_, "user_id": user, "occurred_at": "2026-03-01T12:00:00Z", "candidates": candidates}
    return OfferRequest.model_validate(body)


def offered(unit: Unit, asked: OfferRequest, key: bytes = KEY) -> OfferAnswer:
    return make_offers(unit, asked, POLICY, key)


@pytest.fixture
def offer(unit: Unit) -> Offer:
    """An offer to ann for t0 of c0, to be completed within three days."""
    return offered(unit, request()).offers[0]


def done(offer_id: str | None, id_: str = "e1", **fields: Any) -> Event:
    body = {"event_id": id_, "kind": "task_completed", "occurred_at": BEFORE, "user_id": "ann", "offer_id": offer_id}
    return Event.model_validate(body | {"task_id": "t0", "campaign_id": "c0", "currency": "CNY"} | fields)


def redeemer(unit: Unit, offer_id: str) -> str | None:
    found: str | None = unit.connection.scalar(select(OFFER.c.completed_by_event).where(OFFER.c.offer_id == offer_id))
    return found


def test_the_same_request_gets_the_same_offers_and_makes_none_anew(unit: Unit) -> None:
    first = offered(unit, request(values=(2_000_000, 900_000)))
    assert offered(unit, request(values=(2_000_000, 900_000))) == first
    assert len(unit.connection.execute(select(OFFER)).all()) == 2


def test_the_same_request_id_with_another_body_is_a_conflict(unit: Unit) -> None:
    offered(unit, request())
    with pytest.raises(Problem) as refused:
        offered(unit, request(values=(3_000_000,)))
    assert refused.value.status == 409
    assert refused.value.body.errors[0].field == "request_id"


def test_an_offer_is_logged_as_it_was_made(unit: Unit) -> None:
    answer = offered(unit, request(values=tuple(range(500_000, 5_000_000, 500_000))))
    logged = {row.offer_id: row for row in unit.connection.execute(select(OFFER))}
    assert set(logged) == {made.offer_id for made in answer.offers}
    for made in answer.offers:
        row = logged[made.offer_id]
        assert (row.reward_micros, row.user_id, row.policy_version) == (made.reward_micros, "ann", POLICY.version)
        assert made.reward_micros <= ceiling(row.value_micros, POLICY)
        draws = [price(row.value_micros, POLICY, Random(seed)) for seed in range(200)]  # noqa: S311  # no secrets
        assert row.propensity in {draw.propensity for draw in draws if draw and draw.reward_micros == row.reward_micros}
        assert (row.propensity < 0.5) == ("trying out" in made.reason)


def test_the_best_paid_comes_first_and_what_fits_no_price_is_refused_by_name(unit: Unit) -> None:
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
    assert make_offers_elsewhere(unit, offer).offer_id != offer.offer_id


def make_offers_elsewhere(unit: Unit, offer: Offer) -> Offer:
    """The very same request, on an installation with another key."""
    unit.connection.exec_driver_sql("DELETE FROM offer_request")
    return offered(unit, request(), key=b"another key").offers[0]


def test_a_completion_is_owed_what_was_offered(unit: Unit, offer: Offer) -> None:
    assert reward_of(unit, done(offer.offer_id)) == Owed(offer.reward_micros, "CNY")
    assert redeemer(unit, offer.offer_id) == "e1"


def test_an_offer_is_redeemed_once(unit: Unit, offer: Offer) -> None:
    reward_of(unit, done(offer.offer_id))
    with pytest.raises(Problem) as refused:
        reward_of(unit, done(offer.offer_id, "e2"))
    assert (refused.value.status, refused.value.body.errors[0].field) == (409, "offer_id")
    assert redeemer(unit, offer.offer_id) == "e1"


@pytest.mark.parametrize("kind", ["task_started", "click", "login", "screened_out"])
def test_what_is_no_completion_earns_nothing_and_leaves_the_offer_open(kind: str, unit: Unit, offer: Offer) -> None:
    assert reward_of(unit, done(offer.offer_id, kind=kind)) == Owed(0, "CNY")
    assert redeemer(unit, offer.offer_id) is None
    assert reward_of(unit, done(offer.offer_id, "e2")).micros == offer.reward_micros


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"offer_id": "o_" + "0" * 40}, "offer_id", "never made"),
        ({"user_id": "bob"}, "offer_id", "another user_id"),
        ({"user_id": None}, "user_id", "is required"),
        ({"task_id": "t9"}, "offer_id", "another task_id"),
        ({"campaign_id": "c9"}, "offer_id", "another campaign_id"),
        ({"goal_id": "g9"}, "offer_id", "another goal_id"),
        ({"occurred_at": AFTER}, "offer_id", "completed by 2026-03-04T12:00:00"),
        ({"reward_micros": 1}, "reward_micros", "the offer promised"),
    ],
)
def test_an_event_that_an_offer_does_not_mean_is_refused_by_field(
    change: dict[str, Any], field: str, words: str, unit: Unit, offer: Offer
) -> None:
    with pytest.raises(Problem) as refused:
        reward_of(unit, done(**{"offer_id": offer.offer_id, **change}))
    assert (refused.value.status, refused.value.body.errors[0].field) == (422, field)
    assert words in refused.value.body.errors[0].message
    assert redeemer(unit, offer.offer_id) is None


def test_an_offer_stands_up_to_its_last_instant(unit: Unit, offer: Offer) -> None:
    assert offer.complete_by.isoformat() == "2026-03-04T12:00:00+00:00"
    assert offer.accept_by.isoformat() == "2026-03-01T12:30:00+00:00"
    assert reward_of(unit, done(offer.offer_id, occurred_at=LAST)).micros == offer.reward_micros


def test_what_the_event_leaves_out_is_taken_from_the_offer(unit: Unit, offer: Offer) -> None:
    bare = done(offer.offer_id, task_id=None, campaign_id=None, currency=None)
    assert reward_of(unit, bare) == Owed(offer.reward_micros, "CNY")


def test_without_an_offer_the_promise_of_the_platform_counts(unit: Unit) -> None:
    assert reward_of(unit, done(None, reward_micros=7)) == Owed(7, "CNY")
    assert reward_of(unit, done(None, currency=None)) == Owed(0, None)
