"""The offer log: every price that was offered, with what is needed to learn from it, and what became of it.

An outcome is known once a completion is told, or `late_hours` after `complete_by`, and gets the next number: whoever
learns folds the outcomes in this order, live or all over again, and so ends in the same state. Completions are known
early and failures late, so a learner waits with both until `known_from`, when either would be known; else every young
price would look good. A completion that is told of after that is paid, and counts as none in what is learned.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    select,
    text,
    update,
)

from serving.database import METADATA
from serving.pricing.inserting import insert_rows

Logged = Row[*tuple[Any, ...]]
"""A row of the log; `COLUMNS` names its parts."""

KNOWN_MAX: Final = 1_000
"""Outcomes that become known in one unit of work; more would hold the one writer for too long."""


def _where(name: str, columns: Sequence[str], condition: str, *, unique: bool = False) -> Index:
    """An index of some rows only: most have nothing there yet, and every price would wait for it."""
    return Index(name, *columns, unique=unique, sqlite_where=text(condition), postgresql_where=text(condition))


OFFER = Table(
    "offer",
    METADATA,
    Column("offer_id", String(64), primary_key=True),
    Column("request_id", String(128), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("task_id", String(128), nullable=False),
    Column("campaign_id", String(128), nullable=False),
    Column("task_kind", String(64), nullable=False),
    Column("segment", String(64), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("offered_at", BigInteger, nullable=False),
    Column("accept_by", BigInteger, nullable=False),
    Column("complete_by", BigInteger, nullable=False),
    Column("ticked_at", BigInteger),
    Column("value_pressure", Float),
    Column("reward_pressure", Float),
    Column("started_at", BigInteger),
    Column("started_by_event", String(128)),
    Column("started_day", Integer),
    Column("is_over_cap", Boolean),
    _where("offer_started", ["campaign_id", "started_at"], "started_at IS NOT NULL"),
    _where("offer_started_by", ["user_id", "campaign_id"], "started_at IS NOT NULL"),
)
"""One task offered to one person, and when it was started: that fixes what its goals pay.

`is_over_cap`: its start passed a cap of the campaign, so that a person decides what its goals pay.
`value_pressure`, `reward_pressure`: the duals of the two budgets that its prices were chosen under, as they stood from
`ticked_at` on; blank where a price was static. A price that a budget moved cannot be replayed without them.
"""

OFFER_GOAL = Table(
    "offer_goal",
    METADATA,
    Column("offer_id", String(64), ForeignKey("offer.offer_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("goal_id", String(128)),
    Column("value_micros", BigInteger, nullable=False),
    Column("reward_micros", BigInteger, nullable=False),
    Column("propensity", Float, nullable=False),
    Column("stratum", String(16), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("allowed_micros", Text, nullable=False),
    Column("owed_micros", BigInteger),
    Column("chance", Float),
    Column("quality", Float, nullable=False),
    Column("completed_by_event", String(128)),
    Column("known_from", BigInteger, nullable=False),
    Column("completed", Boolean),
    Column("known_at", BigInteger),
    Column("known_order", BigInteger),
    _where("offer_goal_unknown", ["known_from"], "completed IS NULL"),
    _where("offer_goal_known", ["known_order"], "known_order IS NOT NULL", unique=True),
    _where("offer_goal_done", ["completed_by_event"], "completed_by_event IS NOT NULL", unique=True),
)
"""One goal of an offer: a level among those allowed, with the propensity without which it could not be learned from.

`owed_micros`: what the start locked. `completed`: the outcome, once known: at `known_at`, as number `known_order`.
"""

_DUE: Final = (
    select(OFFER_GOAL.c.offer_id, OFFER_GOAL.c.position)
    .where(OFFER_GOAL.c.completed.is_(None), OFFER_GOAL.c.known_from <= bindparam("now"))
    .order_by(OFFER_GOAL.c.known_from, OFFER_GOAL.c.offer_id, OFFER_GOAL.c.position)
    .limit(bindparam("count"))
)
_LAST: Final = select(func.coalesce(func.max(OFFER_GOAL.c.known_order), 0))
_THIS_GOAL: Final = and_(OFFER_GOAL.c.offer_id == bindparam("offer"), OFFER_GOAL.c.position == bindparam("place"))
_KNOW: Final = (
    update(OFFER_GOAL)
    .where(_THIS_GOAL, OFFER_GOAL.c.completed.is_(None))
    .values(completed=bindparam("done"), known_at=bindparam("now"), known_order=bindparam("order"))
)
_COMPLETE: Final = (
    update(OFFER_GOAL)
    .where(_THIS_GOAL, OFFER_GOAL.c.completed_by_event.is_(None))
    .values(completed_by_event=bindparam("event"))
)
_LOGGED: Final = select(
    OFFER.c.offer_id,
    OFFER_GOAL.c.position,
    OFFER_GOAL.c.goal_id,
    OFFER.c.user_id,
    OFFER.c.task_id,
    OFFER.c.campaign_id,
    OFFER.c.task_kind,
    OFFER.c.segment,
    OFFER.c.currency,
    OFFER_GOAL.c.value_micros,
    OFFER_GOAL.c.reward_micros,
    OFFER_GOAL.c.propensity,
    OFFER_GOAL.c.stratum,
    OFFER_GOAL.c.policy_version,
    OFFER_GOAL.c.allowed_micros,
    OFFER.c.offered_at,
    OFFER.c.accept_by,
    OFFER.c.complete_by,
    OFFER.c.started_at,
    OFFER_GOAL.c.owed_micros,
    OFFER_GOAL.c.completed,
    OFFER_GOAL.c.quality,
    OFFER_GOAL.c.known_at,
    OFFER.c.ticked_at,
    OFFER.c.value_pressure,
    OFFER.c.reward_pressure,
).join_from(OFFER_GOAL, OFFER, OFFER.c.offer_id == OFFER_GOAL.c.offer_id)
COLUMNS: Final = tuple(column.name for column in _LOGGED.selected_columns)
"""Of a row of the log, in order."""

_NEWS: Final = (
    _LOGGED.add_columns(
        OFFER_GOAL.c.chance,
        OFFER_GOAL.c.known_from,
        OFFER_GOAL.c.known_order,
    )
    .where(OFFER_GOAL.c.known_order > bindparam("after"))
    .order_by(OFFER_GOAL.c.known_order)
    .limit(bindparam("count"))
)


OFFER_PARTS: Final = (
    "offer_id",
    "request_id",
    "user_id",
    "task_id",
    "campaign_id",
    "task_kind",
    "segment",
    "currency",
    "offered_at",
    "accept_by",
    "complete_by",
    "ticked_at",
    "value_pressure",
    "reward_pressure",
)
GOAL_PARTS: Final = (
    "offer_id",
    "position",
    "goal_id",
    "value_micros",
    "reward_micros",
    "propensity",
    "stratum",
    "policy_version",
    "allowed_micros",
    "chance",
    "quality",
    "known_from",
)
"""What is known of an offer and of its goals when it is made, in the order of the tables."""


def keep(connection: Connection, offers: Sequence[tuple[Any, ...]], goals: Sequence[tuple[Any, ...]]) -> None:
    """Log offers, tuples of OFFER_PARTS, and their goals, of GOAL_PARTS."""
    insert_rows(connection, OFFER, OFFER_PARTS, offers)
    insert_rows(connection, OFFER_GOAL, GOAL_PARTS, goals)


def complete(connection: Connection, offer_id: str, position: int, event_id: str, now: int) -> bool:
    """Note which event completed a goal, and that it is known; False, and nothing, if another event did before."""
    goal = {"offer": offer_id, "place": position}
    if connection.execute(_COMPLETE, goal | {"event": event_id}).rowcount != 1:
        return False
    connection.execute(_KNOW, goal | {"done": True, "now": now, "order": _last(connection) + 1})
    return True


def become_known(connection: Connection, now: int, limit: int = KNOWN_MAX) -> int:
    """Note at most `limit` goals that time has shown to be completed by nobody, the oldest first; how many."""
    due = connection.execute(_DUE, {"now": now, "count": min(limit, KNOWN_MAX)}).all()
    if due:
        first = _last(connection) + 1
        goals = [
            {"offer": row.offer_id, "place": row.position, "done": False, "now": now, "order": first + at}
            for at, row in enumerate(due)
        ]
        connection.execute(_KNOW, goals)
    return len(due)


def news(connection: Connection, after: int, limit: int = KNOWN_MAX) -> list[Logged]:
    """At most `limit` outcomes that became known after the one numbered `after` (0: all), in that order, which is
    that of `known_order`. They carry `chance`, `known_from` and `known_order`, too.
    """
    return list(connection.execute(_NEWS, {"after": after, "count": limit}).all())


def rows(connection: Connection) -> Iterator[Sequence[Logged]]:
    """The whole log, a few thousand rows at a time, by offer and goal as they were made."""
    asked = _LOGGED.order_by(OFFER.c.offered_at, OFFER_GOAL.c.offer_id, OFFER_GOAL.c.position)
    yield from connection.execution_options(yield_per=5_000).execute(asked).partitions()


def _last(connection: Connection) -> int:
    return int(connection.execute(_LAST).scalar_one())
