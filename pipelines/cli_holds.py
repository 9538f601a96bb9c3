"""`assay holds`: how long rewards wait until they can be withdrawn, learned from when earlier ones were taken back."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained
from pipelines.instants import instant_said

app = typer.Typer(
    help="How long a reward waits until it can be withdrawn: the wait of least cost by partner, kind, goal and trust.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """One command today; a group, so that its name is said."""


@app.command()
def fit(
    settings: Annotated[Path | None, typer.Option(help="YAML of the prices of loss and waiting; out: shipped")] = None,
    as_of: Annotated[str | None, typer.Option(help="learn what was known then; left out: all of the log")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the waits, and write nothing")] = False,
) -> None:
    """Fit the waits to the home's log, and put them where the service reads them.

    A wait is chosen so that what is lost to late reversals, and what waiting costs the person, are least together.
    The last line is one JSON object. Run it at least as often as `stale_days` of the settings asks: a stale table is
    not used, and the policy's maturity_hours count again.
    """
    from pipelines.holds import fit as run  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        run(Home.from_environment(), settings, None if as_of is None else instant_said(as_of), is_dry=dry_run)
