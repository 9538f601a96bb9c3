"""`assay bench ...`: measure. Each benchmark prints a table and, as its last line, one JSON object."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import explained

app = typer.Typer(
    help="Measure. Each benchmark prints a table and, as its last line, one JSON object; speed is a ratio in one run.",
    no_args_is_help=True,
)

Data = Annotated[Path | None, typer.Option(help="a folder of data; left out: a simulated platform", envvar="DATA")]
Seed = Annotated[int, typer.Option(help="the same seed gives the same figures")]


@app.command()
def serving(data: Data = None, seed: Seed = 7) -> None:
    """One event over HTTP against an empty route of the same server."""
    from pipelines.bench.serving import run  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        run(data, seed)


@app.command()
def features(data: Data = None, seed: Seed = 7) -> None:
    """Online fold against offline backfill: every cell, and the time of each."""
    from pipelines.bench.features import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def graph(data: Data = None, seed: Seed = 7) -> None:
    """The device graph: an edge online, ten million in a batch, a crowd on one device, look-alikes."""
    from pipelines.bench.graph import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def model(data: Data = None, seed: Seed = 7) -> None:
    """Fraud model out of time, with intervals, beside one honest rule."""
    from pipelines.bench.model import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def arena(
    seed: Seed = 7,
    family: Annotated[str | None, typer.Option(help="a family of your own: FILE.py:NAME")] = None,
    users: Annotated[int, typer.Option(help="people on the platform")] = 2000,
    days: Annotated[int, typer.Option(help="days in all; the last third is the arena")] = 75,
) -> None:
    """Attackers against the model: recall, money stopped, honest harm."""
    from pipelines.bench.arena import run  # noqa: PLC0415

    with explained():
        run(seed, family, users, days)
