"""`assay retrain`, `assay monitor`, `assay lineage`: challengers, the champion's health, whence a decision comes."""

import time
from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import assert_writable, explained, out
from pipelines.instants import instant_said

_HOUR_SECONDS = 3600.0
ALERT_EXIT = 3
"""The exit code of `assay monitor` when an alert stands; 1 is an error, 2 a wrong option."""


def retrain(
    as_of: Annotated[str, typer.Option("--as-of", help="train as then: 2026-03-01, or RFC 3339; left out: now")] = "",
    every_hours: Annotated[float | None, typer.Option(help="go on doing so, this often", min=0.01)] = None,
    search_seconds: Annotated[
        float, typer.Option(help="look for better parameters so long, on the training slice alone", min=0)
    ] = 0.0,
    engine: Annotated[str, typer.Option(help="what fits the boosters: local, or dask for several processes")] = "local",
    workers: Annotated[int, typer.Option(help="processes of the engine dask", min=1)] = 2,
) -> None:
    """Take in what arrived, train a challenger, judge it, register it with its verdict. It never promotes itself.

    Each step is kept under a digest of what it was made from: what was ended goes on where it was, and the same data,
    settings and code are never trained twice.
    """
    from pipelines.backfill import backfill  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.retrain import How  # noqa: PLC0415
    from pipelines.retrain import retrain as run  # noqa: PLC0415
    from pipelines.shown import show_registered  # noqa: PLC0415

    while True:
        with explained():
            until = instant_said(as_of) if as_of else None
            home = Home.from_environment()
            backfill(home)
            show_registered(run(home, until, How(search_seconds, engine, workers)))
        if every_hours is None:
            return
        out.print(f"next in {every_hours:g} hours")
        time.sleep(every_hours * _HOUR_SECONDS)


def lineage(
    event_id: Annotated[str, typer.Argument(help="the event that was decided on")],
    as_json: Annotated[bool, typer.Option("--json", help="the whole as one JSON object, no tree")] = False,  # a flag
) -> None:
    """From a decision back to the data: its versions, who promoted its model and why, and what that was made from."""
    from pipelines.lineage import lineage_of  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.shown_lineage import show_json, show_lineage  # noqa: PLC0415

    with explained():
        (show_json if as_json else show_lineage)(lineage_of(Home.from_environment(), event_id))


def monitor(
    days: Annotated[int, typer.Option(help="the recent period: so many days up to --as-of", min=1)] = 7,
    against: Annotated[
        int | None,
        typer.Option(help="compare with so many days before them; left out: the champion's training period", min=1),
    ] = None,
    as_of: Annotated[
        str, typer.Option("--as-of", help="what was known then: 2026-03-01, or RFC 3339; left out: the log's newest")
    ] = "",
    metrics: Annotated[Path | None, typer.Option(help="write Prometheus gauges to this textfile, too")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="every finding as one JSON object, no table")
    ] = False,  # a flag
) -> None:
    """Whether features, scores, reasons, calibration, labels and partners are what they were. Exits with 3 on an alert.

    training/monitoring/limits.yaml says from where on a finding is an alert, and why.
    """
    from pipelines.monitor import monitor as run  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.shown_monitor import show_json, show_report, write_metrics  # noqa: PLC0415

    with explained():
        if metrics is not None:
            assert_writable("--metrics", metrics.absolute().parent, metrics)
        found = run(Home.from_environment(), days, against, instant_said(as_of) if as_of else None)
        if metrics is not None:
            write_metrics(found, metrics)
        (show_json if as_json else show_report)(found)
    if found.alerts:
        raise typer.Exit(ALERT_EXIT)
