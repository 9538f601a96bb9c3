"""Looks over an event log, of whatever origin, before anybody learns from it."""

from collections.abc import Iterator
from pathlib import Path

from features.ingest.checks import check_clock, check_duplicates, check_entities, check_labels
from features.ingest.finding import Connection, Finding, Severity, opened
from features.ingest.leaks import check_leaks
from features.ingest.leaps import check_leaps

__all__ = ["Finding", "Severity", "doctor"]


def doctor(log: Path) -> tuple[Finding, ...]:
    """What is wrong or worth knowing, the worst first. Raises IngestError if `log` holds no event log."""
    with opened(log) as connection:
        return tuple(sorted(_findings(connection), key=lambda finding: list(Severity).index(finding.severity)))


def _findings(connection: Connection) -> Iterator[Finding]:
    for check in (check_clock, check_leaps, check_duplicates, check_labels, check_leaks, check_entities):
        yield from check(connection)
