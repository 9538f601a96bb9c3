"""Rows that move through a table of states: each move is checked, and of two writers that read one row one wins."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection, Table

from serving.ledger.refusals import Refusal
from serving.payouts.rows import among_these

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
    """The same for many rows, all or none; each is changed in the same columns. Raises `Overtaken`.

    Rows that were read alike and are changed alike share a statement, but not in SQLite. It keeps the pages that a
    statement changes until its end, more than 64 KB of them in a file, to which all later statements of the transaction
    then write, too.
    """
    if changes and connection.dialect.name == "sqlite":
        return _one_by_one(connection, table, changes, what, now)
    alike: dict[tuple[Any, ...], list[Any]] = {}
    for read, columns in changes:
        alike.setdefault((read.state, read.version, *columns.items()), []).append(read)
    if len(alike) > 1 and len(alike) > len(changes) // 8:
        return _one_by_one(connection, table, changes, what, now)
    for (_, version, *same), read_alike in alike.items():
        _alike(connection, table, read_alike, what, {"version": version + 1, "updated_at": now, **dict(same)})
    return None


def _alike(connection: Connection, table: Table, read: Sequence[Any], what: str, columns: Mapping[str, Any]) -> None:
    """All that were read in one state and version, in one statement."""
    key, first = _key_of(table), read[0]
    ids = [getattr(one, key) for one in read]
    among, bound = among_these(connection, ids)
    written = ", ".join(f"{name} = ?" for name in columns)
    changed = _execute(
        connection,
        f"UPDATE {table.name} SET {written} WHERE state = ? AND version = ? AND {key} {among}",  # noqa: S608  # our own names
        (*map(_plain, columns.values()), _plain(first.state), first.version, bound),
    )
    _assert_all(changed, ids, what)


def _one_by_one(
    connection: Connection, table: Table, changes: Sequence[tuple[Any, Mapping[str, Any]]], what: str, now: int
) -> None:
    """Each row its own values, in one call of the driver."""
    key, names = _key_of(table), list(changes[0][1])
    assert all(list(columns) == names for _, columns in changes), "a group changes the same columns of each row"
    written = "".join(f", {name} = ?" for name in names)
    rows = [
        (now, *[_plain(columns[name]) for name in names], getattr(read, key), _plain(read.state), read.version)
        for read, columns in changes
    ]
    changed = _execute(
        connection,
        f"UPDATE {table.name} SET version = version + 1, updated_at = ?{written} "  # noqa: S608  # our own names
        f"WHERE {key} = ? AND state = ? AND version = ?",
        rows,
    )
    _assert_all(changed, [getattr(read, key) for read, _ in changes], what)


def _execute(connection: Connection, statement: str, values: tuple[Any, ...] | list[tuple[Any, ...]]) -> int:
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    return connection.exec_driver_sql(statement.replace("?", mark), values).rowcount


def _plain(value: Any) -> Any:
    """What SQLite's driver takes as it is: for a word of an enumeration it looks for an adapter each time."""
    return value.value if isinstance(value, Enum) else value


def _assert_all(changed: int, ids: Sequence[Any], what: str) -> None:
    if changed != len(ids):
        one = f"{what} {ids[0]!r}" if len(ids) == 1 else f"one of {len(ids)} {what}s"
        raise Overtaken(f"{one} was moved meanwhile", ids=list(ids[:10]))


def _key_of(table: Table) -> str:
    (key,) = table.primary_key.columns
    return str(key.name)
