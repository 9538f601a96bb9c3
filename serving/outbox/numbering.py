"""Numbers are given after the commit, by one at a time, to what is committed: so they follow the order of commits.

A sequence of the database is drawn inside a transaction, and may be committed after a larger one; who then asks for
what came after the larger one never sees the smaller. Here a number exists only once everything below it is visible.
Two changes of one subject keep the order in which they were told, for the second of two that touch one row is told
after the first has committed.
"""

from collections import Counter
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, text

from serving.outbox.changes import CHANGE, CHANGE_HEAD, CHANGE_SUBJECT, OUTBOX

NUMBERED_MAX: Final = 500
"""Changes that are numbered at once; more would hold the one writer for too long."""

DAY: Final = 86_400 * 1_000_000
KEPT_DAYS: Final = 35
"""For so long a change can be polled. One that a receiver waits for is kept until it was delivered."""

_FIRST = text("INSERT INTO change_head (id, sequence, pruned) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING")
_HEAD = select(CHANGE_HEAD.c.sequence).where(CHANGE_HEAD.c.id == 1).with_for_update()
_ADVANCE = text("UPDATE change_head SET sequence = :sequence WHERE id = 1")
_TOLD = select(OUTBOX).order_by(OUTBOX.c.id).limit(NUMBERED_MAX)
_ANY_TOLD = select(OUTBOX.c.id).limit(1)
_COUNTED = select(CHANGE_SUBJECT.c.subject, CHANGE_SUBJECT.c.sequence).where(
    CHANGE_SUBJECT.c.subject.in_(bindparam("subjects", expanding=True))
)
_NUMBER = insert(CHANGE)
_TAKEN = delete(OUTBOX).where(OUTBOX.c.id.in_(bindparam("ids", expanding=True)))
_COUNT_AWAITED = text(
    "INSERT INTO change_subject (subject, sequence, delivered, failures, next_at) "
    "VALUES (:subject, :sequence, 0, 0, :now) ON CONFLICT (subject) DO UPDATE SET "
    "sequence = excluded.sequence, next_at = COALESCE(change_subject.next_at, excluded.next_at)"
)
_COUNT = text(
    "INSERT INTO change_subject (subject, sequence, delivered, failures, next_at) "
    "VALUES (:subject, :sequence, :sequence, 0, NULL) ON CONFLICT (subject) DO UPDATE SET "
    "sequence = excluded.sequence, delivered = excluded.sequence, failures = 0, next_at = NULL"
)
_OLD = (
    select(CHANGE.c.sequence)
    .join(CHANGE_SUBJECT, CHANGE_SUBJECT.c.subject == CHANGE.c.subject)
    .where(CHANGE.c.numbered_at < bindparam("before"), CHANGE.c.subject_sequence <= CHANGE_SUBJECT.c.delivered)
    .order_by(CHANGE.c.numbered_at, CHANGE.c.sequence)
    .limit(NUMBERED_MAX)
)
_FORGET = delete(CHANGE).where(CHANGE.c.sequence.in_(bindparam("sequences", expanding=True)))
_PRUNED = text("UPDATE change_head SET pruned = :pruned WHERE id = 1 AND pruned < :pruned")


def has_unnumbered(connection: Connection) -> bool:
    return connection.execute(_ANY_TOLD).first() is not None


def number(connection: Connection, now: int, *, is_awaited: bool) -> int:
    """Number at most `NUMBERED_MAX` of what was told; how many. `is_awaited`: a receiver is to be posted them.

    What is numbered while there is no receiver is never posted later; it can be polled.
    """
    connection.execute(_FIRST)
    last = connection.execute(_HEAD).scalar_one()  # locks: of two that number, the second waits here
    told = connection.execute(_TOLD).all()
    if not told:
        return 0
    counts = _counts(connection, {row.subject for row in told})
    numbered: list[dict[str, Any]] = []
    for at, row in enumerate(told, last + 1):
        counts[row.subject] += 1
        columns = {name: value for name, value in row._asdict().items() if name != "id"}
        numbered.append(columns | {"sequence": at, "subject_sequence": counts[row.subject], "numbered_at": now})
    connection.execute(_NUMBER, numbered)
    # Sorted, so that two that count never wait for each other.
    counted = [{"subject": subject, "sequence": count, "now": now} for subject, count in sorted(counts.items())]
    connection.execute(_COUNT_AWAITED if is_awaited else _COUNT, counted)
    connection.execute(_TAKEN, {"ids": [row.id for row in told]})
    connection.execute(_ADVANCE, {"sequence": last + len(told)})
    return len(told)


def prune(connection: Connection, now: int) -> int:
    """Forget at most `NUMBERED_MAX` changes that are older than `KEPT_DAYS` and that nobody waits for; how many."""
    old = connection.execute(_OLD, {"before": now - KEPT_DAYS * DAY}).scalars().all()
    if old:
        connection.execute(_FORGET, {"sequences": old})
        connection.execute(_PRUNED, {"pruned": old[-1]})
    return len(old)


def _counts(connection: Connection, subjects: set[str]) -> Counter[str]:
    rows = connection.execute(_COUNTED, {"subjects": list(subjects)})
    return Counter({row.subject: row.sequence for row in rows})
