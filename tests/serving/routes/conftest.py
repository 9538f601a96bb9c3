"""The application behind its doorman, on a database of its own in both engines, and people who earn and withdraw."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from features.events import Event, Outcome, instant_of
from features.intelligence.lists import Lists
from features.log import Log
from serving.app import make_app
from serving.contract import Answer, OutcomeAnswer
from serving.database import open_database, reading
from serving.doorman import Doorman, Problems
from serving.flows import record_outcome, score_event, score_withdrawal
from serving.knowledge import Clock, Knowledge
from serving.ledger import budgets, proofs
from serving.ledger.maturity import mature
from serving.parts import Parts
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.policy import load_policy
from serving.records import Unit, Writer
from serving.scoring import NoModel

SECOND = 1_000_000
DAY = 86_400 * SECOND
NOW = 20_000 * DAY


@cache
def application() -> FastAPI:
    """One for all: it is told its parts anew for each test."""
    return make_app()


class Shop:
    """`client` speaks HTTP; the rest does what other flows do. `restart` forgets all that is only in memory."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.now, self.keys = engine, folder, NOW, dict[str, str]()
        self._ids = iter(range(1_000_000))
        self._start()

    def _start(self) -> None:
        knowledge = Knowledge(Log(self.folder / "log"), Clock.WALL, Lists(self.folder / "lists"))
        knowledge.rebuild(self.engine)
        self.parts = Parts(
            engine=self.engine,
            writer=Writer(self.engine, lambda: self.now, knowledge),
            knowledge=knowledge,
            fraud=NoModel(),
            policy=load_policy(),
            offer_key=b"a key",
            seal=Seal(b"s" * 32),
            providers={"fake": FakeProvider(self.folder / "provider.db")},
            clock=lambda: self.now,
        )
        self.parts.writer.start()
        app = application()
        app.state.parts = self.parts
        self.client = TestClient(Problems(Doorman(app, **self.keys)), raise_server_exceptions=False)

    def stop(self) -> None:
        self.parts.writer.stop()

    def restart(self, **keys: str) -> None:
        """`keys`: as the doorman takes them."""
        self.stop()
        self.keys = keys
        self._start()

    def do(self, work: Callable[[Unit], Any]) -> Any:
        return self.parts.writer.do_now(work)

    def earn(self, user: str = "ann", micros: int = 1_000_000, **fields: Any) -> Answer:
        body = {"event_id": f"e{next(self._ids)}", "kind": "ad_viewed", "user_id": user, "campaign_id": "tea"}
        money = {"partner_id": "p", "revenue_micros": 2 * micros, "reward_micros": micros, "currency": "CNY"}
        event = Event.model_validate(body | {"occurred_at": instant_of(self.now)} | money | fields)
        answer: Answer = self.do(lambda unit: score_event(event, self.parts, unit))
        return answer

    def approve(self, event_id: str) -> OutcomeAnswer:
        """Without a model everything is held; a person finds this genuine."""
        return self.tell(event_id, kind="disposition", disposition="genuine", caused_by="person")

    def tell(self, subject: str, **fields: Any) -> OutcomeAnswer:
        body = {"event_id": f"o{next(self._ids)}", "subject_event_id": subject, "occurred_at": instant_of(self.now)}
        outcome = Outcome.model_validate(body | fields)
        answer: OutcomeAnswer = self.do(lambda unit: record_outcome(outcome, self.parts, unit))
        return answer

    def own(self, user: str = "ann", micros: int = 1_000_000) -> str:
        """The event that made so much available to a person."""
        event_id = self.earn(user, micros).event_id
        self.approve(event_id)
        self.now += 60 * DAY
        self.do(lambda unit: mature(unit.connection, unit.now))
        return event_id

    def withdraw(self, user: str = "ann", micros: int = 500_000) -> str:
        body = {"event_id": f"w{next(self._ids)}", "kind": "withdrawal_requested", "payout_destination": "ab" * 32}
        money = {"user_id": user, "amount_micros": micros, "currency": "CNY", "occurred_at": instant_of(self.now)}
        event = Event.model_validate(body | money)
        self.do(lambda unit: score_withdrawal(event, self.parts, unit))
        return event.event_id

    def budget(self, campaign: str, micros: int, currency: str = "CNY") -> None:
        """Let a campaign's rewards, and the bonuses of its name, cost so much."""
        account = budgets.reward_budget_of(campaign, currency)
        self.do(lambda unit: budgets.allocate(unit.connection, account, micros, f"{campaign}/allowed", unit.now))

    def post(self, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        said = headers | ({"Idempotency-Key": key} if key else {})
        return self.client.post(path, json=body, headers=said)

    def wallet(self, user: str = "ann") -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/v1/ledger/wallets/{user}").json()
        return found

    def changes(self, after: int = 0, limit: int = 1_000) -> Any:
        return self.client.get("/v1/changes", params={"after": after, "limit": limit})

    def is_sound(self) -> bool:
        with reading(self.engine) as connection:
            return proofs.check(connection) == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    engine = open_database(tmp_path / "shop.db")
    shop = Shop(engine, tmp_path)
    yield shop
    shop.stop()
    engine.dispose()


@pytest.fixture
def shop_in_each(engine: Engine, tmp_path: Path) -> Iterator[Shop]:
    """One in each engine, for what could differ between the two."""
    shop = Shop(engine, tmp_path)
    yield shop
    shop.stop()


@pytest.fixture
def shop_to_break(anywhere: Engine, tmp_path: Path) -> Iterator[Shop]:
    """One in each engine, upon a database that no other test sees."""
    shop = Shop(anywhere, tmp_path)
    yield shop
    shop.stop()
