"""What a person has begun to earn on a day, through all accounts that the graph links as the same person.

One row an account, currency and day, written in the commit that locks a task's pay. The graph is the one that the
service folds every event into (`parts.knowledge.engine.graph`), so only the writer reads it; its rule for *same
person* is told in features/graph/persons.py, and a shared network or household is no part of it.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, bindparam, func, select, text

from serving.database import METADATA
from serving.policy import DailyCurve

DAILY_EARNING = Table(
    "daily_earning",
    METADATA,
    Column("user_id", String(128), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("reward_micros", BigInteger, nullable=False),
    Column("paid_micros", BigInteger, nullable=False),
)
"""Of what an account began on a day: the rewards as offered, and the pay that was locked for them."""

_COUNT: Final = text(
    "INSERT INTO daily_earning (user_id, currency, day, reward_micros, paid_micros) "
    "VALUES (:user, :currency, :day, :reward, :paid) ON CONFLICT (user_id, currency, day) DO UPDATE SET "
    "reward_micros = daily_earning.reward_micros + excluded.reward_micros, "
    "paid_micros = daily_earning.paid_micros + excluded.paid_micros"
)
_EARNED: Final = select(func.coalesce(func.sum(DAILY_EARNING.c.reward_micros), 0)).where(
    DAILY_EARNING.c.user_id.in_(bindparam("users", expanding=True)),
    DAILY_EARNING.c.currency == bindparam("currency"),
    DAILY_EARNING.c.day == bindparam("day"),
)


class Persons(Protocol):
    """Who is the same person; the device graph is one."""

    def accounts_of(self, user: str, confidence_min: float) -> Sequence[str]:
        """All accounts of the person, the user's own among them."""
        ...


class Nobody:
    """Where no graph is at hand: every account is a person of its own."""

    def accounts_of(self, user: str, confidence_min: float) -> Sequence[str]:  # the port's shape
        return [user]


def earned_micros(
    connection: Connection, persons: Persons, user_id: str, currency: str, day: int, curve: DailyCurve
) -> int:
    """E: the rewards, as offered, of all that the person behind an account began on a day, in one currency."""
    accounts = persons.accounts_of(user_id, curve.same_person_min)
    asked: dict[str, Any] = {"users": list(accounts), "currency": currency, "day": day}
    return int(connection.execute(_EARNED, asked).scalar_one())


def count(connection: Connection, user_id: str, currency: str, day: int, reward_micros: int, paid_micros: int) -> None:
    """Count a task that an account begins; with both amounts negative, count back one that was given up."""
    amounts = {"reward": reward_micros, "paid": paid_micros}
    connection.execute(_COUNT, {"user": user_id, "currency": currency, "day": day, **amounts})
