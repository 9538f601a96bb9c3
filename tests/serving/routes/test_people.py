"""A payslip over HTTP: the period, the reasons, and an hour's pay that counts the time of a screen-out."""

from typing import Any

from features.events import instant_of, micros_of
from serving.contract import OfferRequest
from serving.ledger.maturity import mature
from serving.pricing.offers import make_offers

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


def slip(shop: Any, user: str = "ann", **asked: Any) -> Any:
    return shop.client.get(f"/v1/people/{user}/payslip", params=asked)


def offered(shop: Any, task: str) -> str:
    """An offer that was made to ann for one task."""
    candidate = {"task_id": task, "campaign_id": "tea", "value_micros": 4_000_000, "currency": "CNY"}
    asked = {
        "request_id": f"r-{task}",
        "user_id": "ann",
        "occurred_at": instant_of(shop.now),
        "candidates": [candidate],
    }
    request = OfferRequest.model_validate(asked)
    answer = shop.do(lambda unit: make_offers(unit, request, shop.parts.terms))
    return str(answer.offers[0].offer_id)


def does(shop: Any, kind: str, offer: str, task: str) -> str:
    fields = {"offer_id": offer, "task_id": task, "reward_micros": None, "revenue_micros": None, "currency": None}
    return str(shop.earn(kind=kind, **fields).event_id)


def test_a_period_is_told_with_its_reasons(shop: Any) -> None:
    first = shop.own()
    shop.tell(first, kind="reversal", reversal_kind="advertiser_reversal", reason="quality")
    shop.budget("prizes", 500_000)
    shop.now += SECOND
    bonus = {"transfer_id": "b", "kind": "bonus", "user_id": "ann", "amount_micros": 200_000, "currency": "CNY"}
    bonus |= {"decided_by": "mei", "reason": "a prize", "campaign_id": "prizes"}
    assert shop.post("/v1/ledger/transfers", bonus, "k").status_code == 200
    shop.now += SECOND
    begins = instant_of(shop.now - 90 * DAY).isoformat()
    body = slip(shop, **{"from": begins}).json()
    assert (body["promised_micros"], body["spared_micros"], body["adjusted_micros"]) == (1_000_000, 1_000_000, 200_000)
    assert body["withdrawable_micros"] == 1_200_000
    assert [line["what"] for line in body["lines"]] == ["promised", "taken back, borne by the platform", "a bonus"]
    assert "quality" in body["lines"][1]["reason"]
    assert (body["hourly_micros"], body["worked_seconds"]) == (None, 0)


def test_an_hour_counts_the_time_of_a_screen_out(shop: Any) -> None:
    paid, lost = offered(shop, "t-1"), offered(shop, "t-2")
    does(shop, "task_started", paid, "t-1")
    shop.now += HOUR // 2
    done = shop.earn(kind="task_completed", offer_id=paid, task_id="t-1", reward_micros=None, revenue_micros=None)
    does(shop, "task_started", lost, "t-2")
    shop.now += HOUR // 2
    does(shop, "screened_out", lost, "t-2")
    shop.now += DAY
    shop.do(lambda unit: mature(unit.connection, unit.now))
    body = slip(shop).json()
    assert body["worked_seconds"] == 3_600
    assert body["hourly_micros"] == done.reward_micros == body["promised_micros"]


def test_a_payslip_is_of_its_period_and_of_one_person(shop: Any) -> None:
    shop.earn("ann")
    shop.earn("bob")
    shop.now += SECOND
    now = instant_of(shop.now)
    assert slip(shop).json()["promised_micros"] == 1_000_000
    assert slip(shop, **{"from": now.isoformat()}).json()["lines"] == []
    assert slip(shop, to=instant_of(micros_of(now) - 2 * SECOND).isoformat()).json()["lines"] == []
    assert slip(shop, "nobody").json()["promised_micros"] == 0


def test_a_period_that_is_none_is_refused_by_its_name(shop: Any) -> None:
    wrong = {"from": "yesterday"}, {"to": "2026"}, {"from": "2026-03-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    for asked, field in zip(wrong, ("from", "to", "from"), strict=True):
        refused = slip(shop, **asked)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), asked


def test_what_was_spent_at_the_platform_is_no_payment(shop: Any) -> None:
    shop.own()
    hold = {"hold_id": "h", "user_id": "ann", "amount_micros": 200_000, "currency": "CNY"}
    shop.post("/v1/ledger/holds", hold, "k-1")
    shop.post("/v1/ledger/holds/h/capture", {"to": "fees"}, "k-2")
    shop.now += SECOND
    body = slip(shop).json()
    assert (body["paid_micros"], body["adjusted_micros"], body["withdrawable_micros"]) == (0, -200_000, 800_000)
    assert body["lines"][-1]["what"] == "spent or put aside"
