"""`assay retrain`, `assay lineage`: challengers, and where a decision comes from."""

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from features.events import micros_of
from features.home import Home
from pipelines.console import explained, out

_HOUR_SECONDS = 3600.0


def retrain(
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="train as on that day, UTC; left out: now"
        ),
    ] = None,
    every_hours: Annotated[float | None, typer.Option(help="go on doing so, this often", min=0.01)] = None,
) -> None:
    """Take in what arrived, train a challenger, judge it, register it with its verdict. It never promotes itself.

    Each step is kept under a digest of what it was made from: what was ended goes on where it was, and the same data,
    settings and code are never trained twice.
    """
    from pipelines.backfill import backfill  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.retrain import retrain as run  # noqa: PLC0415
    from pipelines.shown import show_registered  # noqa: PLC0415

    while True:
        with explained():
            home = Home.from_environment()
            backfill(home)
            show_registered(run(home, None if as_of is None else micros_of(as_of.replace(tzinfo=UTC))))
        if every_hours is None:
            return
        out.print(f"next in {every_hours:g} hours")
        time.sleep(every_hours * _HOUR_SECONDS)


def lineage(event_id: Annotated[str, typer.Argument(help="the event that was decided on")]) -> None:
    """From a decision back to the data: its versions, the training of its model, and what that was made from."""
    from pipelines.lineage import lineage_of, show_lineage  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        show_lineage(lineage_of(Home.from_environment(), event_id))
