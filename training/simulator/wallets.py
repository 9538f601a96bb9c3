"""What people have earned and not yet asked for, and when they ask for it."""

from typing import Final

import numpy as np

from features.events import Kind
from features.money import MICROS_PER_UNIT
from training.simulator.actions import event_rows
from training.simulator.batch import SECOND, Integers, Rows
from training.simulator.population import People

ASKING_SHARE: Final = 0.35
_DELAY_SECONDS: Final = (120.0, 1500.0)


def credit(balance: Integers, events: Rows) -> None:
    """Adds the rewards of the events to their people's balances, in place."""
    is_paid = events["reward"] > 0
    np.add.at(balance, events["user"][is_paid], events["reward"][is_paid])


def ask(rng: np.random.Generator, sessions: Rows, people: People, balance: Integers) -> Rows:
    """Withdrawals of whole units by some of those who hold enough; deducts them from `balance`."""
    user = sessions["user"]
    holds_enough = balance[user] >= people.habits.threshold[user]
    asking = sessions[sessions["opens_day"] & holds_enough & (rng.random(len(sessions)) < ASKING_SHARE)]
    delay = (SECOND * rng.uniform(*_DELAY_SECONDS, len(asking))).astype(np.int64)
    rows = event_rows(Kind.WITHDRAWAL_REQUESTED, asking, asking["start"] + delay)
    held = balance[asking["user"]]
    rows["amount"] = held // MICROS_PER_UNIT * MICROS_PER_UNIT
    rows["destination"] = people.ties.destination[asking["user"]]
    rows["duration_ms"] = rng.uniform(4_000, 40_000, len(asking))
    balance[asking["user"]] -= rows["amount"]
    return rows
