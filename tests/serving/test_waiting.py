"""An earning event waits as long as the home's table says, and the row of its wait says by which version."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row

from features.events import Event, instant_of
from features.intelligence.lists import Lists
from features.log import Log
from features.windows import DAY, HOUR
from serving.database import open_database
from serving.decision import Action, Verdict
from serving.knowledge import Clock, Knowledge
from serving.ledger.rewards import find_reward
from serving.ledger.waits import NAME, Waits, find_wait
from serving.parts import Parts
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.policy import load_policy
from serving.pricing.locks import Owed
from serving.records import Unit, Writer
from serving.scoring import NoModel
from serving.steps import Seen, credit

NOW = 20_000 * DAY
TRUST = {"window_days": 30, "aged_days": 7, "aged_min": 5, "prior_reversed": 0.4, "prior_rewards": 8, "edges": [0.3]}


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    engine = open_database(tmp_path / "records.db")
    knowledge = Knowledge(Log(tmp_path / "log"), Clock.WALL, Lists(tmp_path / "lists"))
    return Parts(
        engine=engine,
        writer=Writer(engine, lambda: NOW, knowledge),
        knowledge=knowledge,
        fraud=NoModel(),
        policy=load_policy(),
        offer_key=b"a key",
        seal=Seal(b"s" * 32),
        providers={"fake": FakeProvider(tmp_path / "provider.db")},
        waits=Waits(tmp_path / NAME),
    )


def put_table(folder: Path, hours: float) -> str:
    lines = [{"partner": "*", "kind": "install", "goal": "*", "trust": tier, "hours": hours} for tier in range(3)]
    body: dict[str, Any] = {"format": 1, "stale_at": NOW + DAY, "settings": {"trust": TRUST}, "waits": lines}
    version = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    (folder / NAME).write_text(json.dumps({"version": version} | body))
    return version


def credited(parts: Parts, event_id: str, action: Action = Action.APPROVE) -> tuple[int, Row[Any]]:
    """How long the reward of an install waits, and the row that says why."""
    body = {
        "event_id": event_id,
        "kind": "install",
        "user_id": "ann",
        "partner_id": "p",
        "occurred_at": instant_of(NOW),
    }
    money = {"reward_micros": 100, "revenue_micros": 200, "currency": "CNY"}
    event = Event.model_validate(body | money)
    with parts.engine.begin() as connection:
        seen = Seen.again(event, NOW)
        credit(Unit(connection, NOW), parts, seen, Owed(100, "CNY"), Verdict(action))
        reward, wait = find_reward(connection, event_id), find_wait(connection, event_id)
    assert reward is not None
    assert wait is not None
    return reward.matures_at - NOW, wait


def test_the_table_decides_once_it_is_there_and_the_policy_before(parts: Parts, tmp_path: Path) -> None:
    usual = parts.policy.maturity("install")
    waited, wait = credited(parts, "before")
    assert (waited, wait.version, wait.trust) == (usual, "policy", None)
    version = put_table(tmp_path, hours=5)
    waited, wait = credited(parts, "after")
    assert (waited, wait.version, wait.trust) == (5 * HOUR, version, 0)
    parts.engine.dispose()


def test_a_hold_is_never_shorter_than_the_policy_says(parts: Parts, tmp_path: Path) -> None:
    put_table(tmp_path, hours=5)
    waited, _ = credited(parts, "held", Action.HOLD)
    assert waited == parts.policy.event.hold_hours * HOUR
    put_table(tmp_path, hours=500)
    waited, _ = credited(parts, "held-longer", Action.HOLD)
    assert waited == 500 * HOUR
    parts.engine.dispose()
