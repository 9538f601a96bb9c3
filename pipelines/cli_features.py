"""`assay features ...`: what the features are, and whether decisions were made with the right ones."""

from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, progress
from pipelines.instants import instant_said

From = Annotated[str, typer.Option("--from", help="first instant: 2026-03-01, or RFC 3339; left out: all")]
To = Annotated[str, typer.Option("--to", help="the instant after the last, written likewise")]
Unjudged = Annotated[
    bool,
    typer.Option(
        "--allow-unjudged", help="let features, models and policies pass that cannot be had any more: they are counted"
    ),
]
UNJUDGED_EXIT = 4

app = typer.Typer(help="Look at the features, and prove them.", no_args_is_help=True)


@app.command(name="list")
def list_(
    about: Annotated[str, typer.Argument(help="only those whose name holds this, e.g. device__ or 7d")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="for programs: one JSON array")] = False,  # a flag
) -> None:
    """Every feature with its unit, its meaning and the reason why it exists."""
    from pipelines.shown_features import show_features  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        show_features(about, as_json=as_json)


@app.command()
def audit(from_: From = "", to: To = "", allow_unjudged: Unjudged = False) -> None:  # a flag
    """Recompute logged decisions from the event log and compare cells, scores and actions.

    Exit code 1 when something is wrong; 4 when nothing is, but something could not be judged.
    """
    from pipelines.audit import ALWAYS  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.audit import audit as run  # noqa: PLC0415
    from pipelines.shown_audit import show_audit  # noqa: PLC0415

    with explained():
        since = instant_said(from_, "--from") if from_ else ALWAYS[0]
        until = instant_said(to, "--to") if to else ALWAYS[1]
        with progress("audit") as advance:
            found = run(Home.from_environment(), since, until, advance)
        show_audit(found)
    if not found.is_clean:
        raise typer.Exit(1)
    if found.unjudged and not allow_unjudged:
        raise typer.Exit(UNJUDGED_EXIT)
