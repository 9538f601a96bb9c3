"""Breaks on the terminal, as JSON, and as a CSV file that a spreadsheet may open."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import typer
from rich.table import Table

from features.money import in_words
from pipelines.console import counted, out
from pipelines.instants import instant_shown
from pipelines.reconcile.run import Reconciled
from serving.payouts.reconciliation.ageing import aged, bucket_of, waits
from serving.payouts.reconciliation.causes import REMEDIES, Cause

LISTED_MAX: Final = 20
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS: Final = (
    *("id", "source", "cause", "subject", "key", "reference", "statement", "row", "opened_at", "first_seen_at", "age"),
    *("currency", "ours", "their_currency", "theirs", "difference", "remedy"),
)


def counted_breaks(standing: pl.DataFrame, now: int) -> tuple[int, int]:
    """Breaks that stand, and those that only wait for the next statement."""
    waiting = standing.filter(waits(now)).height
    return standing.height - waiting, waiting


def show_reconciled(found: Reconciled, now: int) -> None:
    """What agrees, a table of causes and ages, the oldest breaks; the last line is one JSON object."""
    statements = f"{counted(found.statements, 'statement', 'statements')} with {found.lines:,} lines"
    out.print(f"{found.source}: {statements}, {found.new_statements} new", markup=False, soft_wrap=True)
    for currency, (count, micros) in found.agreed.items():
        out.print(f"agree: {count:,}, {in_words(micros, currency)}", markup=False)
    if found.uncovered:
        out.print(f"{found.uncovered:,} payments of ours lie where no statement covers them", markup=False)
    if found.scrubbing is not None:
        one = found.scrubbing
        told = f"{one.reversed:,} of {one.events:,} unpaid, where others' matched traffic gives {one.expected:,.1f}"
        out.print(f"{one.partner_id} pays less often than others: {told}", markup=False, soft_wrap=True)
    show_breaks(found.standing, now)
    out.print(f"{found.change.opened:,} opened, {found.change.closed:,} closed by this run")
    typer.echo(json.dumps(_figures(found, now)))


def show_breaks(standing: pl.DataFrame, now: int) -> None:
    """Causes with what to do about each, then the oldest breaks one by one."""
    if standing.is_empty():
        out.print("no break stands")
        return
    causes = Table("cause", "breaks", "what to do", title="breaks that stand")
    for cause, count in standing.group_by("cause").len().sort("len", "cause", descending=[True, False]).rows():
        causes.add_row(cause, f"{count:,}", REMEDIES[Cause(cause)])
    out.print(causes)
    ages = ", ".join(f"{count:,} of {name}" for name, count in aged(standing, now).items() if count)
    title = f"the {min(LISTED_MAX, standing.height):,} oldest of {standing.height:,}: {ages}"
    out.print(title, markup=False, soft_wrap=True)
    for row in standing.head(LISTED_MAX).iter_rows(named=True):
        shown = _shown(row, now)
        told = [f"{shown['cause']}, {shown['age']}, {shown['subject']}"]
        told += [f"{name} {shown[name]}" for name in ("ours", "theirs", "difference") if shown[name]]
        # The id has a line of its own: a table would cut it where the terminal is narrow, and `resolve` takes it whole.
        out.print(f"{shown['id']}\n  {', '.join(told)}", markup=False, soft_wrap=True)


def show_contradictions(notices: Sequence[tuple[str, str]]) -> None:
    """Notices that would have undone what the book had from the same provider: the earlier word stands."""
    for provider, event_id in notices[-LISTED_MAX:]:
        told = (
            f"{provider} contradicts itself with its notice {event_id}: the book keeps what it said before, ask there"
        )
        out.print(told, markup=False, soft_wrap=True)


def show_foreign(count: int, newest: Sequence[tuple[str, str]]) -> None:
    """Notices that were set aside: signed by the provider, of payments that this book never knew."""
    if count:
        told = (
            f"{counted(count, 'notice is', 'notices are')} of payments that this book never knew: if no other system "
        )
        out.print(f"{told}pays under the same account, ask the provider. The newest:", markup=False, soft_wrap=True)
    for provider, event_id in newest:
        out.print(f"{provider} {event_id}", markup=False, soft_wrap=True)


def write_breaks(standing: pl.DataFrame, place: Path, now: int) -> None:
    """As CSV; a cell that a spreadsheet would run as a formula gets an apostrophe in front."""
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for row in standing.iter_rows(named=True):
            shown = _shown(row, now) | {name: _decimal(row[f"{name}_micros"]) for name in ("ours", "theirs")}
            shown["difference"] = _decimal(row["difference_micros"])
            writer.writerow([_harmless(name, shown[name]) for name in _COLUMNS])


def _harmless(name: str, cell: Any) -> str:
    text = "" if cell is None else str(cell)
    is_number = name in ("ours", "theirs", "difference")
    return f"'{text}" if text.startswith(_FORMULA) and not is_number else text


def _decimal(micros: int | None) -> str:
    if micros is None:
        return ""
    whole, fraction = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}{whole}.{fraction:06d}"


def _shown(row: dict[str, Any], now: int) -> dict[str, Any]:
    theirs = row["their_currency"] or row["currency"]
    return row | {
        "age": bucket_of(row["opened_at"], now),
        "opened_at": instant_shown(row["opened_at"]),
        "first_seen_at": instant_shown(row["first_seen_at"]),
        "ours": _worded(row["ours_micros"], row["currency"]),
        "theirs": _worded(row["theirs_micros"], theirs),
        "difference": _worded(row["difference_micros"], theirs),
        "remedy": REMEDIES[Cause(row["cause"])],
    }


def _worded(micros: int | None, currency: str | None) -> str:
    return "" if micros is None or not currency else in_words(micros, currency)


def _figures(found: Reconciled, now: int) -> dict[str, Any]:
    breaks, waiting = counted_breaks(found.standing, now)
    return {
        "source": found.source,
        "statements": found.statements,
        "new_statements": found.new_statements,
        "lines": found.lines,
        "agreed": {one: {"count": count, "micros": micros} for one, (count, micros) in found.agreed.items()},
        "uncovered": found.uncovered,
        "breaks": breaks,
        "waiting": waiting,
        "causes": dict(found.standing.group_by("cause").len().sort("cause").rows()),
        "ages": aged(found.standing, now),
        "opened": found.change.opened,
        "closed": found.change.closed,
    }
