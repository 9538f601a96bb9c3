"""What a check of the doctor says, and the database in which it looks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import duckdb

from features.events import OutcomeKind
from features.ingest.errors import IngestError
from features.ingest.source import open_scratch, run
from features.log import Log


class Severity(StrEnum):
    """`fault`: figures learned from this log would be wrong. `warning`: look before you train. `note`: good to know."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    name: str
    severity: Severity
    sentence: str


Connection: TypeAlias = duckdb.DuckDBPyConnection


@contextmanager
def opened(log: Path) -> Iterator[Connection]:
    """A bounded database with the views `events` and `outcomes` of a log. Raises IngestError for an empty log."""
    files = [str(file) for file in Log(log).files()]
    if not files:
        raise IngestError(
            f"{log} holds no event log: `assay ingest ... --out {log}` or `assay simulate --out {log}` writes one"
        )
    kinds = ", ".join(f"'{kind}'" for kind in OutcomeKind)
    with TemporaryDirectory() as scratch, open_scratch(Path(scratch)) as connection:
        connection.read_parquet(files, hive_partitioning=False).create_view("log")
        run(connection, f"CREATE VIEW outcomes AS FROM log WHERE kind IN ({kinds})")
        run(connection, f"CREATE VIEW events AS FROM log WHERE kind NOT IN ({kinds})")
        yield connection
