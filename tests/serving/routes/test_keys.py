"""Idempotency keys: one effect and the same bytes, in one batch, after a restart; another request is refused."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from serving.routes.keys import FORGOTTEN_MAX, KEPT_DAYS, forget_keys

DAY = 86_400 * 1_000_000
BONUS = {
    "transfer_id": "b-1",
    "kind": "bonus",
    "user_id": "ann",
    "amount_micros": 300_000,
    "currency": "CNY",
    "decided_by": "mei",
    "reason": "a prize",
    "campaign_id": "prizes",
}
PATH = "/v1/ledger/transfers"


@pytest.fixture
def rich(shop: Any) -> Any:
    shop.budget("prizes", 1_000_000)
    return shop


@pytest.fixture
def rich_in_each(shop_in_each: Any) -> Any:
    shop_in_each.budget("prizes", 1_000_000)
    return shop_in_each


def test_the_same_key_gets_the_same_bytes_and_has_one_effect_even_after_a_restart(rich_in_each: Any) -> None:
    first = rich_in_each.post(PATH, BONUS, "k-1")
    assert first.status_code == 200, first.text
    again = rich_in_each.post(PATH, dict(reversed(BONUS.items())), "k-1")
    rich_in_each.restart()
    later = rich_in_each.post(PATH, BONUS, "k-1")
    assert first.content == again.content == later.content
    assert rich_in_each.wallet()["available_micros"] == 300_000
    assert rich_in_each.is_sound()


def test_the_same_key_with_another_body_is_refused_and_changes_nothing(rich: Any) -> None:
    rich.post(PATH, BONUS, "k-1")
    others = {"amount_micros": 300_001}, {"user_id": "bob"}, {"transfer_id": "b-2"}, {"reason": "another prize"}
    for change in others:
        refused = rich.post(PATH, BONUS | change, "k-1")
        assert (refused.status_code, refused.json()["type"]) == (409, "key-conflict"), change
        assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert [rich.wallet(user)["available_micros"] for user in ("ann", "bob")] == [300_000, 0]


def test_the_same_key_on_another_route_is_refused(rich: Any) -> None:
    rich.post(PATH, BONUS, "k-1")
    hold = {"hold_id": "h", "user_id": "ann", "amount_micros": 1, "currency": "CNY"}
    assert rich.post("/v1/ledger/holds", hold, "k-1").status_code == 409


def test_another_key_for_the_same_transfer_has_no_second_effect(rich: Any) -> None:
    first = rich.post(PATH, BONUS, "k-1")
    assert rich.post(PATH, BONUS, "k-2").content == first.content
    assert rich.post(PATH, BONUS | {"amount_micros": 1}, "k-3").status_code == 409
    assert rich.wallet()["available_micros"] == 300_000


def test_duplicates_that_share_a_commit_have_one_effect(rich_in_each: Any) -> None:
    """Sent together, before the writer looks: they are answered from one batch."""

    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(rich_in_each.client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            bodies = [BONUS] * 12 + [BONUS | {"amount_micros": 5}] * 3
            sent = [client.post(PATH, json=body, headers={"Idempotency-Key": "k-1"}) for body in bodies]
            return list(await asyncio.gather(*sent))

    answers = asyncio.run(together())
    assert {answer.status_code for answer in answers} == {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    paid = {answer.json()["amount_micros"] for answer in answers if answer.status_code == 200}
    assert rich_in_each.wallet()["available_micros"] == paid.pop()
    assert rich_in_each.is_sound()


def test_a_refusal_is_not_kept_so_the_same_key_may_succeed_later(shop: Any) -> None:
    refused = shop.post(PATH, BONUS, "k-1")
    assert (refused.status_code, refused.json()["type"]) == (402, "insufficient-funds")
    shop.budget("prizes", 1_000_000)
    assert shop.post(PATH, BONUS, "k-1").status_code == 200


def test_a_key_that_is_none_is_refused_by_its_name(rich: Any) -> None:
    for key in (None, "x" * 129, "with space", "tab\there"):
        refused = rich.post(PATH, BONUS, key)
        assert refused.status_code == 422, key
        assert refused.json()["errors"][0]["field"].lower() == "idempotency-key"
    assert rich.wallet()["available_micros"] == 0


def test_a_deposit_may_carry_a_key(shop: Any) -> None:
    path, body = "/v1/ledger/campaigns/tea/deposits", {"deposit_id": "d", "amount_micros": 5, "currency": "CNY"}
    assert shop.post(path, body).status_code == 200
    assert shop.post(path, body, "k-1").status_code == 200
    assert shop.post(path, body | {"amount_micros": 6}, "k-1").json()["type"] == "key-conflict"
    assert shop.post(path, body | {"amount_micros": 6}).json()["type"] == "id-conflict"


def test_keys_are_kept_for_their_days_and_then_the_ids_still_stop_a_second_effect(rich_in_each: Any) -> None:
    first = rich_in_each.post(PATH, BONUS, "k-1")

    def forget() -> int:
        count: int = rich_in_each.do(lambda unit: forget_keys(unit.connection, unit.now))
        return count

    rich_in_each.now += KEPT_DAYS * DAY
    assert forget() == 0
    rich_in_each.now += 1
    assert forget() == 1
    assert rich_in_each.post(PATH, BONUS, "k-1").content == first.content
    assert rich_in_each.wallet()["available_micros"] == 300_000
    assert KEPT_DAYS >= 30
    assert FORGOTTEN_MAX > 0


def test_every_way_to_move_money_asks_for_a_key(shop: Any) -> None:
    document = shop.client.get("/openapi.json").json()
    asks: Callable[[Any], bool] = lambda operation: any(  # noqa: E731  # a name for the condition below
        one["name"] == "Idempotency-Key" for one in operation.get("parameters", ())
    )
    moving = {path: row["post"] for path, row in document["paths"].items() if "post" in row}
    silent = [
        path for path, post in moving.items() if path.startswith(("/v1/ledger", "/v1/payouts")) and not asks(post)
    ]
    without = {
        "/v1/payouts/quotes": "writes nothing",
        "/v1/payouts/webhooks/{provider}": "its events have ids of their own",
    }
    assert set(silent) == set(without)
