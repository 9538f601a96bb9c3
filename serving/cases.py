"""Cases: flagged decisions that wait for a person. A disposition closes one and becomes a label.

An answer that cannot be carried out yet (409, `retry`) is not recorded, and its case waits for the same answer again.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Row,
    String,
    Table,
    bindparam,
    desc,
    insert,
    select,
    update,
)

from features.events import Disposition
from serving.database import METADATA
from serving.outbox.changes import tell
from serving.outbox.told import of_case
from serving.records import Unit

LISTED_MAX: Final = 500

CASE = Table(
    "case",
    METADATA,
    Column("decision_id", String(40), primary_key=True),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("user_id", String(128)),
    Column("action", String(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("disposition", String(16)),
    Column("closed_by", String(128)),
    Index("case_open", "closed_at", "opened_at"),
)

_INSERT = insert(CASE)
_CLOSE = (
    update(CASE)
    .where(CASE.c.event_id == bindparam("event"), CASE.c.closed_at.is_(None))
    .values(closed_at=bindparam("now"), disposition=bindparam("answer"), closed_by=bindparam("outcome"))
    .returning(CASE.c.decision_id, CASE.c.event_id, CASE.c.user_id)
)
_OPEN = select(CASE).where(CASE.c.closed_at.is_(None)).order_by(desc(CASE.c.opened_at)).limit(bindparam("limit"))


def open_case(unit: Unit, decision: dict[str, Any]) -> None:
    """Put a flagged decision on the reviewers' table."""
    kept = {name: decision[name] for name in ("decision_id", "event_id", "user_id", "action")}
    unit.connection.execute(_INSERT, {**kept, "opened_at": unit.now})


def close_case(unit: Unit, event_id: str, disposition: Disposition, outcome_id: str) -> bool:
    """Close the open case on an event; whether there was one."""
    values = {"event": event_id, "answer": str(disposition), "outcome": outcome_id, "now": unit.now}
    closed = unit.connection.execute(_CLOSE, values).all()
    tell(unit.connection, *(of_case(case, disposition, unit.now) for case in closed))
    return bool(closed)


def open_cases(connection: Connection, limit: int = LISTED_MAX) -> list[Row[Any]]:
    """The open cases, newest first, at most `limit`."""
    return list(connection.execute(_OPEN, {"limit": min(limit, LISTED_MAX)}))
