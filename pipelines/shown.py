"""Results as people read them on a terminal."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from features.ingest.ingest import IngestReport
from pipelines.console import out
from pipelines.retrain import Registered

if TYPE_CHECKING:
    from features.ingest.doctor import Finding


def show_ingest(report: IngestReport, folder: Path) -> None:
    out.print(
        f"{report.rows:,} rows became {report.events:,} events and {report.outcomes:,} outcomes, "
        f"{report.first:%Y-%m-%d} to {report.last:%Y-%m-%d}, in {folder}; "
        f"the outcome of {report.label_coverage:.0%} of the events that have one is known"
    )
    if report.rejected:
        reasons = ", ".join(f"{count:,} x {reason}" for reason, count in report.by_reason.items())
        out.print(f"[yellow]{report.rejected:,} rows were refused[/yellow] ({reasons}), see {report.rejected_file}")
    if report.leap:
        out.print(
            f"[yellow]a leap of the clock:[/yellow] {escape(str(report.leap))}; is its date right?", soft_wrap=True
        )


def show_findings(findings: "Iterable[Finding]") -> None:
    table = Table("", "what", "finding")
    for finding in findings:
        table.add_row(str(finding.severity), finding.name, escape(finding.sentence))
    out.print(table)


def show_registered(registered: Registered) -> None:
    """The out-of-time figures of a challenger, with their intervals, its verdict, and whether anything is new."""
    table = Table(title=f"challenger: version {registered.version}, out of time")
    for heading in ("figure", "value (95% interval)"):
        table.add_column(heading)
    for name, estimate in registered.trained.metrics.items():
        table.add_row(name, str(estimate))
    out.print(table)
    word = "[green]passed[/green]" if registered.verdict.passed else "[red]refused[/red]"
    out.print(f"gate: {word}")
    for reason in registered.verdict.reasons:
        out.print(f"  - {escape(reason)}", soft_wrap=True)
    if not registered.is_new:
        out.print(
            f"nothing is new: data, settings, code and policy are those of version {registered.version}, so "
            "nothing was trained or registered",
            soft_wrap=True,
        )
    elif registered.equals_champion:
        out.print(
            f"nothing is new: version {registered.version} gives every event of the test the champion's score",
            soft_wrap=True,
        )
