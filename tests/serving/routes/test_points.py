"""Points over HTTP, end to end: earned, shown, turned into money at a dated rate, and never withdrawn as they are."""

from typing import Any

import pytest

from features.events import instant_of
from features.money import POINTS
from serving.ledger.maturity import mature

SECOND = 1_000_000
DAY = 86_400 * SECOND
POINT = 1_000_000
RATES, CONVERSIONS = "/v1/ledger/points/rates", "/v1/ledger/points/conversions"


def rate(points: int = 3, micros: int = 20_000, **fields: Any) -> dict[str, Any]:
    return {"currency": "CNY", "points": points, "amount_micros": micros, "decided_by": "mei"} | fields


def order(points: int = 100, **fields: Any) -> dict[str, Any]:
    asked = {"conversion_id": "c-1", "user_id": "ann", "points_micros": points * POINT, "currency": "CNY"}
    return asked | fields


def earn(shop: Any, points: int = 100, **fields: Any) -> None:
    """An event whose reward is in points; after its wait they are the person's own."""
    money = {"revenue_micros": None, "reward_micros": points * POINT, "currency": POINTS}
    shop.approve(shop.earn(**money | fields).event_id)
    shop.now += 60 * DAY
    shop.do(lambda unit: mature(unit.connection, unit.now))


def wallet(shop: Any, currency: str = POINTS) -> dict[str, Any]:
    found: dict[str, Any] = shop.client.get("/v1/ledger/wallets/ann", params={"currency": currency}).json()
    return found


def said(shop: Any, seconds: int = 0) -> str:
    return instant_of(shop.now + seconds * SECOND).isoformat()


def test_a_reward_in_points_is_earned_shown_and_turned_into_money(shop_in_each: Any) -> None:
    shop = shop_in_each
    assert shop.post(RATES, rate(), "k-1").status_code == 200
    earn(shop)
    purse = wallet(shop)
    assert (purse["currency"], purse["available_micros"], purse["withdrawable_micros"]) == (POINTS, *[100 * POINT] * 2)
    made = shop.post(CONVERSIONS, order()).json()
    assert (made["points_micros"], made["amount_micros"]) == (100 * POINT - 100, 666_666)
    assert (wallet(shop)["available_micros"], wallet(shop, "CNY")["available_micros"]) == (100, 666_666)
    entries = shop.client.get(f"/v1/ledger/accounts/wallet_available:{POINTS}:ann/statement").json()["entries"]
    assert entries[-1]["counterpart"] == f"conversion:{POINTS}:platform"
    for currency, micros in ((POINTS, 100 - 100 * POINT), ("CNY", 666_666)):
        asked = {"currency": currency, "to": said(shop, 1)}
        slip = shop.client.get("/v1/people/ann/payslip", params=asked).json()
        assert [one["amount_micros"] for one in slip["lines"] if one["what"] == "converted"] == [micros], slip
    assert shop.is_sound()


def test_a_conversion_that_is_asked_for_again_is_the_same_and_another_body_is_refused(shop: Any) -> None:
    shop.post(RATES, rate(), "k-1")
    earn(shop)
    made = shop.post(CONVERSIONS, order(60))
    shop.now += DAY
    shop.post(RATES, rate(micros=1), "k-2")
    shop.restart()
    assert shop.post(CONVERSIONS, order(60)).content == made.content
    for change in ({"user_id": "bob"}, {"points_micros": POINT}, {"currency": "USD"}, {"promised_at": said(shop)}):
        refused = shop.post(CONVERSIONS, order(60) | change)
        assert (refused.status_code, refused.json()["type"]) == (409, "conflicting"), change
    assert wallet(shop)["available_micros"] == 40 * POINT


def test_what_was_promised_at_a_rate_is_kept_at_it(shop: Any) -> None:
    shop.post(RATES, rate(1, 10_000), "k-1")
    earn(shop)
    told = said(shop)
    shop.now += DAY
    shop.post(RATES, rate(1, 5_000), "k-2")
    assert shop.post(CONVERSIONS, order(10, promised_at=told)).json()["amount_micros"] == 100_000
    assert shop.post(CONVERSIONS, order(10, conversion_id="c-2")).json()["amount_micros"] == 50_000


def test_rates_are_listed_the_latest_first_in_pages(shop: Any) -> None:
    for number in range(5):
        asked = rate(number + 1, effective_from=said(shop, number))
        assert shop.post(RATES, asked, f"k-{number}").json()["effective_from"].startswith(said(shop, number)[:19])
    shop.post(RATES, rate(currency="USD", effective_from=said(shop, 2)), "k-usd")
    found, after = [], {}
    while True:
        page = shop.client.get(RATES, params={"limit": 2} | after).json()
        found += [(one["currency"], one["points"]) for one in page["rates"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert found == [("CNY", 5), ("CNY", 4), ("USD", 3), ("CNY", 3), ("CNY", 2), ("CNY", 1)]
    alone = shop.client.get(RATES, params={"currency": "USD"}).json()["rates"]
    assert [one["decided_by"] for one in alone] == ["mei"]
    assert shop.client.get(RATES, params={"curency": "USD"}).status_code == 422


def test_a_rate_is_refused_by_its_field_or_by_what_it_would_change(shop: Any) -> None:
    wrong = ({"points": 0}, {"amount_micros": 10**12 + 1}, {"currency": POINTS}, {"decided_by": " "}, {"note": "x"})
    for change in wrong:
        refused = shop.post(RATES, rate() | change, "k-1")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, next(iter(change))), change
    early = shop.post(RATES, rate(effective_from=said(shop, -1)), "k-1")
    assert (early.status_code, early.json()["type"]) == (422, "back-dated")
    ahead = said(shop, 60)
    assert shop.post(RATES, rate(effective_from=ahead), "k-1").status_code == 200
    again = shop.post(RATES, rate(effective_from=ahead, decided_by="li"), "k-2")
    assert (again.status_code, again.json()["decided_by"]) == (200, "mei")
    other = shop.post(RATES, rate(4, effective_from=ahead), "k-3")
    assert (other.status_code, other.json()["type"]) == (409, "conflicting")


def test_what_cannot_be_converted_is_refused_and_moves_nothing(shop: Any) -> None:
    earn(shop)
    assert shop.post(CONVERSIONS, order()).json()["type"] == "no-rate"
    shop.post(RATES, rate(), "k-1")
    assert shop.post(CONVERSIONS, order(200)).status_code == 402
    for change in ({"promised_at": said(shop, 1)}, {"currency": POINTS}, {"points_micros": 0}):
        refused = shop.post(CONVERSIONS, order() | change)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, next(iter(change))), change
    assert wallet(shop)["available_micros"] == 100 * POINT
    assert shop.is_sound()


@pytest.mark.parametrize("change", [{"revenue_micros": 5}, {"amount_micros": 5, "reward_micros": None}])
def test_points_are_a_reward_and_nothing_else(shop: Any, change: dict[str, Any]) -> None:
    event = {"kind": "purchase", "user_id": "ann", "reward_micros": POINT, "currency": POINTS} | change
    body = {"event_id": "e", "occurred_at": said(shop)} | event
    with pytest.raises(ValueError, match="only a reward is in points: send money in one event, the reward in another"):
        shop.earn(**body)
    quote = {"user_id": "ann", "amount_micros": POINT, "currency": POINTS, "payout_destination": "ab" * 32}
    assert shop.post("/v1/payouts/quotes", quote).json()["errors"][0]["field"] == "currency"


def test_points_are_taken_back_and_corrected_as_money_is(shop: Any) -> None:
    earn(shop)
    event = shop.earn(revenue_micros=None, reward_micros=POINT, currency=POINTS).event_id
    part = {"reversal_kind": "advertiser_reversal", "reason": "quality", "amount_micros": POINT, "currency": POINTS}
    assert shop.tell(event, kind="reversal", **part).reversed_micros == POINT
    taken = {"transfer_id": "d", "kind": "deduction", "user_id": "ann", "amount_micros": POINT, "currency": POINTS}
    named = {"decided_by": "mei", "reason": "as agreed"}
    assert shop.post("/v1/ledger/transfers", taken | named, "k-1").status_code == 200
    bonus = taken | named | {"transfer_id": "b", "kind": "bonus", "campaign_id": "tea"}
    assert shop.post("/v1/ledger/transfers", bonus, "k-2").json()["errors"][0]["field"] == "currency"
    assert wallet(shop)["available_micros"] == 99 * POINT
    assert shop.is_sound()


def test_everybody_reads_rates_and_only_an_operator_sets_them(shop: Any) -> None:
    shop.restart(key="platform", operator_key="operator")
    for token, read, written, converted in (
        ("wrong", 401, 401, 401),
        ("platform", 200, 403, 422),
        ("operator", 200, 200, 422),
    ):
        given = {"Authorization": f"Bearer {token}"}
        assert shop.client.get(RATES, headers=given).status_code == read, token
        assert shop.post(RATES, rate(), "k-1", **given).status_code == written, token
        assert shop.post(CONVERSIONS, {}, **given).status_code == converted, token
