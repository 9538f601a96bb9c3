"""What a platform is told: each effect leaves a change in the commit that made it, and none without its effect.

A change is told first and numbered later (see numbering): telling is one insert that locks nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    bindparam,
    select,
    text,
)

from features.events import instant_of
from serving.database import METADATA

LISTED_MAX: Final = 1_000
"""Changes in one page."""

_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")
_SUBJECT: Final = String(160)
_spelled: Final = json.JSONEncoder(ensure_ascii=False).encode


class ChangeType(StrEnum):
    DECISION_UPDATED = "decision.updated"
    REWARD_MATURED = "reward.matured"
    REWARD_REVERSED = "reward.reversed"
    REWARD_FROZEN = "reward.frozen"
    REWARD_THAWED = "reward.thawed"
    PAYOUT_UPDATED = "payout.updated"
    CASE_CLOSED = "case.closed"
    KYC_REQUIRED = "kyc.required"


@dataclass(frozen=True, slots=True)
class Told:
    """One effect on `subject`, at the instant `at`. The same `effect_id` of a type is the same effect."""

    type: ChangeType
    effect_id: str
    subject: str
    data: Mapping[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Change:
    """A numbered change. `sequence` counts all changes from 1, `subject_sequence` those of its subject; no gaps."""

    sequence: int
    id: str
    type: str
    subject: str
    subject_sequence: int
    at: int
    data: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """The same whether it is posted or polled, today or at the tenth try."""
        return {
            "id": self.id,
            "type": self.type,
            "timestamp": instant_of(self.at).isoformat().replace("+00:00", "Z"),
            "sequence": self.sequence,
            "subject": self.subject,
            "subject_sequence": self.subject_sequence,
            "data": self.data,
        }


OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", _NUMBER, primary_key=True),
    Column("message_id", String(40), nullable=False),
    Column("type", String(32), nullable=False),
    Column("subject", _SUBJECT, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""What was told and has no number yet; seldom more than what happened in the last second."""

CHANGE = Table(
    "change",
    METADATA,
    Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
    Column("message_id", String(40), nullable=False),
    Column("type", String(32), nullable=False),
    Column("subject", _SUBJECT, nullable=False),
    Column("subject_sequence", BigInteger, nullable=False),
    Column("data", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("numbered_at", BigInteger, nullable=False),
    Index("change_of_subject", "subject", "subject_sequence", unique=True),
    Index("change_by_age", "numbered_at", "sequence"),
)
"""Every change that is kept, by its number."""

_WAITS: Final = text("next_at IS NOT NULL")
CHANGE_SUBJECT = Table(
    "change_subject",
    METADATA,
    Column("subject", _SUBJECT, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("delivered", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("next_at", BigInteger),
    Index("change_subject_waits", "failures", "next_at", sqlite_where=_WAITS, postgresql_where=_WAITS),
)
"""How far each subject is counted and delivered; `next_at`: when to try again, None where nothing waits."""

CHANGE_HEAD = Table(
    "change_head",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("pruned", BigInteger, nullable=False),
)
"""One row: the last number that was given, and the last that is no longer kept."""

_NAMES: Final = ("message_id", "type", "subject", "data", "at")
# Told with every event that is scored: as the driver takes it, it costs a third.
_TELL: Final = {
    dialect: f"INSERT INTO outbox ({', '.join(_NAMES)}) VALUES ({', '.join([mark] * len(_NAMES))})"  # noqa: S608  # five names of ours
    for dialect, mark in (("sqlite", "?"), ("postgresql", "%s"))
}
_AFTER = (
    select(CHANGE).where(CHANGE.c.sequence > bindparam("after")).order_by(CHANGE.c.sequence).limit(bindparam("count"))
)
_HEAD = select(CHANGE_HEAD.c.sequence, CHANGE_HEAD.c.pruned).where(CHANGE_HEAD.c.id == 1)


def subject_of(user_id: str | None, event_id: str) -> str:
    """Whose order is kept: the person's, or the event's where nobody is named."""
    return f"event:{event_id}" if user_id is None else f"person:{user_id}"


def tell(connection: Connection, *told: Told) -> None:
    """Keep what happened, in the caller's commit. Two of one subject are ordered as they are told, so an effect that
    takes a row's lock is told after it has.
    """
    if told:
        connection.exec_driver_sql(_TELL[connection.dialect.name], [_row_of(one) for one in told])


def after(connection: Connection, sequence: int, limit: int) -> list[Change]:
    """Numbered changes after `sequence`, in order, at most `limit` (and `LISTED_MAX`)."""
    rows = connection.execute(_AFTER, {"after": sequence, "count": min(limit, LISTED_MAX)})
    return [change_of(row) for row in rows]


def kept(connection: Connection) -> tuple[int, int]:
    """The last number that was given, and the last that is no longer kept; zeros before the first."""
    row = connection.execute(_HEAD).one_or_none()
    return (row.sequence, row.pruned) if row else (0, 0)


def change_of(row: Row[Any]) -> Change:
    return Change(
        sequence=row.sequence,
        id=row.message_id,
        type=row.type,
        subject=row.subject,
        subject_sequence=row.subject_sequence,
        at=row.at,
        data=json.loads(row.data),
    )


def message_id(type_: str, effect_id: str) -> str:
    """The same for the same effect, however often it is sent; it tells nothing about it."""
    return "msg_" + hashlib.sha256(f"{type_} {effect_id}".encode()).hexdigest()[:32]


def _row_of(told: Told) -> tuple[Any, ...]:
    """In the order of `_NAMES`."""
    return message_id(told.type, told.effect_id), str(told.type), told.subject, _spelled(told.data), told.at
