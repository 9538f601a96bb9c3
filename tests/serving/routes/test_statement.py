"""The statement of one account: pages that never change, for what exists."""

from typing import Any

from features.events import instant_of
from serving.ledger import book, budgets
from serving.ledger.bans import lift_ban
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

WALLET = "wallet_available:CNY:ann"


def page(shop: Any, account: str = WALLET, /, **asked: Any) -> Any:
    return shop.client.get(f"/v1/ledger/accounts/{account}/statement", params=asked)


def test_a_statement_comes_in_pages_and_adds_up(shop_in_each: Any) -> None:
    for _ in range(5):
        shop_in_each.own(micros=100_000)
    seen: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        body = page(shop_in_each, after=after, limit=2).json()
        seen, after = seen + body["entries"], body["next"]
    assert [one["amount_micros"] for one in seen] == [100_000] * 5
    assert [one["sequence"] for one in seen] == sorted({one["sequence"] for one in seen})
    assert sum(one["amount_micros"] for one in seen) == body["balance_micros"] == 500_000
    assert seen == page(shop_in_each).json()["entries"]


def test_an_account_whose_owner_has_slashes_and_colons_is_found(shop: Any) -> None:
    shop.own("a/b:c d")
    assert page(shop, "wallet_available:CNY:a/b:c d").json()["balance_micros"] == 1_000_000


def test_what_was_never_used_is_not_found_and_what_is_no_account_is_refused(shop: Any) -> None:
    assert page(shop).status_code == 404
    for wrong in ("wallet", "wallet_available:CNY", "money:CNY:ann"):
        refused = page(shop, wrong)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "account_id"), wrong


def test_a_page_that_is_none_is_refused(shop: Any) -> None:
    for name, value in (("after", -1), ("limit", 0), ("limit", 1001)):
        assert page(shop, **{name: value}).json()["errors"][0]["field"] == name


def balance(shop: Any, account: str = WALLET, /, **asked: int) -> Any:
    said = {name: instant_of(micros).isoformat() for name, micros in asked.items()}
    return shop.client.get(f"/v1/ledger/accounts/{account}/balance", params=said)


def correct(shop: Any, micros: int, effective_at: int) -> None:
    """A reward that counts from an instant of the past on."""
    expense, wallet = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY"), Account.parse(WALLET)
    transfer = Transfer(
        id="late",
        debit=expense,
        credit=wallet,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id="late",
        effective_at=effective_at,
    )
    shop.do(lambda unit: book.post(unit.connection, [transfer], unit.now))


def test_a_balance_is_told_as_it_is_known_now_and_as_it_was_known_then(shop_in_each: Any) -> None:
    shop, earned = shop_in_each, shop_in_each.now
    shop.own(micros=500_000)
    paid = shop.now
    shop.now += 10
    shop.post("/v1/ledger/holds", {"hold_id": "h", "user_id": "ann", "amount_micros": 200_000, "currency": "CNY"}, "k")
    shop.now += 10
    correct(shop, 7, effective_at=paid + 1)

    def told(**asked: int) -> list[int]:
        body = balance(shop, **asked).json()
        return [body[f"{name}_micros"] for name in ("balance", "held", "available")]

    assert told() == told(at=shop.now) == told(as_of=shop.now) == [500_007, 200_000, 300_007]
    assert told(at=earned) == told(as_of=paid - 1) == [0, 0, 0], "it matured, and that was recorded later"
    assert told(at=paid) == told(as_of=paid) == [500_000, 0, 500_000]
    assert (told(at=paid + 1), told(as_of=paid + 1)) == ([500_007, 0, 500_007], [500_000, 0, 500_000])
    assert told(at=paid + 10, as_of=paid + 19) == [500_000, 200_000, 300_000]
    assert (told()[0], told()[1]) == tuple(page(shop).json()[f"{name}_micros"] for name in ("balance", "held"))


def test_what_a_reservation_sets_aside_is_held_from_its_own_instant_on(shop_in_each: Any) -> None:
    shop, account = shop_in_each, budgets.reward_budget_of("tea", "CNY")
    shop.budget("tea", 500_000)
    value = budgets.budget_of("tea", "CNY")
    wanted = budgets.Reservation("r", "o", value, 0, account, 300_000, shop.now + 100)
    shop.now += 10
    shop.do(lambda unit: budgets.reserve(unit.connection, [wanted], unit.now))
    reserved = shop.now
    shop.now += 10
    shop.do(lambda unit: budgets.release(unit.connection, ["r"], unit.now))
    held = [balance(shop, account.id, at=at).json()["held_micros"] for at in (reserved - 1, reserved, shop.now)]
    assert held == [0, 300_000, 0]


def test_a_balance_of_no_account_and_at_no_instant_is_refused(shop: Any) -> None:
    assert balance(shop).status_code == 404
    shop.own()
    for account, asked, field in (
        ("wallet", {}, "account_id"),
        (WALLET, {"at": "1"}, "at"),
        (WALLET, {"as_of": ""}, "as_of"),
    ):
        refused = shop.client.get(f"/v1/ledger/accounts/{account}/balance", params=asked)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


def test_exposure_is_told_by_partner(shop: Any) -> None:
    shop.earn()
    (line,) = shop.client.get("/v1/ledger/exposure").json()
    assert (line["partner_id"], line["currency"], line["rewards"], line["lost_micros"]) == ("p", "CNY", 1, 0)


def test_a_wallet_says_what_is_frozen_and_owed(shop: Any) -> None:
    earned = shop.own()
    shop.tell(earned, kind="ban", user_id="ann", caused_by="person")
    purse = shop.wallet()
    assert (purse["frozen_micros"], purse["held_micros"], purse["withdrawable_micros"]) == (1_000_000, 1_000_000, 0)
    assert purse["owed_micros"] == 0


def test_what_a_ban_froze_before_it_was_mature_is_shown_and_told_until_it_is_lifted(shop: Any) -> None:
    mature, waits = shop.own(), shop.earn(micros=300_000).event_id
    shop.approve(waits)
    before = shop.changes().json()["next"]
    ban, _ = (shop.tell(one, kind="ban", user_id="ann", caused_by="person").event_id for one in (mature, waits))
    purse, slip = shop.wallet(), shop.client.get("/v1/people/ann/payslip").json()
    assert (purse["pending_micros"], purse["held_micros"], purse["frozen_micros"]) == (300_000, 1_000_000, 1_300_000)
    assert slip["frozen_micros"] == 1_300_000
    shop.approve(waits)
    assert shop.wallet()["frozen_micros"] == 1_000_000
    shop.do(lambda unit: lift_ban(unit.connection, ban, "mei", "mistaken", unit.now))
    assert shop.wallet()["frozen_micros"] == 0
    told = [one for one in shop.changes(before).json()["changes"] if one["type"].startswith("reward.")]
    assert [(one["type"], one["data"]["event_id"], one["data"]["amount_micros"]) for one in told] == [
        ("reward.frozen", mature, 1_000_000),
        ("reward.frozen", waits, 300_000),
        ("reward.thawed", waits, 300_000),
        ("reward.thawed", mature, 1_000_000),
    ]
    assert {one["subject"] for one in told} == {"person:ann"}
    assert shop.is_sound()
