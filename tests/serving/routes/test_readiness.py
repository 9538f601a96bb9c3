"""A service whose database was changed under it says so, and every failure has one shape."""

from typing import Any

from sqlalchemy import text

from serving.database import REVISION
from serving.problems import internal

QUOTE = {"user_id": "ann", "amount_micros": 1_000_000, "currency": "CNY", "payout_destination": "ab" * 32}


def run(shop: Any, statement: str, **values: str) -> None:
    with shop.engine.begin() as connection:
        connection.execute(text(statement), values)


def test_it_is_not_ready_once_another_release_has_migrated_its_database(shop_to_break: Any) -> None:
    client, migrate = shop_to_break.client, "UPDATE shape SET revision = :to"
    assert client.get("/readyz").status_code == 200
    run(shop_to_break, migrate, to="r9999")
    refused = client.get("/readyz")
    assert (refused.status_code, refused.json()["type"], refused.json()["retry"]) == (503, "other-release", True)
    assert f"revision r9999, and this service knows {REVISION}: restart it" in refused.json()["detail"]
    run(shop_to_break, migrate, to=REVISION)
    assert client.get("/readyz").status_code == 200


def test_it_is_not_ready_while_its_database_cannot_be_asked(shop_to_break: Any) -> None:
    run(shop_to_break, "ALTER TABLE shape RENAME TO elsewhere")
    refused = shop_to_break.client.get("/readyz")
    assert (refused.status_code, refused.json()["type"]) == (503, "not-recorded")


def test_what_fails_in_any_route_has_the_shape_of_what_fails_in_scoring(shop_to_break: Any) -> None:
    for table in ("account", "identity", "event"):
        run(shop_to_break, f"ALTER TABLE {table} RENAME TO {table}_elsewhere")
    answers = [
        shop_to_break.client.get("/v1/ledger/wallets/ann"),
        shop_to_break.client.get("/v1/people/ann/identity"),
        shop_to_break.post("/v1/payouts/quotes", QUOTE),
    ]
    assert [(answer.status_code, answer.content) for answer in answers] == [(500, internal().content())] * len(answers)
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
