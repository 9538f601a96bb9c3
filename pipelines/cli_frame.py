"""`assay frame`: hands a training frame to any other tool."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out
from pipelines.instants import instant_said

app = typer.Typer()


@app.command()
def frame(
    as_of: Annotated[str, typer.Option("--as-of", help="what was known at this instant: 2026-03-01, or RFC 3339")],
    out_: Annotated[Path, typer.Option("--out", help="the file to be written")],
    since: Annotated[str, typer.Option("--from", help="leave out earlier events; they still count in windows")] = "",
    kind: Annotated[str, typer.Option("--format", help="parquet, csv or arrow; left out: by the ending of --out")] = "",
    with_keys: Annotated[bool, typer.Option("--keys", help="ids as they are, not digests of them")] = False,  # a flag
) -> None:
    """One row an event: its exact vector as of its arrival, its labels as known at an instant, null where unknown."""
    from pipelines.frame import export_frame, format_of  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        begin, end, form = instant_said(since, "--from") if since else 0, instant_said(as_of), format_of(out_, kind)
        done = export_frame(Home.from_environment(), out_, end, begin, form, with_keys=with_keys)
        out.print(f"{done.rows:,} events of {done.columns} columns, as {form}, in {out_}", soft_wrap=True)
        for target, count in done.labelled.items():
            out.print(f"{target}: {count:,} labelled, {done.positive[target]:,} of them positive")
