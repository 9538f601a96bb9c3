"""The table of waits, as training writes it and as the service reads it: one trust, one wait."""

import json
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from features.events import Event, instant_of
from serving.database import open_database
from serving.ledger.rewards import REWARD, Reward, credit_reward
from serving.ledger.waits import NAME, Waits
from serving.policy import load_policy
from training.holds.rewards import DAY, NEVER, Rewards
from training.holds.settings import load_settings
from training.holds.table import WaitTable

START = 20_000 * DAY
PEOPLE, REWARDS, DAYS = 30, 900, 60


def lived() -> Rewards:
    """People who differ in how often their rewards are taken back, on a clock of seconds."""
    rng = np.random.default_rng(4)
    users = rng.integers(0, PEOPLE, REWARDS)
    credited = np.sort(START + rng.integers(0, DAYS * 86_400, REWARDS) * 1_000_000)
    back = rng.random(REWARDS) < (users % 3) * 0.25
    delay = rng.integers(3600, 20 * 86_400, REWARDS) * 1_000_000
    micros = np.full(REWARDS, 1_000_000)
    return Rewards(
        np.array([f"u{user}" for user in range(PEOPLE)]),
        users,
        rng.choice(["install", "task_completed"], REWARDS),
        np.array([""] * REWARDS),
        rng.choice(["amber", "ember"], REWARDS),
        credited,
        np.where(back, credited + delay, NEVER),
        micros,
        micros,
    )


def test_the_service_finds_the_wait_and_the_trust_that_training_meant(tmp_path: Path) -> None:
    rewards, settings = lived(), load_settings()
    table = WaitTable.fit(rewards, START + DAYS * DAY, settings)
    (tmp_path / NAME).write_text(table.dumps())
    tiers = rewards.tiers(settings.trust)
    days = table.days_for(rewards, tiers)
    waits, policy, engine = Waits(tmp_path / NAME), load_policy(), open_database(tmp_path / "records.db")
    reversals = sorted((int(at), number) for number, at in enumerate(rewards.reversed_at) if at < NEVER)
    version = json.loads(table.dumps())["version"]
    with engine.connect() as connection:
        for number, at in enumerate(rewards.credited_at.tolist()):
            while reversals and reversals[0][0] <= at:
                taken = REWARD.c.event_id == f"e{reversals.pop(0)[1]}"
                connection.execute(update(REWARD).where(taken).values(reversed_micros=1_000_000))
            user = f"u{rewards.users[number]}"
            event = Event.model_validate(
                {
                    "event_id": f"e{number}",
                    "kind": str(rewards.kinds[number]),
                    "occurred_at": instant_of(at),
                    "user_id": user,
                    "partner_id": str(rewards.partners[number]),
                }
            )
            wait = waits.of(connection, event, policy, at)
            assert (wait.version, wait.trust) == (version, tiers[number])
            assert wait.micros == pytest.approx(days[number] * DAY)
            credit_reward(connection, Reward(f"e{number}", user, 1_000_000, 2_000_000, "USD", at + wait.micros), at)
    engine.dispose()
    assert len(set(tiers.tolist())) > 3


def test_a_partner_and_a_kind_that_were_never_seen_have_an_answer(tmp_path: Path) -> None:
    table = WaitTable.fit(lived(), START + DAYS * DAY, load_settings())
    (tmp_path / NAME).write_text(table.dumps())
    engine = open_database(tmp_path / "records.db")
    policy = load_policy()
    at = START + DAYS * DAY
    with engine.connect() as connection:
        for kind, partner, is_known in (("install", "new-partner", True), ("referral", "amber", False)):
            event = Event.model_validate(
                {
                    "event_id": "e",
                    "kind": kind,
                    "occurred_at": instant_of(at),
                    "user_id": "u",
                    "partner_id": partner,
                    "referrer_user_id": "v" if kind == "referral" else None,
                }
            )
            wait = Waits(tmp_path / NAME).of(connection, event, policy, at)
            assert wait.version.startswith("policy") is not is_known
            if not is_known:
                assert wait.micros == policy.maturity(kind)
    engine.dispose()
