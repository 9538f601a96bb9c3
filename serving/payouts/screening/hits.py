"""Possible hits: questions to a person whether somebody is the one on a list, and what was answered.

A question is asked once for the same facts of the person and the same entry: what was answered stays, with its reason
and the name of who answered. No machine refuses anybody; until the answer the money waits.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
)

from serving.database import METADATA
from serving.ledger.refusals import missing
from serving.payouts.identity import persons, states
from serving.payouts.identity.persons import PERSON, Known, Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.moves import assert_legal, compare_and_set
from serving.payouts.saga import wake
from serving.payouts.screening.index import Match

LISTED_MAX: Final = 500
REASON_CHARACTERS_MAX: Final = 2_000
UNREADABLE: Final = "unreadable"
"""In the place of an entry: the name itself must be read by a person."""


class HitState(StrEnum):
    """Withdrawn: the list, or the person's facts, do not say so any more, and nobody had answered."""

    OPEN = "open"
    CLEARED = "cleared"
    CONFIRMED = "confirmed"
    WITHDRAWN = "withdrawn"


MOVES: Final[dict[HitState, frozenset[HitState]]] = {
    HitState.OPEN: frozenset({HitState.CLEARED, HitState.CONFIRMED, HitState.WITHDRAWN}),
    # A person may correct a person; both answers are kept.
    HitState.CLEARED: frozenset({HitState.CONFIRMED}),
    HitState.CONFIRMED: frozenset({HitState.CLEARED}),
    HitState.WITHDRAWN: frozenset({HitState.OPEN}),
}


class Standing(StrEnum):
    """Of one person, before the current lists. Due: not searched yet."""

    CLEAR = "clear"
    DUE = "due"
    OPEN = "open"
    CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Hit:
    id: str
    user_id: str
    entry_id: str
    score: float
    state: HitState
    version: int
    opened_at: int


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """A hit as its reviewer sees it: who was searched, and what the list says."""

    hit: Hit
    person: Person
    listed: dict[str, Any]


SCREENING = Table(
    "screening",
    METADATA,
    Column("user_id", String(128), primary_key=True),
    Column("facts", String(64), nullable=False),
    Column("lists", String(128), nullable=False),
    Column("screened_at", BigInteger, nullable=False),
)
"""Which facts of a person were last searched in which lists."""

SCREENING_LISTS = Table(
    "screening_lists",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", String(128), nullable=False),
    Column("announced_at", BigInteger, nullable=False),
)
"""One row: the version of the lists in which everybody must have been searched."""

SCREENING_HIT = Table(
    "screening_hit",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("facts", String(64), nullable=False),
    Column("entry_id", String(255), nullable=False),
    Column("score", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index("screening_hit_of_user", "user_id", "state"),
    Index("screening_hit_in_state", "state", "opened_at"),
)

SCREENING_ANSWER = Table(
    "screening_answer",
    METADATA,
    Column("hit_id", String(64), ForeignKey("screening_hit.id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("answer", String(16), nullable=False),
    Column("answered_by", String(128), nullable=False),
    Column("sealed_reason", LargeBinary, nullable=False),
    Column("answered_at", BigInteger, nullable=False),
)

_CURRENT = select(SCREENING_LISTS.c.version).where(SCREENING_LISTS.c.id == 1)
_HIT_STATES = (
    select(SCREENING_HIT.c.user_id, SCREENING_HIT.c.state)
    .where(SCREENING_HIT.c.user_id.in_(bindparam("users", expanding=True)))
    .distinct()
)
_SEARCHED = select(SCREENING).where(SCREENING.c.user_id.in_(bindparam("users", expanding=True)))
_FIND = select(SCREENING_HIT).where(SCREENING_HIT.c.id == bindparam("hit"))
_ANNOUNCE = text(
    "INSERT INTO screening_lists (id, version, announced_at) VALUES (1, :version, :now) "
    "ON CONFLICT (id) DO UPDATE SET version = excluded.version, announced_at = excluded.announced_at"
)
_SCREENED = text(
    "INSERT INTO screening (user_id, facts, lists, screened_at) VALUES (:user_id, :facts, :lists, :now) "
    "ON CONFLICT (user_id) DO UPDATE SET facts = excluded.facts, lists = excluded.lists, "
    "screened_at = excluded.screened_at"
)


def announce(connection: Connection, lists: str, now: int) -> None:
    """From here on everybody who was searched in other lists is due again. The same version again: no effect."""
    if connection.scalar(_CURRENT) != lists:
        connection.execute(_ANNOUNCE, {"version": lists, "now": now})


def standing(connection: Connection, known: Known) -> Standing:
    """A confirmed hit stays until a person says otherwise, also when the list has forgotten it."""
    return standing_each(connection, [known])[known.user_id]


def standing_each(connection: Connection, people: Sequence[Known]) -> dict[str, Standing]:
    """The same of many people, by user id."""
    if not people:
        return {}
    users = {"users": [one.user_id for one in people]}
    found: dict[str, set[str]] = {}
    for user_id, state in connection.execute(_HIT_STATES, users):
        found.setdefault(user_id, set()).add(state)
    searched = {row.user_id: (row.facts, row.lists) for row in connection.execute(_SEARCHED, users)}
    current = connection.scalar(_CURRENT)
    return {one.user_id: _standing(one, found.get(one.user_id, set()), searched, current) for one in people}


def _standing(known: Known, found: set[str], searched: Mapping[str, tuple[str, str]], current: str | None) -> Standing:
    if HitState.CONFIRMED in found:
        return Standing.CONFIRMED
    if HitState.OPEN in found:
        return Standing.OPEN
    is_searched = current is not None and searched.get(known.user_id) == (known.digest, current)
    return Standing.CLEAR if is_searched else Standing.DUE


def is_due(connection: Connection, lists: str) -> bool:
    """Whether anybody is to be searched in the lists of this version, or it has not been announced."""
    return connection.scalar(_CURRENT) != lists or bool(due(connection, 1))


def due(connection: Connection, limit: int) -> list[str]:
    """User ids to be searched in the current lists, those that were never searched first."""
    query = (
        select(PERSON.c.user_id)
        .outerjoin(SCREENING, SCREENING.c.user_id == PERSON.c.user_id)
        .where(
            SCREENING.c.user_id.is_(None)
            | (SCREENING.c.facts != PERSON.c.digest)
            | (SCREENING.c.lists != _CURRENT.scalar_subquery())
        )
        .order_by(SCREENING.c.screened_at.is_not(None), SCREENING.c.screened_at, PERSON.c.user_id)
        .limit(limit)
    )
    return list(connection.scalars(query))


def record(
    connection: Connection, known: Known, lists: str, matches: Sequence[Match] | None, seal: Seal, now: int
) -> int:
    """Keep the result of a search: open what is new, withdraw what is not found any more. How many are open now.

    `matches` None: nobody but a person can read the name. Results for facts that have changed since count for nothing.
    The person's parked payouts are looked at again.
    """
    states.lock(connection, known.user_id, now)  # first, as the gate does: a payout is parked before this or sees it
    if persons.find(connection, known.user_id) != known:
        return 0
    connection.execute(_SCREENED, {"user_id": known.user_id, "facts": known.digest, "lists": lists, "now": now})
    found = {_id(known, "", seal): None} if matches is None else {_id(known, m.entry.digest, seal): m for m in matches}
    rows = {
        row.id: row for row in connection.execute(select(SCREENING_HIT).where(SCREENING_HIT.c.user_id == known.user_id))
    }
    for id_, row in rows.items():
        if row.state == HitState.OPEN and id_ not in found:
            _move(connection, _hit_of(row), HitState.WITHDRAWN, now)
        if row.state == HitState.WITHDRAWN and id_ in found:
            _move(connection, _hit_of(row), HitState.OPEN, now)
    new = [_new_hit(id_, known, match, seal, now) for id_, match in found.items() if id_ not in rows]
    if new:
        connection.execute(insert(SCREENING_HIT), new)
    wake(connection, known.user_id, now)
    return len(new) + sum(rows[id_].state in {HitState.OPEN, HitState.WITHDRAWN} for id_ in found.keys() & rows.keys())


def open_hits(connection: Connection, limit: int = LISTED_MAX) -> list[Hit]:
    """What waits for a person, the longest waiting first, at most LISTED_MAX."""
    query = select(SCREENING_HIT).where(SCREENING_HIT.c.state == HitState.OPEN)
    rows = query.order_by(SCREENING_HIT.c.opened_at, SCREENING_HIT.c.id).limit(min(limit, LISTED_MAX))
    return [_hit_of(row) for row in connection.execute(rows)]


def question(connection: Connection, hit_id: str, seal: Seal) -> Question:
    """For the eyes of the reviewer. Raises `Missing`, `Unsealable`."""
    row = _row(connection, hit_id)
    body = json.loads(seal.open(row.sealed, _about(hit_id)))
    read = persons.read(connection, row.user_id, seal)
    assert read is not None, "a hit is about somebody on record"
    return Question(_hit_of(row), read[0], body)


def answer(connection: Connection, hit: Hit, target: HitState, by: str, reason: str, seal: Seal, now: int) -> Hit:
    """A person says whether it is the one listed (`confirmed`) or not (`cleared`); the same again: no effect. The
    person's parked payouts are looked at again.

    Raises ValueError without a name or a reason, `IllegalMove`, or `Overtaken` by another reviewer.
    """
    if target not in {HitState.CLEARED, HitState.CONFIRMED}:
        raise ValueError("target: a person answers cleared or confirmed")
    if not by.strip() or len(by) > 128:
        raise ValueError("by: name the person who answers, in at most 128 characters")
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise ValueError(f"reason: say why, in at most {REASON_CHARACTERS_MAX:,} characters")
    if hit.state is target:
        return hit
    states.lock(connection, hit.user_id, now)  # as in `record`
    after = _move(connection, hit, target, now)
    wake(connection, hit.user_id, now)
    kept = {
        "hit_id": hit.id,
        "version": after.version,
        "answer": target,
        "answered_by": by,
        "sealed_reason": seal.close(reason, f"{_about(hit.id)}/{after.version}"),
        "answered_at": now,
    }
    connection.execute(insert(SCREENING_ANSWER), [kept])
    return after


def get(connection: Connection, hit_id: str) -> Hit:
    """Raises `Missing`."""
    return _hit_of(_row(connection, hit_id))


def answers(connection: Connection, hit_id: str, seal: Seal) -> list[dict[str, Any]]:
    """Each with `answer`, `answered_by`, `reason` and `answered_at`, the first one first. Raises `Unsealable`."""
    query = select(SCREENING_ANSWER).where(SCREENING_ANSWER.c.hit_id == hit_id).order_by(SCREENING_ANSWER.c.version)
    return [
        {
            "answer": row.answer,
            "answered_by": row.answered_by,
            "reason": seal.open(row.sealed_reason, f"{_about(hit_id)}/{row.version}"),
            "answered_at": row.answered_at,
        }
        for row in connection.execute(query)
    ]


def _move(connection: Connection, hit: Hit, target: HitState, now: int) -> Hit:
    """Compare and set through MOVES."""
    assert_legal(MOVES, hit.state, target, f"hit {hit.id!r}", hit_id=hit.id)
    version = compare_and_set(connection, SCREENING_HIT, hit, "hit", now, state=target)
    return Hit(hit.id, hit.user_id, hit.entry_id, hit.score, target, version, hit.opened_at)


def _id(known: Known, entry_digest: str, seal: Seal) -> str:
    """The same for the same person, facts and entry: that is what is not asked twice."""
    return seal.digest("\n".join((known.user_id, known.digest, entry_digest)))


def _new_hit(id_: str, known: Known, match: Match | None, seal: Seal, now: int) -> dict[str, Any]:
    listed: dict[str, Any] = {}
    if match is not None:
        entry = match.entry
        listed = {"listed_as": match.listed_as, "names": entry.names, "birth_dates": entry.birth_dates}
        listed["births"] = match.births
    return {
        "id": id_,
        "user_id": known.user_id,
        "facts": known.digest,
        "entry_id": match.entry.id if match else UNREADABLE,
        "score": match.score if match else 1.0,
        "state": HitState.OPEN,
        "version": 1,
        "sealed": seal.close(json.dumps(listed, ensure_ascii=False), _about(id_)),
        "opened_at": now,
        "updated_at": now,
    }


def _row(connection: Connection, hit_id: str) -> Row[Any]:
    row = connection.execute(_FIND, {"hit": hit_id}).one_or_none()
    if row is None:
        raise missing("screening hit", hit_id)
    return row


def _about(hit_id: str) -> str:
    return f"screening_hit/{hit_id}"


def _hit_of(row: Row[Any]) -> Hit:
    return Hit(row.id, row.user_id, row.entry_id, row.score, HitState(row.state), row.version, row.opened_at)
