# ruff: noqa: S608 - the queries are made of this module's own constants
"""Leaps of the log's clock: a row far ahead of all before it, which a service on that clock can never catch up with."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from features.events import instant_of
from features.ingest.finding import Connection, Finding, Severity
from features.ingest.source import run

LEAP_MICROS: Final = 31 * 86_400 * 1_000_000
"""The service refuses an event that is further ahead of its newest; what it refuses, a file should be asked about."""
SHOWN_MAX: Final = 5


@dataclass(frozen=True)
class Leap:
    """One row, its instant, by how many days it is ahead of all before it, and how many rows came after it."""

    event_id: str
    time: datetime
    days: int
    rows_after: int

    def __str__(self) -> str:
        return (
            f"{self.event_id} of {self.time:%Y-%m-%d} is {self.days:,} days ahead of every row before it "
            f"({self.rows_after:,} rows after it)"
        )


def leaps_in(connection: Connection, table: str = "log") -> tuple[Leap, ...]:
    """The longest leaps of a table of the log's rows, at most SHOWN_MAX, the longest first."""
    found = run(
        connection,
        f"SELECT event_id, as_of, as_of - before AS leap, rows_all - place FROM (SELECT event_id, as_of, "
        f"lag(as_of) OVER (ORDER BY sequence) AS before, row_number() OVER (ORDER BY sequence) AS place, "
        f"count(*) OVER () AS rows_all FROM {table}) WHERE leap > {LEAP_MICROS} ORDER BY leap DESC LIMIT {SHOWN_MAX}",
    )
    return tuple(Leap(name, instant_of(as_of), leap // 86_400_000_000, after) for name, as_of, leap, after in found)


def check_leaps(connection: Connection) -> Iterator[Finding]:
    """Rows over 31 days ahead of all that came before them: a wrong date, or a pause."""
    for leap in leaps_in(connection):
        sentence = (
            f"{leap}. If its date is wrong, correct or remove it and ingest again: windows that reach back are empty "
            "after it, and a service on this log's clock counts from it. If there was a pause, all is well."
        )
        yield Finding("leap", Severity.WARNING, sentence)
