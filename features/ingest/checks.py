# ruff: noqa: S608 - the queries are made of this module's own constants
"""The doctor's checks of times, keys, outcomes and entities. Each yields its findings, with figures."""

from collections.abc import Iterator
from typing import Any, Final

from features.ingest.finding import Connection, Finding, Severity
from features.ingest.source import run

# A phone's clock and a partner's may differ by minutes; the service itself accepts five.
SKEW_MICROS: Final = 5 * 60 * 1_000_000
DAY_MICROS: Final = 86_400 * 1_000_000
ROUNDED_SHARE: Final = 0.9
MOSTLY_NULL_SHARE: Final = 0.95
_ROUNDINGS: Final = {"midnight": DAY_MICROS, "whole hours": 3_600_000_000, "whole minutes": 60_000_000}
_ENTITIES: Final = (
    "user_id device_key ip_key network_key campaign_id partner_id task_id referrer_user_id payout_destination identity"
).split()


def _row(connection: Connection, query: str) -> tuple[Any, ...]:
    return tuple(run(connection, query)[0])


def check_clock(connection: Connection) -> Iterator[Finding]:
    """Events recorded before they occurred, far in the future, late by more than a day, or rounded."""
    rows, early, future, late = _row(
        connection,
        f"SELECT count(*), count(*) FILTER (event_time > recorded_at + {SKEW_MICROS}), "
        f"count(*) FILTER (event_time > recorded_at + {DAY_MICROS}), "
        f"count(*) FILTER (event_time < recorded_at - {DAY_MICROS}) FROM events",
    )
    if not rows:
        yield Finding("no events", Severity.FAULT, "The log holds outcomes but no events; map the events too.")
        return
    if early:
        sentence = (
            f"{early:,} of {rows:,} events ({early / rows:.1%}) were recorded over 5 minutes before they occurred, "
            f"{future:,} of them over a day; check the time zone and the format of their time."
        )
        yield Finding("clock skew", Severity.FAULT, sentence)
    if late:
        sentence = f"{late:,} of {rows:,} events ({late / rows:.1%}) arrived over a day after they occurred."
        yield Finding("late events", Severity.WARNING, sentence)
    yield from _rounding(connection, rows)


def _rounding(connection: Connection, rows: int) -> Iterator[Finding]:
    for name, step in _ROUNDINGS.items():
        (rounded,) = _row(connection, f"SELECT count(*) FILTER (event_time % {step} = 0) FROM events")
        if rounded >= ROUNDED_SHARE * rows:
            severity = Severity.NOTE if name == "whole minutes" else Severity.WARNING
            sentence = (
                f"{rounded:,} of {rows:,} event times ({rounded / rows:.1%}) are at {name}: "
                "bursts within that time, and the order inside it, cannot be seen."
            )
            yield Finding("rounded times", severity, sentence)
            return


def check_duplicates(connection: Connection) -> Iterator[Finding]:
    """Keys that should be met once: ids of records, and a partner's own id of a conversion."""
    for table, column, key in (
        ("log", "event_id", "event_id"),
        ("events", "partner_transaction_id", "partner_id, kind, partner_transaction_id"),
    ):
        keys, rows = _row(
            connection,
            f"SELECT count(*), coalesce(sum(n), 0)::BIGINT FROM (SELECT count(*) AS n FROM {table} "
            f"WHERE {column} IS NOT NULL GROUP BY {key} HAVING n > 1)",
        )
        if keys:
            sentence = (
                f"{keys:,} values of {column} are met more than once, in {rows:,} rows; each should be one event."
            )
            yield Finding("duplicate keys", Severity.FAULT, sentence)


def check_labels(connection: Connection) -> Iterator[Finding]:
    """How many events have an outcome, of which kind, how long it took, and outcomes that fit no event."""
    if _row(connection, "SELECT count(*) FROM outcomes")[0] == 0:
        yield Finding(
            "label coverage", Severity.WARNING, "No event has an outcome: nothing can be learned from this log."
        )
        return
    run(
        connection,
        "CREATE TEMP TABLE judged AS SELECT o.kind AS outcome, e.kind AS subject, o.subject_event_id AS id, "
        "o.event_time - e.event_time AS delay "
        "FROM outcomes o LEFT JOIN events e ON e.event_id = o.subject_event_id",
    )
    yield from _coverage(connection)
    yield from _delays(connection)
    yield from _misfits(connection)


def _coverage(connection: Connection) -> Iterator[Finding]:
    found = run(
        connection,
        "SELECT kind, count(*), (SELECT count(DISTINCT id) FROM judged WHERE subject = kind) AS known "
        "FROM events GROUP BY kind HAVING known > 0 ORDER BY kind",
    )
    for kind, events, known in found:
        counts = run(connection, "SELECT outcome, count(*) FROM judged WHERE subject = ? GROUP BY 1 ORDER BY 1", [kind])
        mix = ", ".join(f"{count:,} {outcome}" for outcome, count in counts)
        sentence = f"{known:,} of {events:,} {kind} events ({known / events:.1%}) have an outcome: {mix}."
        yield Finding("label coverage", Severity.NOTE, sentence)


def _delays(connection: Connection) -> Iterator[Finding]:
    found = run(
        connection,
        "SELECT outcome, count(*), min(delay), max(delay), quantile_cont(delay, [0.5, 0.9, 0.99]) FROM judged "
        "WHERE delay IS NOT NULL GROUP BY outcome ORDER BY outcome",
    )
    for outcome, count, least, most, quantiles in found:
        if least == most and count > 1:
            sentence = f"Every {outcome} came {_days(least)} after its event: a delay assumed, not observed."
        else:
            half, most_of, nearly_all = map(_days, quantiles)
            sentence = (
                f"Half of the {outcome} outcomes came within {half}, 90% within {most_of}, 99% within {nearly_all}."
            )
        yield Finding("label delay", Severity.NOTE, sentence)


def _days(micros: float) -> str:
    return f"{micros / DAY_MICROS:.2f} days"


def _misfits(connection: Connection) -> Iterator[Finding]:
    rows, before, orphans = _row(
        connection, "SELECT count(*), count(*) FILTER (delay < 0), count(*) FILTER (subject IS NULL) FROM judged"
    )
    if before:
        sentence = f"{before:,} of {rows:,} outcomes ({before / rows:.1%}) came before the event they speak of."
        yield Finding("outcome before event", Severity.FAULT, sentence)
    if orphans:
        sentence = f"{orphans:,} of {rows:,} outcomes ({orphans / rows:.1%}) speak of an event that is not in the log."
        yield Finding("outcome without event", Severity.WARNING, sentence)


def check_entities(connection: Connection) -> Iterator[Finding]:
    """Entities that are mostly absent, or the same everywhere: their features say nothing."""
    (rows,) = _row(connection, "SELECT count(*) FROM events")
    absent = []
    for name in _ENTITIES:
        filled, least, most = _row(connection, f"SELECT count({name}), min({name}), max({name}) FROM events")
        if rows and not filled:
            absent.append(name)
        elif filled < (1 - MOSTLY_NULL_SHARE) * rows:
            sentence = f"{name} is present in only {filled:,} of {rows:,} events ({filled / rows:.1%})."
            yield Finding("absent entity", Severity.WARNING, sentence)
        elif rows > 1 and least == most:
            sentence = f"{name} is {least} in all {filled:,} events that have one: it tells nobody apart."
            yield Finding("constant entity", Severity.WARNING, sentence)
    if absent:
        sentence = f"No event has any of {', '.join(absent)}: the features about them are absent everywhere."
        yield Finding("absent entity", Severity.NOTE, sentence)
