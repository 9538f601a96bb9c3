"""What a platform may order: none makes money, frees what a payout holds, or is given without the operator's key."""

from typing import Any

import pytest

from features.events import instant_of
from serving.ledger import budgets, orders

SECOND = 1_000_000
DAY = 86_400 * SECOND
TRANSFERS, HOLDS = "/v1/ledger/transfers", "/v1/ledger/holds"
LINKED = f"{TRANSFERS}/linked"
WRONG = [
    ({"kind": "deposit"}, "kind"),
    ({"kind": "settlement"}, "kind"),
    ({"kind": "reward"}, "kind"),
    ({"amount_micros": 0}, "amount_micros"),
    ({"amount_micros": -1}, "amount_micros"),
    ({"amount_micros": 2**53}, "amount_micros"),
    ({"amount_micros": "5"}, "amount_micros"),
    ({"currency": "XYZ"}, "currency"),
    ({"decided_by": ""}, "decided_by"),
    ({"decided_by": " \t\u3000"}, "decided_by"),
    ({"reason": "  "}, "reason"),
    ({"reason": "\x1c"}, "reason"),
    ({"reason": "as agreed\x00"}, "reason"),
    ({"decided_by": "\x1f"}, "decided_by"),
    ({"transfer_id": "x" * 101}, "transfer_id"),
    ({"debit": "cash:CNY:platform"}, "debit"),
    ({"campaign_id": None}, "campaign_id"),
]


def order(kind: str, micros: int = 300_000, **fields: Any) -> dict[str, Any]:
    named = {"transfer_id": f"{kind}-1", "kind": kind, "user_id": "ann", "amount_micros": micros, "currency": "CNY"}
    return named | {"decided_by": "mei", "reason": "as agreed"} | fields


def hold(micros: int = 400_000, **fields: Any) -> dict[str, Any]:
    return {"hold_id": "h-1", "user_id": "ann", "amount_micros": micros, "currency": "CNY"} | fields


def entries(shop: Any, account: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.client.get(f"/v1/ledger/accounts/{account}/statement").json()["entries"]
    return found


def test_a_bonus_is_paid_out_of_a_budget_and_stops_when_it_is_empty(shop: Any) -> None:
    shop.budget("prizes", 500_000)
    paid = shop.post(TRANSFERS, order("bonus", campaign_id="prizes"), "k-1").json()
    assert shop.wallet()["withdrawable_micros"] == 300_000
    more = shop.post(TRANSFERS, order("bonus", campaign_id="prizes", transfer_id="b-2"), "k-2")
    assert (more.status_code, more.json()["type"]) == (402, "insufficient-funds")
    (entry,) = entries(shop, "wallet_available:CNY:ann")
    assert (entry["transfer_id"], entry["kind"], entry["amount_micros"]) == (paid["entry_id"], "bonus", 300_000)
    assert entry["counterpart"] == "reward_budget:CNY:prizes"
    assert shop.is_sound()


@pytest.mark.parametrize("kind", ["deduction", "forgiven", "restored"])
def test_nothing_is_ordered_beyond_what_is_there(shop: Any, kind: str) -> None:
    refused = shop.post(TRANSFERS, order(kind, 1), "k-1")
    assert refused.status_code in {402, 422}, refused.text
    assert refused.json()["type"] in {"insufficient-funds", "excessive"}
    assert shop.is_sound()


def test_an_order_that_is_none_is_refused_by_the_field(shop: Any) -> None:
    for change, field in WRONG:
        refused = shop.post(TRANSFERS, order("bonus", campaign_id="prizes") | change, "k-1")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), change


def test_a_deduction_by_nobody_is_refused_by_the_field(shop: Any) -> None:
    shop.own()
    refused = shop.post(TRANSFERS, order("deduction", decided_by=" "), "k-1")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "decided_by")
    assert shop.wallet()["available_micros"] == 1_000_000


def test_a_deduction_goes_to_the_reserve(shop: Any) -> None:
    shop.own()
    assert shop.post(TRANSFERS, order("deduction"), "k-1").status_code == 200
    assert shop.wallet()["available_micros"] == 700_000
    assert entries(shop, "no_fault_reserve:CNY:platform")[0]["amount_micros"] == 300_000
    assert shop.is_sound()


def prize(user: str, micros: int) -> dict[str, Any]:
    return order("bonus", micros, transfer_id=f"b-{user}", user_id=user, campaign_id="prizes")


def available(shop: Any) -> list[int]:
    return [shop.wallet(user)["available_micros"] for user in ("ann", "bob", "eve")]


def test_linked_transfers_are_carried_out_all_or_none(shop_in_each: Any) -> None:
    shop = shop_in_each
    shop.budget("prizes", 500_000)
    team = [prize("ann", 200_000), prize("bob", 200_000), prize("eve", 200_000)]
    refused = shop.post(LINKED, {"transfers": team}, "k-1")
    assert (refused.status_code, refused.json()["type"]) == (402, "insufficient-funds")
    assert "'b-eve' is refused, and none of the 3 is carried out" in refused.json()["detail"]
    assert available(shop) == [0, 0, 0]
    account = budgets.reward_budget_of("prizes", "CNY")
    shop.do(lambda unit: budgets.allocate(unit.connection, account, 100_000, "more", unit.now))
    paid = shop.post(LINKED, {"transfers": team}, "k-1")
    assert paid.status_code == 200, paid.text
    assert [one["transfer_id"] for one in paid.json()["transfers"]] == ["b-ann", "b-bob", "b-eve"]
    assert entries(shop, "wallet_available:CNY:eve")[0]["transfer_id"] == paid.json()["transfers"][2]["entry_id"]
    shop.restart()
    for key in ("k-1", "k-2"):
        assert shop.post(LINKED, {"transfers": team}, key).content == paid.content
    assert available(shop) == [200_000, 200_000, 200_000]
    assert shop.is_sound()


def test_linked_corrections_follow_each_other_and_fall_together(shop_in_each: Any) -> None:
    shop = shop_in_each
    shop.own()
    shop.budget("prizes", 500_000)
    linked = [order("deduction", 300_000), prize("bob", 200_000)]
    refused = shop.post(LINKED, {"transfers": [*linked, order("forgiven", 1)]}, "k-1")
    assert (refused.status_code, refused.json()["type"]) == (422, "excessive")
    assert available(shop) == [1_000_000, 0, 0]
    of_the_prize = order("deduction", 50_000, transfer_id="d-2", user_id="bob")
    assert shop.post(LINKED, {"transfers": [of_the_prize, *linked]}, "k-1").status_code == 402
    assert shop.post(LINKED, {"transfers": [*linked, of_the_prize]}, "k-1").status_code == 200
    assert available(shop) == [700_000, 150_000, 0]
    known = [prize("eve", 5), order("deduction", 299_999)]
    assert shop.post(LINKED, {"transfers": known}, "k-2").status_code == 409
    assert available(shop) == [700_000, 150_000, 0]
    assert shop.is_sound()


def test_linked_transfers_that_are_none_are_refused_by_the_field(shop: Any) -> None:
    one = prize("ann", 1)
    many = [prize(str(number), 1) for number in range(orders.LINKED_MAX + 1)]
    for transfers, field in (
        ([], "transfers"),
        (many, "transfers"),
        ([one, one | {"amount_micros": 2}], "transfers"),
        ([one, order("bonus", 1)], "transfers.1"),
        ([one, order("deposit", 1)], "transfers.1.kind"),
        ([one, prize("bob", 0)], "transfers.1.amount_micros"),
    ):
        refused = shop.post(LINKED, {"transfers": transfers}, "k")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), refused.text
    assert shop.post(LINKED, {"transfers": [one]}).json()["errors"][0]["field"] == "Idempotency-Key"


def test_what_was_put_aside_comes_back_and_no_more(shop: Any) -> None:
    shop.own()
    shop.post(HOLDS, hold(), "k-1")
    captured = shop.post(f"{HOLDS}/h-1/capture", {"to": "suspense"}, "k-2").json()
    assert (captured["state"], captured["captured_micros"]) == ("captured", 400_000)
    assert shop.wallet()["available_micros"] == 600_000
    assert shop.post(TRANSFERS, order("restored", 400_001), "k-3").status_code == 402
    assert shop.post(TRANSFERS, order("restored", 400_000), "k-4").status_code == 200
    assert shop.post(TRANSFERS, order("restored", 1, transfer_id="again"), "k-5").status_code == 402
    assert shop.wallet()["available_micros"] == 1_000_000
    assert shop.is_sound()


def test_a_hold_sets_aside_and_resolves_once(shop: Any) -> None:
    shop.own()
    made = shop.post(HOLDS, hold(), "k-1").json()
    assert (made["state"], made["user_id"], made["captured_micros"]) == ("open", "ann", 0)
    purse = shop.wallet()
    assert (purse["held_micros"], purse["withdrawable_micros"]) == (400_000, 600_000)
    assert shop.post(HOLDS, hold(700_000, hold_id="h-2"), "k-2").status_code == 402
    part = shop.post(f"{HOLDS}/h-1/capture", {"to": "fees", "amount_micros": 150_000}, "k-3").json()
    assert (part["state"], part["captured_micros"]) == ("captured", 150_000)
    assert shop.wallet()["available_micros"] == 850_000
    assert shop.post(f"{HOLDS}/h-1/release", None, "k-4").status_code == 409
    assert shop.post(f"{HOLDS}/h-1/capture", {"to": "suspense"}, "k-5").status_code == 409
    assert shop.is_sound()


def test_what_is_refused_of_a_hold_names_it_as_the_caller_does_and_says_what_became_of_it(shop: Any) -> None:
    shop.own()
    shop.post(HOLDS, hold(), "k-1")
    shop.post(f"{HOLDS}/h-1/capture", {"to": "fees", "amount_micros": 150_000}, "k-2")
    for at, asked in enumerate([{"to": "fees"}, {"to": "fees", "amount_micros": 9}, {"to": "suspense"}]):
        again = shop.post(f"{HOLDS}/h-1/capture", asked, f"again-{at}").json()
        assert (again["type"], again["detail"]) == ("already-resolved", "hold 'h-1' was captured before: 150000 micros")
    refused = {
        "hold 'h-1' was captured before": shop.post(f"{HOLDS}/h-1/release", None, "k-3"),
        "hold 'h-1' exists with another body: a new effect needs a new id": shop.post(HOLDS, hold(9), "k-4"),
        "there is no hold 'none'": shop.post(f"{HOLDS}/none/capture", {"to": "fees"}, "k-5"),
    }
    assert [one.json()["detail"] for one in refused.values()] == list(refused)
    assert shop.post(f"{HOLDS}/none/release", None, "k-6").json()["detail"] == "there is no hold 'none'"


def test_a_released_hold_is_free_and_stays_so(shop: Any) -> None:
    shop.own()
    shop.post(HOLDS, hold(), "k-1")
    for key in ("k-2", "k-3"):
        assert shop.post(f"{HOLDS}/h-1/release", None, key).json()["state"] == "released"
    assert shop.wallet()["held_micros"] == 0
    assert shop.post(f"{HOLDS}/h-1/capture", {"to": "fees"}, "k-4").status_code == 409
    assert shop.post(f"{HOLDS}/none/release", None, "k-5").status_code == 404
    assert shop.is_sound()


def test_more_than_is_held_is_not_captured(shop: Any) -> None:
    shop.own()
    shop.post(HOLDS, hold(), "k-1")
    refused = shop.post(f"{HOLDS}/h-1/capture", {"to": "fees", "amount_micros": 400_001}, "k-2")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "amount_micros")


def test_a_hold_has_an_end_that_lies_ahead(shop: Any) -> None:
    shop.own()
    for days in (-1, 0, orders.HOLD_DAYS_MAX + 1):
        asked = hold(expires_at=instant_of(shop.now + days * DAY).isoformat())
        refused = shop.post(HOLDS, asked, "k-1")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "expires_at"), days


@pytest.mark.parametrize("days", [None, 2])
def test_a_hold_that_is_asked_for_again_is_the_same_hold_under_any_key(shop: Any, days: int | None) -> None:
    shop.own()
    ends = {} if days is None else {"expires_at": instant_of(shop.now + days * DAY).isoformat()}
    made = shop.post(HOLDS, hold(**ends), "k-1").json()
    for later in range(2, 5):
        shop.now += DAY
        again = shop.post(HOLDS, hold(**ends), f"k-{later}")
        assert (again.status_code, again.json()) == (200, made)
    assert shop.wallet()["held_micros"] == 400_000
    other = shop.post(HOLDS, hold(expires_at=instant_of(shop.now + 9 * DAY).isoformat()), "k-5")
    assert (other.status_code, other.json()["type"]) == (409, "conflicting")
    assert shop.post(HOLDS, hold(1), "k-6").status_code == 409


@pytest.mark.parametrize("form", ["{}", "{}/hold", "{}/hold/platform-hold"])
def test_what_a_payout_holds_is_neither_freed_nor_spent_by_an_order(shop: Any, form: str) -> None:
    shop.own()
    asked = form.format(shop.withdraw())
    held = shop.wallet()["held_micros"]
    assert held == 500_000
    assert shop.post(f"{HOLDS}/{asked}/release", None, "k-1").status_code == 404
    assert shop.post(f"{HOLDS}/{asked}/capture", {"to": "fees"}, "k-2").status_code == 404
    assert shop.wallet()["held_micros"] == held


def test_only_the_operators_key_opens_orders(shop: Any) -> None:
    def asked(token: str | None) -> set[tuple[int, str]]:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        paths = TRANSFERS, LINKED, HOLDS, f"{HOLDS}/h-1/capture", f"{HOLDS}/h-1/release"
        answers = [shop.post(path, {}, "k-1", **given) for path in paths]
        return {(answer.status_code, answer.json()["type"]) for answer in answers}

    let_in = {(422, "bad-body"), (404, "missing")}
    assert asked(None) == let_in, "on this machine, without keys, everybody may"
    shop.restart(key="platform")
    assert asked(None) == {(401, "key-required")}
    assert asked("platform") == {(403, "operator-key-required")}
    shop.restart(key="platform", operator_key="operator")
    assert asked("wrong") == {(401, "key-required")}
    assert asked("platform") == {(403, "operator-key-required")}
    assert asked("operator") == let_in
    shop.restart(operator_key="operator")
    assert asked(None) == {(403, "operator-key-required")}
    assert asked("operator") == let_in


def test_the_operators_key_opens_the_rest_too(shop: Any) -> None:
    shop.restart(key="platform", operator_key="operator")
    for token in ("platform", "operator"):
        given = {"Authorization": f"Bearer {token}"}
        assert shop.client.get("/v1/ledger/wallets/ann", headers=given).status_code == 200
    assert shop.client.get("/v1/ledger/wallets/ann").status_code == 401
