"""`assay frame`: hands a training frame to any other tool."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out

app = typer.Typer()


@app.command()
def frame(
    as_of: Annotated[str, typer.Option("--as-of", help="what was known at this instant: 2026-03-01, or RFC 3339")],
    out_: Annotated[Path, typer.Option("--out", help="the file to be written")],
    since: Annotated[str, typer.Option("--from", help="leave out earlier events; they still count in windows")] = "",
    kind: Annotated[str, typer.Option("--format", help="parquet, csv or arrow")] = "parquet",
    with_keys: Annotated[bool, typer.Option("--keys", help="ids as they are, not digests of them")] = False,  # a flag
) -> None:
    """One row an event: its exact vector as of its arrival, its labels as known at an instant, null where unknown."""
    from pipelines.frame import Format, export_frame, instant_said  # noqa: PLC0415  # each command loads what it needs

    with explained():
        if kind not in list(Format):
            raise ValueError(f"--format takes {', '.join(Format)}, not {kind!r}")
        begin = instant_said(since) if since else 0
        home = Home.from_environment()
        done = export_frame(home, out_, instant_said(as_of), begin, Format(kind), with_keys=with_keys)
        labels = ", ".join(f"{count:,} with a label of {target}" for target, count in done.labelled.items())
        out.print(f"{done.rows:,} events of {done.columns} columns, {labels}, in {out_}")
