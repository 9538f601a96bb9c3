"""What a reviewer looks at, read from a home without ever writing: flagged decisions, one of them, and its person."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Row, create_engine, desc, event, func, or_, select

from features.fold import Vector
from features.log import Log, is_outcome
from features.vector import VERSION
from serving import records
from serving.cases import CASE, LISTED_MAX
from serving.database import reading
from serving.knowledge import rows_of
from serving.records import DECISION, EVENT

COMPARED_MAX: Final = 1000
"""A value is compared with so many decisions on the same kind of event that came before."""
HISTORY_MAX: Final = 50
_LATER = DECISION.alias("later")
_LATEST: Final = DECISION.c.revision == (
    select(func.max(_LATER.c.revision)).where(_LATER.c.decision_id == DECISION.c.decision_id).scalar_subquery()
)
_SHOWN: Final = (DECISION, CASE.c.opened_at, CASE.c.closed_at, CASE.c.disposition)
_CASES: Final = DECISION.outerjoin(CASE, CASE.c.decision_id == DECISION.c.decision_id)
_WAITS: Final = CASE.c.opened_at.is_not(None) & CASE.c.closed_at.is_(None)


@contextmanager
def read_only(database: Path) -> Iterator[Connection]:
    """One consistent state of the records, on a connection that SQLite itself forbids to write."""
    engine = create_engine(f"sqlite:///file:{database}?mode=ro&uri=true")
    event.listen(engine, "connect", _never_write)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _never_write(connection: Any, _: object) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only=ON")


@dataclass(frozen=True)
class Wanted:
    """What the table shows. Empty text wants everything; `user` may be a part of an id."""

    waiting_only: bool = False
    action: str = ""
    user: str = ""
    reason: str = ""

    def conditions(self) -> list[ColumnElement[bool]]:
        chosen = [_LATEST, _WAITS if self.waiting_only else or_(DECISION.c.action != "approve", _answered())]
        if self.action:
            chosen.append(DECISION.c.action == self.action)
        if self.user:
            chosen.append(DECISION.c.user_id.contains(self.user, autoescape=True))
        if self.reason:
            chosen.append(DECISION.c.reason_codes.contains(f'"{self.reason}"', autoescape=True))
        return chosen


def _answered() -> ColumnElement[bool]:
    return DECISION.c.revision > 1


def flagged(connection: Connection, wanted: Wanted, limit: int = LISTED_MAX) -> list[Row[Any]]:
    """Flagged and answered decisions in their latest revision, with their case, newest first, at most `limit`."""
    query = select(*_SHOWN).select_from(_CASES).where(*wanted.conditions())
    newest = desc(DECISION.c.decided_at), desc(DECISION.c.sequence)
    return list(connection.execute(query.order_by(*newest).limit(min(limit, LISTED_MAX))))


def revisions(connection: Connection, decision_id: str) -> list[Row[Any]]:
    """All revisions of a decision with its case, the first one first; empty for an unknown id."""
    query = select(*_SHOWN).select_from(_CASES).where(DECISION.c.decision_id == decision_id)
    return list(connection.execute(query.order_by(DECISION.c.revision)))


def event_row(connection: Connection, log: Log, event_id: str) -> dict[str, Any] | None:
    """The decided event as a log row, from the records or, when they were emptied, from the log."""
    found = connection.execute(select(EVENT).where(EVENT.c.event_id == event_id)).one_or_none()
    if found is not None:
        return rows_of([_recorded_of(found)])[0]
    for table in log.tables():
        rows = table.filter(pc.field("event_id") == event_id)
        if rows.num_rows:
            return dict(rows.to_pylist()[0])
    return None


def vectors_before(connection: Connection, decision: Row[Any]) -> Vector:
    """`(decisions, features)`: what the last COMPARED_MAX decisions on such events saw, up to this one."""
    query = (
        select(DECISION.c.vector)
        .where(
            DECISION.c.kind == decision.kind,
            DECISION.c.sequence < decision.sequence,
            DECISION.c.revision == 1,
            DECISION.c.features_version == decision.features_version,
        )
        .order_by(desc(DECISION.c.sequence))
        .limit(COMPARED_MAX)
    )
    seen = [records.unpacked(row.vector) for row in connection.execute(query)]
    return np.array(seen) if seen else np.empty((0, len(records.unpacked(decision.vector))))


def is_readable(decision: Row[Any]) -> bool:
    """Whether the stored vector has today's features; an older one can only be shown by the release that made it."""
    return bool(decision.features_version == VERSION)


@dataclass(frozen=True)
class Happened:
    """One event or outcome of a person. `action` is the latest decision on it, if there was one."""

    row: dict[str, Any]
    action: str | None


def history(connection: Connection, log: Log, user_id: str, limit: int = HISTORY_MAX) -> list[Happened]:
    """What the person did and what became of it, newest first, at most `limit`."""
    rows = _logged(log, user_id, limit) + _recorded(connection, log.last()[0], user_id, limit)
    newest = sorted(rows, key=lambda row: -row["sequence"])[:limit]
    query = select(DECISION.c.event_id, DECISION.c.action).where(_LATEST)
    decided = query.where(DECISION.c.event_id.in_([row["event_id"] for row in newest]))
    actions = {row.event_id: row.action for row in connection.execute(decided)}
    return [Happened(row, None if is_outcome(row) else actions.get(row["event_id"])) for row in newest]


def _logged(log: Log, user_id: str, limit: int) -> list[dict[str, Any]]:
    newest: deque[dict[str, Any]] = deque(maxlen=limit)
    for table in log.tables():
        newest.extend(table.filter(pc.field("user_id") == user_id).to_pylist())
    return list(newest)


def _recorded(connection: Connection, after: int, user_id: str, limit: int) -> list[dict[str, Any]]:
    query = (
        select(EVENT)
        .where(EVENT.c.sequence > after, EVENT.c.user_id == user_id)
        .order_by(desc(EVENT.c.sequence))
        .limit(limit)
    )
    found = connection.execute(query)
    return list(rows_of(map(_recorded_of, found)))


def _recorded_of(row: Row[Any]) -> records.Recorded:
    return records.Recorded(row.sequence, row.recorded_at, row.as_of, row.user_id, row.body)


def actions_and_reasons(rows: list[Row[Any]]) -> tuple[list[str], list[str]]:
    """What the filters can choose among."""
    reasons = {reason for row in rows for reason in json.loads(row.reason_codes)}
    return sorted({row.action for row in rows}), sorted(reasons)


def newest_as_of(connection: Connection, log: Log) -> int:
    """The instant up to which the home knows anything, microseconds."""
    found = connection.execute(select(EVENT.c.as_of).order_by(desc(EVENT.c.sequence)).limit(1)).scalar_one_or_none()
    return max(log.last()[1], found or 0)
