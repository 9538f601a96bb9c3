"""Changes over HTTP: every effect is told with its commit, found by who was answered, once and in order."""

import threading
from typing import Any

from serving.ledger.maturity import mature
from serving.outbox.numbering import DAY, KEPT_DAYS, prune
from serving.payouts.identity import states


def told(shop: Any, after: int = 0) -> list[tuple[str, Any]]:
    """Types, with what of each is telling."""
    words = ("decision", "state", "reversed_micros", "disposition", "reason", "amount_micros")
    found = shop.changes(after).json()["changes"]
    return [(one["type"], next(one["data"][word] for word in words if word in one["data"])) for one in found]


def test_a_life_is_told_in_order(shop_in_each: Any) -> None:
    earned = shop_in_each.earn().event_id
    shop_in_each.now += 60 * DAY
    shop_in_each.do(lambda unit: mature(unit.connection, unit.now))
    withdrawal = shop_in_each.withdraw()
    shop_in_each.approve(withdrawal)
    shop_in_each.tell(earned, kind="reversal", reversal_kind="advertiser_reversal", reason="quality")
    assert told(shop_in_each) == [
        ("decision.updated", "hold"),
        ("reward.matured", 1_000_000),
        ("decision.updated", "hold"),
        ("payout.updated", "reviewed"),
        ("case.closed", "genuine"),
        ("payout.updated", "submitted"),
        ("decision.updated", "approve"),
        ("reward.reversed", 1_000_000),
    ]
    body = shop_in_each.changes().json()
    assert [one["sequence"] for one in body["changes"]] == list(range(1, 9))
    assert [one["subject_sequence"] for one in body["changes"]] == list(range(1, 9))
    assert {one["subject"] for one in body["changes"]} == {"person:ann"}
    assert (body["next"], body["has_more"]) == (8, False)


def test_who_was_answered_finds_the_change_at_once(shop: Any) -> None:
    for count in range(1, 4):
        answer = shop.earn()
        changes = shop.changes(count - 1).json()["changes"]
        assert [one["data"]["decision_id"] for one in changes] == [answer.decision_id]


def test_a_retry_tells_nothing(shop: Any) -> None:
    earned = shop.earn(event_id="e-same").event_id
    fields = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "quality", "event_id": "o-same"}
    shop.tell(earned, **fields)
    count = len(told(shop))
    shop.earn(event_id="e-same")
    shop.tell(earned, **fields)
    assert len(told(shop)) == count


def test_who_must_prove_who_they_are_is_told(shop: Any) -> None:
    shop.do(lambda unit: states.demand(unit.connection, "ann", "looks_young", "mei", unit.now))
    assert told(shop) == [("kyc.required", "looks_young")]


def test_an_event_without_a_person_is_its_own_subject(shop: Any) -> None:
    shop.earn(event_id="e-1", user_id=None, kind="click", reward_micros=None, revenue_micros=None, currency=None)
    assert [one["subject"] for one in shop.changes().json()["changes"]] == ["event:e-1"]


def test_pages_follow_each_other_while_others_write(shop_in_each: Any) -> None:
    def write() -> None:
        for _ in range(15):
            shop_in_each.earn("bob")

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[int] = []
    is_alive = True
    while is_alive or shop_in_each.changes(seen[-1] if seen else 0).json()["changes"]:
        is_alive = thread.is_alive()
        page = shop_in_each.changes(seen[-1] if seen else 0, 4).json()
        seen += [one["sequence"] for one in page["changes"]]
        assert page["next"] == (seen[-1] if seen else 0)
    assert seen == list(range(1, 16))


def test_an_empty_page_gives_the_cursor_back(shop: Any) -> None:
    assert shop.changes().json() == {"changes": [], "next": 0, "has_more": False}
    shop.earn()
    assert shop.changes(1).json() == {"changes": [], "next": 1, "has_more": False}


def test_a_cursor_of_what_is_forgotten_is_told_so(shop: Any) -> None:
    shop.earn()
    shop.changes()
    shop.now += KEPT_DAYS * DAY + 1
    shop.do(lambda unit: prune(unit.connection, unit.now))
    shop.earn()
    gone = shop.changes(0)
    assert (gone.status_code, gone.json()["type"]) == (410, "changes-gone")
    assert "after=1" in gone.json()["detail"]
    assert len(shop.changes(1).json()["changes"]) == 1


def test_a_cursor_that_is_none_is_refused(shop: Any) -> None:
    for name, value in (("after", -1), ("after", "x"), ("limit", 0), ("limit", 1001)):
        refused = shop.client.get("/v1/changes", params={name: value})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, name), value


def test_a_cursor_that_was_never_given_is_refused_with_the_newest(shop: Any) -> None:
    assert shop.changes(0).json()["next"] == 0
    shop.own()
    newest = shop.changes(0).json()["next"]
    assert shop.changes(newest).json() == {"changes": [], "next": newest, "has_more": False}
    refused = shop.changes(newest + 1)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "after")
    assert f"the newest is {newest};" in refused.json()["errors"][0]["message"]
