"""`assay graph nightly`: the nightly features of the graph, day by day, and again only where something changed."""

from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out
from pipelines.instants import instant_said

AsOf = Annotated[str, typer.Option("--as-of", help="whole days until then: 2026-03-01, or RFC 3339; left out: now")]


def nightly(
    as_of: AsOf = "",
    days: Annotated[int, typer.Option(help="how many of the last whole days get a table", min=1)] = 1,
    engine: Annotated[str, typer.Option(help="local, or dask for several interpreters")] = "local",
    workers: Annotated[int, typer.Option(help="interpreters of the engine dask", min=1)] = 2,
) -> None:
    """The graph's features of every person, as of the end of each day; what is there already is left as it is."""
    from pipelines.filled import filled_log  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.rings import nightly as run  # noqa: PLC0415
    from pipelines.rings import nights_until, shown  # noqa: PLC0415

    with explained():
        until = instant_said(as_of) if as_of else None
        home = Home.from_environment()
        filled_log(home.log)
        made = run(home, nights_until(home, until, days), engine, workers)
        shown(made, out.print)
