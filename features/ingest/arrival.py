# ruff: noqa: S608 - no text of the data enters a query but as a parameter
"""Staged rows -> the event log, in the order of arrival. DuckDB sorts them and spills to disk what does not fit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from features.ingest.refusals import Refusal, Refusals
from features.ingest.source import run
from features.log import LogWriter

SORTED_ROWS: Final = 100_000
_STAGED: Final = "(SELECT *, file_row_number AS emission FROM read_parquet(?, file_row_number = true))"


@dataclass(frozen=True)
class Arrivals:
    """The rows of a staged parquet file. Equal times keep the order of the files, then the order in the mapping."""

    staged: Path
    connection: duckdb.DuckDBPyConnection

    def refuse_repeated(self, refusals: Refusals) -> None:
        """Of rows that make the same event id only the first is kept: an event happens once."""
        run(
            self.connection,
            f"CREATE TABLE repeated AS SELECT event_id, min(emission) AS kept FROM {_STAGED} "
            "GROUP BY event_id HAVING count(*) > 1",
            [str(self.staged)],
        )
        answer = self.connection.execute(
            f"SELECT file, number, event_id FROM {_STAGED} JOIN repeated USING (event_id) "
            "WHERE emission > kept AND subject_event_id IS NULL ORDER BY emission",
            [str(self.staged)],
        )
        while found := answer.fetchmany(1000):
            for file, number, event_id in found:
                refusals.add(Refusal(file, number, "id", "was already used by an earlier row", event_id))

    def write(self, folder: Path) -> None:
        """Appends everything to a new log in `folder`."""
        writer = LogWriter(folder)
        answer = self.connection.sql(
            f"SELECT * EXCLUDE (position, file, number, emission, kept) FROM {_STAGED} "
            "LEFT JOIN repeated USING (event_id) WHERE kept IS NULL OR emission = kept "
            "ORDER BY recorded_at, position, emission",
            params=[str(self.staged)],
        )
        for batch in answer.to_arrow_reader(SORTED_ROWS):
            writer.append(pa.table(batch))
