"""`assay graph`: the device graph, as a picture for a person."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from features.log import Log
from pipelines.console import UserError, explained, out
from pipelines.instants import instant_said

app = typer.Typer(help="Look at who is tied to whom.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    # With a callback, typer keeps `show` a word of its own although it is the only command.
    pass


@app.command()
def show(
    node: Annotated[
        str, typer.Argument(help="user:ID, device:KIND:ID, destination:DIGEST, identity:DIGEST or network:CIDR")
    ],
    as_of: Annotated[
        str, typer.Option("--as-of", help="2026-03-01, an RFC 3339 time, or a sequence; left out: the log's end")
    ] = "",
    out_: Annotated[Path | None, typer.Option("--out", help="the SVG to write; left out: the node's name")] = None,
    log: Annotated[Path | None, typer.Option(help="an event log; left out: the home's")] = None,
) -> None:
    """Draw the few people, devices and destinations around a node as an SVG, as they were known then.

    What a service has recorded is in the log once `assay backfill` took it in.
    """
    from features.drawing import draw  # noqa: PLC0415  # each command loads only what it needs
    from features.neighbourhood import graph_as_of, neighbourhood  # noqa: PLC0415
    from pipelines.filled import filled_log  # noqa: PLC0415

    with explained():
        history = Log(log or Home.from_environment().log)
        sequence = _sequence(history, as_of)
        filled_log(history.folder)
        graph = graph_as_of(history, sequence)
        if graph.representative(node) is None:
            raise UserError(
                f"nothing was tied to {node} as of event {sequence:,}: is it written as user:ID? What a service has "
                "recorded since is in the log once `assay backfill` took it in"
            )
        near = neighbourhood(graph, node)
        target = out_ or Path(f"{''.join(letter if letter.isalnum() else '-' for letter in node)[:80]}.svg")
        target.write_bytes(draw(near, node, f"{node} as of event {sequence:,}"))
        out.print(f"{len(near)} nodes and {near.number_of_edges()} ties in {target}; {near.graph['left_out']} left out")


def _sequence(log: Log, as_of: str) -> int:
    """The last sequence known then. Raises ValueError for what is neither a sequence nor an instant."""
    if not as_of:
        return log.last()[0]
    if as_of.isdigit():
        return int(as_of)
    return _last_before(log, instant_said(as_of))


def _last_before(log: Log, instant: int) -> int:
    """The sequence of the last row whose as-of is not later than the instant; as-of never falls, so files end early."""
    found = 0
    for table in log.tables(["as_of"]):
        known = int((table["as_of"].to_numpy() <= instant).sum())
        found = table["sequence"][known - 1].as_py() if known else found
        if known < table.num_rows:
            break
    return found
