"""Many short rows into a table at once, past SQLAlchemy's own binding of each value by its name."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert
from sqlalchemy.sql.compiler import SQLCompiler


def insert_rows(connection: Connection, table: Table, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert tuples of the columns `names`, in the table's order; each value is text, a number or None.

    To bind by name takes longer than to insert them.
    """
    statement, is_by_place = _inserting(connection.dialect, table, names)
    if rows:
        connection.exec_driver_sql(
            statement, list(rows) if is_by_place else [dict(zip(names, row, strict=True)) for row in rows]
        )


@lru_cache(64)
def _inserting(dialect: Dialect, table: Table, names: tuple[str, ...]) -> tuple[str, bool]:
    """The statement as the driver takes it, and whether it takes values by their place."""
    compiled = insert(table).compile(dialect=dialect, column_keys=names)
    assert isinstance(compiled, SQLCompiler)
    assert not compiled.positional or compiled.positiontup == list(names), "columns are named in the table's order"
    return str(compiled), compiled.positional
