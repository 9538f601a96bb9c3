"""What arrived, as the records keep it: each event with its first decision, and whether the two agree.

Values are read as they lie there: one of the wrong type is a finding, not the end of an audit.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, LargeBinary, bindparam, cast, func, or_, select, type_coerce
from sqlalchemy.sql.functions import count
from sqlalchemy.types import NullType

from features.events import Event, Outcome, parse
from serving import records
from serving.records import DECISION, EVENT

_FIRST: Final = DECISION.alias("first_revision")
_SUBJECT: Final = DECISION.alias("subject")
_IS_FIRST: Final = (_FIRST.c.event_id == EVENT.c.event_id) & (_FIRST.c.revision == 1)
# Whom an outcome is about is that of its subject, if that was decided before the outcome came.
_IS_SUBJECT: Final = (
    (_SUBJECT.c.event_id == EVENT.c.subject_event_id)
    & (_SUBJECT.c.revision == 1)
    & (_SUBJECT.c.sequence < EVENT.c.sequence)
)


def _raw(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, NullType()).label(column.key)


# As bytes: text that is no UTF-8 could not be fetched at all.
BODY: Final = cast(EVENT.c.body, LargeBinary).label("body")
_FROM_EVENT: Final = ("sequence", "event_id", "user_id", "recorded_at", "event_time", "subject_event_id", "body_hash")
_FROM_DECISION: Final = (
    *("decision_id", "kind", "action", "score", "reversal_score", "reason_codes", "reward_micros", "decided_at"),
    *("model_version", "policy_version", "features_version", "vector"),
)
_ASKED: Final = (
    select(
        BODY,
        *(_raw(EVENT.c[name]) for name in _FROM_EVENT),
        *(_raw(_FIRST.c[name]) for name in _FROM_DECISION),
        _FIRST.c.sequence.label("decided_sequence"),
        _FIRST.c.user_id.label("decided_user_id"),
        _SUBJECT.c.user_id.label("subject_user_id"),
    )
    .select_from(EVENT.outerjoin(_FIRST, _IS_FIRST).outerjoin(_SUBJECT, _IS_SUBJECT))
    .where(EVENT.c.sequence.between(bindparam("first"), bindparam("last")))
    .order_by(EVENT.c.sequence)
)
_ORPHANS: Final = (
    select(count())
    .select_from(_FIRST.outerjoin(EVENT, EVENT.c.event_id == _FIRST.c.event_id))
    .where(EVENT.c.sequence.is_(None))
)


def bounds(connection: Connection, since: int, until: int) -> tuple[int, int] | None:
    """The first and the last sequence of that time, microseconds on the service's clock; None for none.

    Whichever says so, the event or its decision: neither can leave the stretch by naming another instant.
    """
    place = EVENT.c.sequence
    instants = (EVENT.c.recorded_at, _FIRST.c.decided_at)
    within = or_(*((at >= since) & (at < until) for at in instants))
    asked = select(func.min(place), func.max(place)).select_from(EVENT.outerjoin(_FIRST, _IS_FIRST)).where(within)
    first, last = connection.execute(asked).one()
    return None if first is None else (first, last)


def arrivals(connection: Connection, first: int, last: int) -> Iterator[Any]:
    """Events and outcomes from the sequence `first` to `last`, each with its first decision; None where it has none."""
    return iter(connection.execute(_ASKED, {"first": first, "last": last}))


def orphans(connection: Connection, first: int, last: int, since: int, until: int) -> int:
    """Decisions of that stretch, or of that time, whose event the records do not hold."""
    at = _FIRST.c.decided_at
    within = or_(_FIRST.c.sequence.between(first, last), (at >= since) & (at < until))
    return connection.execute(_ORPHANS.where(_FIRST.c.revision == 1, within)).scalar_one()


def read_body(body: bytes) -> Event | Outcome | None:
    """None for one that cannot be read."""
    try:
        return parse(json.loads(body.decode()))
    except (ValueError, TypeError, AttributeError, RecursionError):  # it may be no text, no object, or nest without end
        return None


def faults_of(arrival: Any, record: Event | Outcome) -> Iterator[str]:
    """In which respects the event, its stamps and its decision contradict each other. `record` is the body, read."""
    if hashlib.sha256(arrival.body).digest() != arrival.body_hash:
        yield "the body is not the one that was hashed"
    user_id = record.user_id
    if isinstance(record, Outcome):
        user_id = user_id or arrival.subject_user_id
        if record.subject_event_id != arrival.subject_event_id:
            yield "the event's subject is not that of its body"
    if user_id != arrival.user_id:
        yield "the event's user is not that of its body"
    if (record.event_id, record.event_time) != (arrival.event_id, arrival.event_time):
        yield "the event's id or time is not that of its body"
    if isinstance(record, Event):
        yield from _faults_of_decision(arrival, record)


def _faults_of_decision(arrival: Any, event: Event) -> Iterator[str]:
    if arrival.decision_id is None:
        yield "no decision"
        return
    if arrival.decision_id != records.decision_id(event.event_id):
        yield "the decision's id is not that of its event"
    if (arrival.kind, arrival.decided_user_id) != (event.kind, event.user_id):
        yield "the decision's kind or user is not that of its event"
    if arrival.decided_at != arrival.recorded_at:
        yield "decided at another instant than the event arrived"
