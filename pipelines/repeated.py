"""Counts events that arrived more than once, in bounded memory: DuckDB spills the ids to disk."""

from pathlib import Path

import pyarrow as pa

from features.ingest.source import open_scratch, run


class RepeatedIds:
    """Keeps the id of every row in a database in `scratch`, an empty folder."""

    def __init__(self, scratch: Path) -> None:
        self._connection = open_scratch(scratch)
        run(self._connection, "CREATE TABLE met (sequence BIGINT, event_id VARCHAR)")

    def add(self, chunk: pa.Table) -> None:
        """Rows of the log, with `sequence` and `event_id`."""
        self._connection.register("chunk", chunk.select(["sequence", "event_id"]))
        run(self._connection, "INSERT INTO met SELECT * FROM chunk")
        self._connection.unregister("chunk")

    def count(self, first: int, last: int) -> int:
        """How many rows with a sequence from `first` to `last` bear the id of an earlier row. Ends the counting."""
        query = (
            "SELECT count(*) FROM met JOIN (SELECT event_id, min(sequence) AS met_first FROM met GROUP BY event_id) "
            "USING (event_id) WHERE sequence > met_first AND sequence BETWEEN ? AND ?"
        )
        found: int = run(self._connection, query, [first, last])[0][0]
        self._connection.close()
        return found
