"""Statements and breaks on record: a file counts once, a break is opened once and says who closed it and why."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Row,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from serving.database import METADATA
from serving.ledger.refusals import AlreadyResolved, missing
from serving.payouts.reconciliation.rows import BREAKS

ASSAY: Final = "assay"
"""Who closes a break that is found no more."""
NAME_LENGTH_MAX: Final = 255
_NAME: Final = String(NAME_LENGTH_MAX)

STATEMENT = Table(
    "reconciliation_statement",
    METADATA,
    Column("source", String(160), primary_key=True),
    Column("digest", String(64), primary_key=True),
    Column("name", _NAME, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

BREAK = Table(
    "reconciliation_break",
    METADATA,
    Column("id", String(24), primary_key=True),
    Column("source", String(160), nullable=False),
    Column("subject", String(600), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("currency", String(3)),
    Column("ours_micros", BigInteger),
    Column("their_currency", String(3)),
    Column("theirs_micros", BigInteger),
    Column("difference_micros", BigInteger),
    Column("key", _NAME),
    Column("reference", _NAME),
    Column("statement", _NAME),
    Column("row", BigInteger),
    Column("opened_at", BigInteger, nullable=False),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    Column("resolution", String(500)),
    Column("resolved_by", _NAME),
    CheckConstraint(
        "(resolved_at IS NULL) = (resolution IS NULL) AND (resolved_at IS NULL) = (resolved_by IS NULL)",
        name="reconciliation_break_resolved",
    ),
    Index("reconciliation_break_standing", "source", "resolved_at"),
)
_CLOSE = (
    update(BREAK)
    .where(BREAK.c.id == bindparam("break_id"))
    .values(resolved_at=bindparam("now"), resolution=bindparam("why"), resolved_by=bindparam("who"))
)
_UPDATED: Final = ("ours_micros", "theirs_micros", "difference_micros", "statement", "row")
_REOPEN = (
    update(BREAK)
    .where(BREAK.c.id == bindparam("break_id"))
    .values(
        resolved_at=None,
        resolution=None,
        resolved_by=None,
        **{name: bindparam(f"new_{name}") for name in _UPDATED},
    )
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A file that was taken in: `digest` of its bytes, the period that it covers, both ends included."""

    source: str
    digest: str
    name: str
    since: int
    until: int
    row_count: int


@dataclass(frozen=True, slots=True)
class Change:
    """How many breaks a run opened (or found again after they were closed), and how many it closed."""

    opened: int
    closed: int


def break_id(source: str, subject: str, cause: str) -> str:
    """One id for one disagreement, whoever finds it and however often."""
    return hashlib.sha256("\0".join((source, subject, cause)).encode()).hexdigest()[:24]


def statements(connection: Connection) -> list[Statement]:
    """Of all sources, each source's in order of time."""
    query = select(STATEMENT).order_by(STATEMENT.c.source, STATEMENT.c.since, STATEMENT.c.digest)
    return [_statement_of(row) for row in connection.execute(query)]


def keep_statement(connection: Connection, statement: Statement, now: int) -> None:
    """Again with the same bytes: it replaces what was kept."""
    same = (STATEMENT.c.source == statement.source) & (STATEMENT.c.digest == statement.digest)
    connection.execute(delete(STATEMENT).where(same))
    columns = {name: getattr(statement, name) for name in Statement.__slots__}
    connection.execute(insert(STATEMENT), [columns | {"recorded_at": now}])


def settle(connection: Connection, source: str, found: pl.DataFrame, now: int) -> Change:
    """Make what stands on record equal what was `found` (BREAKS) for a source; the same again changes nothing.

    What is found no more is closed by Assay. What a person closed stays closed while the difference is the same.
    """
    wanted = {break_id(source, row["subject"], row["cause"]): row for row in found.iter_rows(named=True)}
    known = {row.id: row for row in connection.execute(select(BREAK).where(BREAK.c.source == source))}
    new = [_row_of(id_, source, row, now) for id_, row in wanted.items() if id_ not in known]
    again = [id_ for id_, row in known.items() if id_ in wanted and _is_found_again(row, wanted[id_])]
    gone = [id_ for id_, row in known.items() if row.resolved_at is None and id_ not in wanted]
    changed = [
        id_
        for id_, row in known.items()
        if id_ in wanted and row.resolved_at is None and any(getattr(row, one) != wanted[id_][one] for one in _UPDATED)
    ]
    if new:
        connection.execute(insert(BREAK), new)
    if again or changed:
        values = [_renewed(id_, wanted[id_]) for id_ in (*again, *changed)]
        connection.execute(_REOPEN, values)
    if gone:
        why = "found no more: a later statement or our book explains it"
        connection.execute(_CLOSE, [{"break_id": one, "now": now, "why": why, "who": ASSAY} for one in gone])
    return Change(len(new) + len(again), len(gone))


def resolve(connection: Connection, id_: str, reason: str, name: str, now: int) -> None:
    """A person closes a break. Raises `Missing`, `AlreadyResolved`, or ValueError without a reason or a name."""
    if not reason.strip() or not name.strip():
        raise ValueError("closing a break needs a reason and the name of who decides it")
    row = connection.execute(select(BREAK).where(BREAK.c.id == id_)).one_or_none()
    if row is None:
        raise missing("break", id_)
    if row.resolved_at is not None:
        raise AlreadyResolved(f"break {id_} was closed before by {row.resolved_by}", break_id=id_)
    connection.execute(_CLOSE, [{"break_id": id_, "now": now, "why": reason.strip(), "who": name.strip()}])


def standing(connection: Connection, source: str | None = None) -> pl.DataFrame:
    """BREAKS with `id`, `source` and `first_seen_at` of what nobody closed, the oldest first."""
    names = ["id", "source", *BREAKS, "first_seen_at"]
    query = select(*(BREAK.c[name] for name in names)).where(BREAK.c.resolved_at.is_(None))
    if source is not None:
        query = query.where(BREAK.c.source == source)
    rows = connection.execute(query.order_by(BREAK.c.opened_at, BREAK.c.id)).all()
    types: dict[str, Any] = {"id": pl.String, "source": pl.String, **BREAKS, "first_seen_at": pl.Int64}
    return pl.DataFrame([tuple(row) for row in rows], schema=types, orient="row")


def _is_found_again(row: Row[Any], found: Mapping[str, Any]) -> bool:
    if row.resolved_at is None:
        return False
    return bool(row.resolved_by == ASSAY or row.difference_micros != found["difference_micros"])


def _renewed(id_: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {"break_id": id_} | {f"new_{name}": found[name] for name in _UPDATED}


def _row_of(id_: str, source: str, found: Mapping[str, Any], now: int) -> dict[str, Any]:
    return {"id": id_, "source": source, **found, "first_seen_at": now}


def _statement_of(row: Row[Any]) -> Statement:
    return Statement(row.source, row.digest, row.name, row.since, row.until, row.row_count)
