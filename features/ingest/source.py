# ruff: noqa: S608 - names of columns are quoted by `quoted`, values are parameters
"""Joins the files of a mapping into one stream of rows, in the order of the main files. DuckDB spills what is large."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from features.ingest.errors import IngestError, nearest
from features.ingest.mapping import Join, Mapping
from features.ingest.reading import CHUNK_ROWS, NUMBER, OnRefusal, columns_of, tables_of

MEMORY_LIMIT: Final = "512MB"
FILE: Final = "#file"
POSITION: Final = "#position"
"""The number of a row over all main files, from 1."""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def open_scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database on disk with bounded memory, which spills into `folder`."""
    connection = duckdb.connect(folder / "scratch.duckdb")
    run(connection, f"SET memory_limit = '{MEMORY_LIMIT}'")
    run(connection, "SET temp_directory = ?", [str(folder / "spill")])
    return connection


def run(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()) -> list[Any]:
    """Runs to the end, so that the connection is free again, and returns the rows."""
    return connection.execute(query, list(values)).fetchall()  # type: ignore[no-any-return] # DuckDB ships no types


@dataclass(frozen=True)
class Source:
    """The rows of all files of a mapping, joined."""

    mapping: Mapping
    files: Sequence[Path]
    connection: duckdb.DuckDBPyConnection

    @property
    def main_files(self) -> list[Path]:
        return [file for file in self.files if not any(fnmatch(file.name, join.file) for join in self.mapping.join)]

    def load(self, refuse: OnRefusal) -> int:
        """Stages every needed column as text; returns the number of rows. Raises IngestError."""
        if not self.main_files:
            raise IngestError("no file is left to read; give at least one that no `join` of the mapping names")
        own = [name for name in self.mapping.columns() if name.split(".")[0] not in self._join_names()]
        for file in self.main_files:
            self._check(file, own)
        for join in self.mapping.join:
            self._load_joined(join, refuse)
        rows = sum(self._append("main", file, own, refuse) for file in self.main_files)
        if rows == 0:
            raise IngestError(f"{', '.join(file.name for file in self.main_files)}: no rows; is this the whole file?")
        return rows

    def _join_names(self) -> set[str]:
        return {join.name for join in self.mapping.join}

    def _check(self, file: Path, columns: Sequence[str]) -> None:
        found = columns_of(file, self.mapping.read)
        for name in columns:
            if name not in found:
                raise IngestError(
                    f"{file} has no column {name}{nearest(name, found)}; it has {', '.join(found)}. "
                    "Correct the column's name in the mapping, or read.delimiter if the columns run together"
                )

    def _load_joined(self, join: Join, refuse: OnRefusal) -> None:
        files = [file for file in self.files if fnmatch(file.name, join.file)]
        if not files:
            raise IngestError(f"the mapping joins {join.file}, which is not among the files; add it after --from")
        prefix = f"{join.name}."
        used = [name.removeprefix(prefix) for name in self.mapping.columns() if name.startswith(prefix)]
        columns = list(dict.fromkeys([*join.keys.values(), *used]))
        for file in files:
            self._check(file, columns)
            self._append(prefix, file, columns, refuse)
        self._check_one_row_a_key(join, prefix)

    def _check_one_row_a_key(self, join: Join, table: str) -> None:
        keys = ", ".join(quoted(name) for name in join.keys.values())
        known = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in join.keys.values())
        twice = run(
            self.connection,
            f"SELECT {keys} FROM {quoted(table)} WHERE {known} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1",
        )
        if twice:
            raise IngestError(
                f"{join.file} holds {', '.join(join.keys.values())} = {', '.join(twice[0])} more than once; "
                "a joined file has one row a key, or its rows would double the events"
            )

    def _append(self, table: str, file: Path, columns: Sequence[str], refuse: OnRefusal) -> int:
        """Stages one file; returns its number of rows."""
        shape = ", ".join(f"{quoted(name)} VARCHAR" for name in columns)
        run(
            self.connection,
            f"CREATE TABLE IF NOT EXISTS {quoted(table)} "
            f"({shape}, {quoted(NUMBER)} BIGINT, {quoted(FILE)} VARCHAR, {quoted(POSITION)} BIGINT)",
        )
        start = run(self.connection, f"SELECT coalesce(max({quoted(POSITION)}), 0) FROM {quoted(table)}")[0][0]
        cells = ", ".join(self._cell(name) for name in columns)
        rows = 0
        for chunk in tables_of(file, self.mapping.read, columns, refuse):
            self.connection.register("chunk", chunk)
            run(
                self.connection,
                f"INSERT INTO {quoted(table)} SELECT {cells}, {quoted(NUMBER)}, ?, ? + {quoted(NUMBER)} FROM chunk",
                [file.name, start],
            )
            self.connection.unregister("chunk")
            rows += chunk.num_rows
        return rows

    def _cell(self, name: str) -> str:
        """A cell without the spaces around it, or NULL if the mapping says that its text means nothing."""
        text = f"trim({quoted(name)})"
        nulls = ", ".join("'" + null.replace("'", "''") + "'" for null in self.mapping.read.nulls)
        return f"CASE WHEN {text} IN ({nulls}) THEN NULL ELSE {text} END" if nulls else text

    def chunks(self) -> Iterator[pa.Table]:
        """FILE, NUMBER, POSITION and then `mapping.columns()`, by position, at most 10,000 rows at a time."""
        names = [f"main.{quoted(name)} AS {quoted(name)}" for name in (FILE, NUMBER, POSITION)]
        names += [f"{self._place(name)} AS {quoted(name)}" for name in self.mapping.columns()]
        joins = " ".join(_left_join(join) for join in self.mapping.join)
        # Only a join loses the order in which the rows were staged.
        order = f"ORDER BY main.{quoted(POSITION)}" if self.mapping.join else ""
        answer = self.connection.sql(f"SELECT {', '.join(names)} FROM main {joins} {order}")
        for batch in answer.to_arrow_reader(CHUNK_ROWS):
            yield pa.table(batch)

    def _place(self, name: str) -> str:
        table, _, column = name.partition(".")
        return f"{quoted(table + '.')}.{quoted(column)}" if table in self._join_names() else f"main.{quoted(name)}"


def _left_join(join: Join) -> str:
    table = quoted(f"{join.name}.")
    keys = [f"main.{quoted(left)} = {table}.{quoted(right)}" for left, right in join.keys.items()]
    return f"LEFT JOIN {table} ON {' AND '.join(keys)}"
