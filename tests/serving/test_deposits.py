"""A deposit fills the budget that offers of its campaign spend, once, or is refused by the field that is wrong."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.intelligence.lists import Lists
from features.log import Log
from serving.app import make_app
from serving.database import open_database
from serving.knowledge import Clock, Knowledge
from serving.parts import Parts
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.policy import load_policy
from serving.records import Writer
from serving.scoring import FraudModel

DEPOSIT = {"deposit_id": "d", "amount_micros": 5_000_000, "currency": "CNY"}
ORDER = {"currency": "CNY", "starts_at": "2026-11-01T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"}


@pytest.fixture
def client(tmp_path: Path, write_model: Callable[..., Path]) -> Iterator[TestClient]:
    engine = open_database(tmp_path / "records.db")
    knowledge = Knowledge(Log(tmp_path / "log"), Clock.WALL, Lists(tmp_path / "lists"))
    app = make_app()
    app.state.parts = Parts(
        engine=engine,
        writer=Writer(engine, lambda: time.time_ns() // 1000, knowledge),
        knowledge=knowledge,
        fraud=FraudModel(write_model(tmp_path / "model", event=0.01), "1"),
        policy=load_policy(),
        offer_key=b"a key",
        seal=Seal(b"s" * 32),
        providers={"fake": FakeProvider(tmp_path / "provider.db")},
    )
    app.state.parts.writer.start()
    yield TestClient(app)
    app.state.parts.writer.stop()
    engine.dispose()


def deposited(client: TestClient, campaign: str = "tea", **fields: object) -> tuple[int, list[str]]:
    answer = client.post(f"/v1/ledger/campaigns/{campaign}/deposits", json=DEPOSIT | fields)
    return answer.status_code, [error["field"] for error in answer.json().get("errors", [])]


def left(client: TestClient) -> int | None:
    found: int | None = client.get("/v1/campaigns/tea").json()["value_left_micros"]
    return found


def test_a_deposit_that_is_sent_again_counts_once_and_its_id_takes_no_other_body(client: TestClient) -> None:
    assert client.put("/v1/campaigns/tea", json=ORDER).status_code == 200
    assert [deposited(client), deposited(client)] == [(200, [])] * 2
    assert deposited(client, amount_micros=6_000_000) == (409, ["deposit_id"])
    assert deposited(client, campaign="milk") == (409, ["deposit_id"])
    assert left(client) == 5_000_000


def test_a_deposit_in_a_currency_that_no_offer_could_spend_is_refused_and_not_booked(client: TestClient) -> None:
    assert deposited(client, deposit_id="early", currency="USD") == (200, [])
    assert client.put("/v1/campaigns/tea", json=ORDER).status_code == 200
    assert deposited(client, currency="USD") == (422, ["currency"])
    assert deposited(client, deposit_id="early", currency="USD") == (200, [])
    lines = client.get("/v1/ledger/trial-balance").json()
    assert [line["credit_micros"] for line in lines if line["account_kind"] == "budget"] == [5_000_000]
    assert left(client) is None


@pytest.mark.parametrize("campaign", ["", "%00", "%7F", "x" * 129])
def test_a_campaign_that_nobody_could_order_takes_no_deposit(client: TestClient, campaign: str) -> None:
    assert deposited(client, campaign) == (422, ["campaign_id"])
    assert client.get("/v1/ledger/trial-balance").json() == []
