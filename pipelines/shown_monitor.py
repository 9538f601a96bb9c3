"""What monitoring found: on the terminal, as JSON, and as gauges that Prometheus reads from a textfile."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Final

import typer
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from rich.markup import escape
from rich.table import Table

from features.events import instant_of
from pipelines.console import out
from pipelines.monitor import Report
from training.monitoring.findings import Check, Finding
from training.monitoring.periods import Span

CALM_SHOWN_MAX: Final = 5
"""Of the findings of a check that stand for nothing only so many, the nearest to their limits first."""
INTERVALS: Final = (
    "Intervals are of 95%, with the events of one person taken together. Calibration is an alert when its whole "
    "interval lies beyond the limits; recall when it is below its limit and its interval lies below the earlier one."
)


def show_report(report: Report) -> None:
    """A table with standing alerts first."""
    periods, champion = report.watched.periods, report.watched.champion
    title = (
        f"champion: version {champion.version}; {_said(periods.recent)} against {_said(periods.reference)}, as of "
        f"{instant_of(report.watched.as_of):%Y-%m-%d %H:%M} UTC"
    )
    table = Table("", "check", "finding", title=title)
    for finding in _shown(report.findings):
        mark = "[red]alert[/red]" if finding.stands else "[dim]unknown[/dim]" if finding.value is None else ""
        table.add_row(mark, finding.check, escape(finding.sentence))
    out.print(table)
    count = len(report.alerts)
    verdict = f"[red]{count} alert{'s' * (count > 1)} stand{'s' * (count == 1)}[/red]" if count else "no alert stands"
    out.print(f"{verdict}; {len(report.findings):,} findings, all of them with --json")
    if any(finding.low is not None for finding in report.findings):
        out.print(INTERVALS, soft_wrap=True)


def _shown(findings: list[Finding]) -> list[Finding]:
    shown, calm = [], Counter[Check]()
    for finding in findings:
        calm[finding.check] += not finding.stands
        if finding.stands or calm[finding.check] <= CALM_SHOWN_MAX:
            shown.append(finding)
    return shown


def _said(span: Span) -> str:
    if span.before <= span.start:
        return "nothing"
    return f"{instant_of(span.start):%Y-%m-%d} to {instant_of(span.before - 1):%Y-%m-%d}"


def as_json(report: Report) -> str:
    """Every finding, with the version, the periods and the instant, as one object; times are microseconds."""
    watched = report.watched
    return json.dumps(
        {
            "as_of": watched.as_of,
            "champion": watched.champion.version,
            "periods": asdict(watched.periods),
            "alerts": len(report.alerts),
            "findings": [asdict(finding) for finding in report.findings],
        },
        indent=1,
        allow_nan=False,
    )


def show_json(report: Report) -> None:
    typer.echo(as_json(report))


def write_metrics(report: Report, file: Path) -> None:
    """Gauges named `assay_monitor_*`, written whole and then renamed; findings without a value have none."""
    registry, labels = CollectorRegistry(), ("check", "name")
    value = Gauge("assay_monitor_value", "what was measured", labels, registry=registry)
    limit = Gauge("assay_monitor_limit", "from where on, or within what, it is an alert", labels, registry=registry)
    stands = Gauge("assay_monitor_alert", "1 if the alert stands", labels, registry=registry)
    for finding in report.findings:
        stands.labels(finding.check, finding.name).set(finding.stands)
        if finding.value is not None:
            value.labels(finding.check, finding.name).set(finding.value)
        if finding.limit is not None:
            limit.labels(finding.check, finding.name).set(finding.limit)
    watched = report.watched
    for name, said, number in (
        ("alerts", "alerts that stand", len(report.alerts)),
        ("champion_version", "the version that was watched", watched.champion.version),
        ("as_of_seconds", "what was known then, as a Unix time", watched.as_of / 1e6),
    ):
        Gauge(f"assay_monitor_{name}", said, registry=registry).set(number)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_to_textfile(str(file), registry)
    # Figures and no person's data: what collects them runs as somebody else.
    file.chmod(0o644)
