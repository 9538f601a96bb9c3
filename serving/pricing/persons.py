"""What Assay has seen of a person, for what a request leaves out: read from the newest records, never guessed.

A ban, and an identity that was verified, count however long ago they were told.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow.compute as pc
from sqlalchemy import Connection, Row, bindparam, desc, select

from features.events import Disposition, Kind, OutcomeKind
from features.log import Log
from features.windows import DAY
from serving.pricing.targeting import Facts
from serving.records import DECISION, EVENT

SEEN_MAX: Final = 50
"""Records of a person that are looked at, the newest first."""

_NEWEST: Final = (
    select(EVENT.c.sequence, EVENT.c.body, DECISION.c.score)
    .outerjoin_from(EVENT, DECISION, EVENT.c.event_id == DECISION.c.event_id)
    .where(EVENT.c.user_id == bindparam("user"))
    .order_by(desc(EVENT.c.sequence), desc(DECISION.c.revision))
    .limit(SEEN_MAX)
)
_FIRST: Final = (
    select(EVENT.c.event_time).where(EVENT.c.user_id == bindparam("user")).order_by(EVENT.c.sequence).limit(1)
)
# Found by its index, for it counts however long ago it was; the text is looked for first, and the body then read.
_BANS: Final = select(EVENT.c.body).where(
    EVENT.c.user_id == bindparam("user"), EVENT.c.subject_event_id.is_not(None), EVENT.c.body.contains(OutcomeKind.BAN)
)
# Asked only where a task requires it and no new record tells it: that may read all of a person's events.
_VERIFIED: Final = (
    select(EVENT.c.body)
    .where(EVENT.c.user_id == bindparam("user"), EVENT.c.body.contains(Kind.IDENTITY_VERIFIED))
    .order_by(EVENT.c.sequence)
)
_FOUND: Final = {Disposition.GENUINE: 0.0, Disposition.FRAUD: 1.0}


def seen(
    connection: Connection, user_id: str, now: int, required: Collection[str] = (), banned: Collection[str] = ()
) -> Facts:
    """Of the newest records that say it: country, device, and the newest risk; of all, a ban, and what was verified
    where it is `required`. `banned` are people whose ban was told before this service, see `banned_in`.
    """
    rows = connection.execute(_NEWEST, {"user": user_id}).all()
    bodies = [json.loads(row.body) for row in rows]
    first = connection.execute(_FIRST, {"user": user_id}).scalar_one_or_none()
    prints = [body.get("fingerprint") or {} for body in bodies]
    verified = _is_verified(bodies) or (
        Kind.IDENTITY_VERIFIED in required
        and any(_is_verified([json.loads(body)]) for body in connection.execute(_VERIFIED, {"user": user_id}).scalars())
    )
    return Facts(
        country=_newest(bodies, "country"),
        device_os=_newest(prints, "os"),
        price_tier=_newest(prints, "price_tier"),
        account_days=None if first is None else max(now - first, 0) // DAY,
        requirements_met=frozenset({str(Kind.IDENTITY_VERIFIED)} if verified else ()),
        risk=_risk(rows, bodies),
        is_banned=user_id in banned or _is_banned(connection, user_id),
    )


def banned_in(log: Log) -> frozenset[str]:
    """Whom the outcomes of an event log ban: the person that one names, or else whose event it speaks of.

    The service's records begin where the log ends, so that they do not tell of these.
    """
    people: set[str | None] = set()
    subjects: set[str] = set()
    for table in log.tables(("kind", "user_id", "subject_event_id")):
        for row in table.filter(pc.field("kind") == str(OutcomeKind.BAN)).to_pylist():
            people.add(row["user_id"])
            if row["user_id"] is None:
                subjects.add(row["subject_event_id"])
    for table in log.tables(("event_id", "user_id")) if subjects else ():
        people.update(table.filter(pc.field("event_id").isin(sorted(subjects)))["user_id"].to_pylist())
    return frozenset(user for user in people if user is not None)


def _is_verified(bodies: Iterable[Mapping[str, Any]]) -> bool:
    return any(body["kind"] == Kind.IDENTITY_VERIFIED for body in bodies)


def _is_banned(connection: Connection, user_id: str) -> bool:
    told = connection.execute(_BANS, {"user": user_id}).scalars()
    return any(json.loads(body)["kind"] == OutcomeKind.BAN for body in told)


def _newest(bodies: Sequence[dict[str, Any]], name: str) -> Any:
    return next((body[name] for body in bodies if body.get(name) is not None), None)


def _risk(rows: Sequence[Row[*tuple[Any, ...]]], bodies: Sequence[dict[str, Any]]) -> float:
    """The newest score; or what a person has found since."""
    for row, body in zip(rows, bodies, strict=True):
        if body.get("disposition") in _FOUND:
            return _FOUND[body["disposition"]]
        if row.score is not None:
            return float(row.score)
    return 0.0
