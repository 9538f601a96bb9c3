"""Rows in SQLite, beside the service: the embedded default."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

from features.store.rows import Held, Row, unpacked

DEADLINE_SECONDS: Final = 2.0
# SQLite takes at most 32,766 parameters a statement; batches of this size keep its plan small, too.
KEYS_PER_QUERY: Final = 500

_CREATE: Final = """CREATE TABLE IF NOT EXISTS "{}" (
    key BLOB PRIMARY KEY, as_of INTEGER NOT NULL, sequence INTEGER NOT NULL, packed BLOB NOT NULL) WITHOUT ROWID"""
# Feast's own SQLite store lets whoever writes last win; this condition is the guard.
_PUT: Final = """INSERT INTO "{}" VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET as_of = excluded.as_of, sequence = excluded.sequence, packed = excluded.packed
    WHERE (excluded.as_of, excluded.sequence) >= (as_of, sequence)"""


class SqliteRows:
    """One file. Tables are made when they are first written; a table that is not there holds nothing."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock, self._made = Lock(), set[str]()
        self._connection = sqlite3.connect(
            file, timeout=DEADLINE_SECONDS, isolation_level=None, check_same_thread=False
        )
        # In WAL readers do not wait for the writer; NORMAL may lose the last moments of a power cut, and the log,
        # from which all this can be made again, does not.
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")

    def put(self, table: str, rows: Sequence[Row], lives: int) -> None:
        with self._writing() as connection:
            if table not in self._made:
                connection.execute(_CREATE.format(table))
            connection.executemany(_PUT.format(table), rows)
        self._made.add(table)

    def get(self, table: str, keys: Sequence[bytes]) -> list[Held | None]:
        found: dict[bytes, Held] = {}
        with self._lock:
            if not self._has(table):
                return [None] * len(keys)
            for at in range(0, len(keys), KEYS_PER_QUERY):
                asked = keys[at : at + KEYS_PER_QUERY]
                marks = ", ".join("?" * len(asked))
                query = f'SELECT key, as_of, sequence, packed FROM "{table}" WHERE key IN ({marks})'  # noqa: S608  # our own table name, and question marks
                found |= {key: unpacked(*held) for key, *held in self._connection.execute(query, asked)}
        return [found.get(key) for key in keys]

    def forget(self, table: str, before: int) -> None:
        with self._writing() as connection:
            if self._has(table):
                connection.execute(f'DELETE FROM "{table}" WHERE as_of < ?', (before,))  # noqa: S608  # our own name

    def drop(self, table: str) -> None:
        with self._writing() as connection:
            connection.execute(f'DROP TABLE IF EXISTS "{table}"')
        self._made.discard(table)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _has(self, table: str) -> bool:
        if table not in self._made:
            listed = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            if listed is None:
                return False
            self._made.add(table)
        return True
