"""`assay pay ...`: whether pay is fair, and a simulated platform to look at."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out, progress

ALERT_EXIT = 3
"""The exit code of `assay pay audit` when something stands out; 1 is an error, 2 a wrong option."""

app = typer.Typer(help="What people are offered and paid.", no_args_is_help=True)


@app.command()
def audit(
    days: Annotated[int, typer.Option(help="the newest days of the offer log", min=1)] = 30,
    json_: Annotated[Path | None, typer.Option("--json", help="write all of it there, too")] = None,
) -> None:
    """Rewards offered for like tasks, group beside group (country, city tier, device price tier), and how differently
    similar people were offered. The last line is one JSON object; exit code 3 when something stands out.
    """
    from pipelines.paid import read_paid  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.pay_audit import audited  # noqa: PLC0415
    from pipelines.shown_pay import show_audit, written  # noqa: PLC0415

    with explained():
        found = audited(read_paid(Home.from_environment()), days)
        if json_ is not None:
            json_.write_text(written(found))
        show_audit(found)
        if found.alerts:
            raise typer.Exit(ALERT_EXIT)


@app.command()
def simulate(
    people: Annotated[int, typer.Option(help="people on the platform", min=10)] = 200,
    days: Annotated[int, typer.Option(help="days of offers", min=1)] = 10,
    seed: Annotated[int, typer.Option(help="the same seed gives the same offers", min=0)] = 7,
) -> None:
    """Fill an empty ASSAY_HOME with offers that simulated people take up, through the code that serves."""
    from pipelines.offering import offering  # noqa: PLC0415

    with explained():
        home = Home.from_environment()
        with progress("pay", days) as advance:
            made = offering(home, people, days, seed, advance)
        out.print(f"{made.offers:,} offers to {people:,} people, {made.completions:,} completed, in {home.root}")
