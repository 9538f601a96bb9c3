"""One database for decisions, offers, cases and the book, so that they can share a commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect

METADATA = MetaData()
"""Every table of the service is declared on this object, in the module that owns it."""


def open_database(path: Path) -> Engine:
    """An SQLite database in WAL mode that survives a power cut after every commit (`synchronous=FULL`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    METADATA.create_all(engine)
    _widen(engine)
    return engine


def _widen(engine: Engine) -> None:
    """Add to a database of an earlier release the columns that are new since; they hold nothing for what is past."""
    with engine.begin() as connection:
        found = inspect(connection)
        for table in METADATA.sorted_tables:
            known = {column["name"] for column in found.get_columns(table.name)}
            for column in table.columns:
                if column.name not in known:
                    assert column.nullable, f"{table.name}.{column.name} is new, so it must allow nothing"
                    kind = column.type.compile(engine.dialect)
                    connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would otherwise begin transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # IMMEDIATE: a writer that waits at the start never fails in the middle. Readers wait for nobody.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one consistent state and never waits for the writer."""
    with engine.connect().execution_options(reads=True) as connection:
        yield connection
