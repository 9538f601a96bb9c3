"""Many rows into a table in one call of the driver: what SQLAlchemy does for each row costs more than the row."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Table


def insert_each(
    connection: Connection, table: Table, rows: Sequence[Sequence[Any]], *, unless_there: bool = False
) -> None:
    """Rows with every column of the table in its order. `unless_there`: those whose key is taken stay as they are."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    marks = ", ".join([mark] * len(names))
    ending = " ON CONFLICT DO NOTHING" if unless_there else ""
    # Names of our own tables and columns; values are bound.
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}){ending}"  # noqa: S608  # as above
    connection.exec_driver_sql(statement, [tuple(row) for row in rows])


def among_these(connection: Connection, ids: Collection[str]) -> tuple[str, Any]:
    """What follows a column that must be one of `ids`, and the one value to bind there, however many they are."""
    if connection.dialect.name == "sqlite":
        return "IN (SELECT value FROM json_each(?))", json.dumps(list(ids))
    return "= ANY(?)", list(ids)
