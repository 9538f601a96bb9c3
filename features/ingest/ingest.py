# ruff: noqa: S608 - no text of the data enters a query but as a parameter
"""Files in, an event log out: stage as text, turn rows into records, sort by arrival, write. Memory stays bounded."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import duckdb
import pyarrow.parquet as pq

from features.events import OutcomeKind, instant_of
from features.ingest.arrival import Arrivals
from features.ingest.chunk import staged_schema
from features.ingest.errors import IngestError
from features.ingest.finding import opened
from features.ingest.leaps import Leap, leaps_in
from features.ingest.mapping import Mapping
from features.ingest.parallel import emitted
from features.ingest.refusals import Refusals
from features.ingest.source import Source, open_scratch
from features.log import Log

REJECTED_FILE: Final = "rejected.csv"


@dataclass(frozen=True)
class IngestReport:
    """What became of the files. `rows` were read; `rejected` rows gave nothing, for the reasons counted."""

    rows: int
    events: int
    outcomes: int
    rejected: int
    by_reason: dict[str, int]
    rejected_file: Path | None
    first: datetime
    last: datetime
    label_coverage: float
    """The share of the events named by `outcome.of` whose outcome is known; 0 without an outcome."""
    leap: Leap | None = None
    """The row that is furthest ahead of all before it, if that is over 31 days."""


def ingest(
    mapping: Mapping, files: Sequence[Path], out: Path, advance: Callable[[int], object] = lambda _: None
) -> IngestReport:
    """Writes a new event log to `out`; refused rows go to `rejected.csv` beside it.

    `advance` is told of rows as they are read and turned into records. Nothing appears in `out` before the whole log
    is there. Raises IngestError with one sentence that says what to do.
    """
    _check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    refusals = Refusals()
    with TemporaryDirectory(prefix=".ingest-", dir=out.parent) as scratch, open_scratch(Path(scratch)) as connection:
        staged = Path(scratch) / "staged.parquet"
        source = Source(mapping, files, connection)
        rows = source.load(refusals.add)
        _stage(source, rows, staged, refusals, advance)
        arrivals = Arrivals(staged, connection)
        arrivals.refuse_repeated(refusals)
        rejected_file = refusals.write(out.parent / REJECTED_FILE)
        arrivals.write(Path(scratch) / "log")
        if not Log(Path(scratch) / "log").files():
            raise IngestError(_nothing_left(rows, refusals, rejected_file))
        _move(Path(scratch) / "log", out)
    return _report(mapping, out, rows, refusals, rejected_file)


def _check_free(out: Path) -> None:
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise IngestError(f"{out} already holds a log or other files; choose another folder or remove it first")


def _stage(source: Source, rows: int, staged: Path, refusals: Refusals, advance: Callable[[int], object]) -> None:
    with pq.ParquetWriter(staged, staged_schema(source.mapping), compression="lz4") as writer:
        for table, refused, read in emitted(source.mapping, source.chunks(), rows):
            for refusal in refused:
                refusals.add(refusal)
            writer.write_table(table)
            advance(read)


def _nothing_left(rows: int, refusals: Refusals, rejected_file: Path | None) -> str:
    if rejected_file is None:
        return f"none of the {rows} rows tells of an event; check the `when` conditions of the mapping"
    reason, count = refusals.by_reason.most_common(1)[0]
    return f"all {rows} rows were refused, {count} of them because {reason}; see {rejected_file} and mend the mapping"


def _move(log: Path, out: Path) -> None:
    if out.exists():
        out.rmdir()
    log.rename(out)


def _report(mapping: Mapping, out: Path, rows: int, refusals: Refusals, rejected_file: Path | None) -> IngestReport:
    counts = _counts(mapping, out)
    return IngestReport(
        rows=rows,
        events=counts["events"],
        outcomes=counts["outcomes"],
        rejected=refusals.count,
        by_reason=dict(refusals.by_reason.most_common()),
        rejected_file=rejected_file,
        first=instant_of(counts["first"]),
        last=instant_of(counts["last"]),
        label_coverage=counts["outcomes"] / counts["subjects"] if counts["subjects"] else 0.0,
        leap=_leap(out),
    )


def _leap(out: Path) -> Leap | None:
    with opened(out) as connection:
        return next(iter(leaps_in(connection)), None)


def _counts(mapping: Mapping, out: Path) -> dict[str, Any]:
    subject = mapping.outcome and next(str(event.kind) for event in mapping.events if event.key == mapping.outcome.of)
    outcomes = f"kind IN ({', '.join(repr(str(kind)) for kind in OutcomeKind)})"
    with duckdb.connect() as connection:
        answer = connection.execute(
            f"SELECT count(*) FILTER (NOT {outcomes}) AS events, count(*) FILTER ({outcomes}) AS outcomes, "
            "count(*) FILTER (kind = ?) AS subjects, min(recorded_at) AS first, max(recorded_at) AS last "
            "FROM read_parquet(?, hive_partitioning = false)",
            [subject, str(out / "day=*" / "*.parquet")],
        )
        return dict(zip((column[0] for column in answer.description), answer.fetchone(), strict=True))
