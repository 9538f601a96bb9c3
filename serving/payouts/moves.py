"""Rows that move through a table of states: each move is checked, and of two writers that read one row one wins."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, and_, update

from serving.ledger.refusals import Refusal

State = TypeVar("State")


class IllegalMove(Refusal):
    """The table of states has no such move. Nothing was changed; a person should look."""


class Overtaken(Refusal):
    """Another writer moved the row in between: read it again."""


def assert_legal(
    moves: Mapping[State, frozenset[State]], before: State, target: State, what: str, **facts: Any
) -> None:
    """Raises `IllegalMove` unless the table of states `moves` leads from `before` to `target`."""
    if target not in moves[before]:
        raise IllegalMove(f"{what} cannot go from {before} to {target}", state=before, target=target, **facts)


def compare_and_set(connection: Connection, table: Table, read: Any, what: str, now: int, **columns: Any) -> int:
    """Write `columns` and the next version if the row still is as it was `read`; the version that it has now.

    The table has `state`, `version` and `updated_at`, and the row is named by its primary key. Raises `Overtaken`.
    """
    compare_and_set_each(connection, table, [(read, columns)], what, now)
    return int(read.version) + 1


def compare_and_set_each(
    connection: Connection, table: Table, changes: Sequence[tuple[Any, Mapping[str, Any]]], what: str, now: int
) -> None:
    """The same for many rows, all or none. Rows that were read alike and are changed alike share a statement.

    Raises `Overtaken`.
    """
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for read, columns in changes:
        alike.setdefault((read.state, read.version, *columns.items()), []).append(read)
    if len(alike) > 1 and len(alike) > len(changes) // 8:
        return _one_by_one(connection, table, changes, what, now)
    key = _key_of(table)
    for (state, version, *same), read_alike in alike.items():
        ids = [getattr(read, key) for read in read_alike]
        still = and_(table.c[key].in_(ids), table.c.state == state, table.c.version == version)
        changed = update(table).where(still).values(version=version + 1, updated_at=now, **dict(same))
        _assert_all(connection.execute(changed).rowcount, ids, what)
    return None


def _one_by_one(
    connection: Connection, table: Table, changes: Sequence[tuple[Any, Mapping[str, Any]]], what: str, now: int
) -> None:
    """Each row its own values, in one call of the driver."""
    key, names = _key_of(table), list(changes[0][1])
    written = "".join(f", {name} = ?" for name in names)
    statement = (
        f"UPDATE {table.name} SET version = version + 1, updated_at = ?{written} "  # noqa: S608  # our own names
        f"WHERE {key} = ? AND state = ? AND version = ?"
    )
    rows = [
        (now, *(columns[name] for name in names), getattr(read, key), read.state, read.version)
        for read, columns in changes
    ]
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    changed = connection.exec_driver_sql(statement.replace("?", mark), rows)
    _assert_all(changed.rowcount, [getattr(read, key) for read, _ in changes], what)


def _assert_all(changed: int, ids: Sequence[Any], what: str) -> None:
    if changed != len(ids):
        one = f"{what} {ids[0]!r}" if len(ids) == 1 else f"one of {len(ids)} {what}s"
        raise Overtaken(f"{one} was moved meanwhile", ids=list(ids[:10]))


def _key_of(table: Table) -> str:
    (key,) = table.primary_key.columns
    return str(key.name)
