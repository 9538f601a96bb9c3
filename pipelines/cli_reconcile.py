"""`assay reconcile ...`: statements of providers and partners against the book."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from features.home import Home
from pipelines.console import counted, explained, out, progress, refuse
from pipelines.instants import instant_said

BREAKS_EXIT = 3
"""Breaks stand. What only waits for the next statement does not count; 1 is an error, 2 a file that cannot be used."""
UNUSABLE_EXIT = 2

app = typer.Typer(
    help="Compare statements of providers and partners with the book, and keep what differs until it is explained.",
    no_args_is_help=True,
)

AsOf = Annotated[str | None, typer.Option("--as-of", help="the instant from which ages count; left out: now")]
Out = Annotated[Path | None, typer.Option("--out", help="write the breaks that stand there, as CSV")]


@app.command()
def statement(  # noqa: PLR0913, PLR0917  # a command takes its options one by one
    mapping: Annotated[
        str,
        typer.Argument(help="a shipped mapping (paypal, paypal-items, stripe, fake, partner) or a YAML file"),
    ],
    files: Annotated[
        list[Path] | None, typer.Option("--from", help="a CSV or parquet file; repeat for several")
    ] = None,
    party: Annotated[str | None, typer.Option(help="whose statement it is, if the mapping does not say")] = None,
    since: Annotated[str | None, typer.Option(help="first instant covered; left out: the first row's")] = None,
    until: Annotated[str | None, typer.Option(help="last instant covered; left out: the last row's")] = None,
    rate: Annotated[list[str] | None, typer.Option(help="e.g. USD/CNY=7.12; repeat for several")] = None,
    tolerance: Annotated[str, typer.Option(help="per cent by which a rate may be off, e.g. 0.5")] = "0",
    again: Annotated[
        bool, typer.Option("--again", help="read known files anew, with a mapping that was mended")
    ] = False,
    out_: Out = None,
    as_of: AsOf = None,
) -> None:
    """Take statements in and compare all that were ever taken in with the book; without --from, only compare.

    The same file twice changes nothing; a later one closes the breaks that it explains. The last line is one JSON
    object. Exit code 0: all agrees or waits for the next statement; 3: breaks stand; 2: a file cannot be used, and
    nothing was taken in.
    """
    from pipelines.reconcile.mapping import StatementError, load_mapping  # noqa: PLC0415  # loads only what it needs
    from pipelines.reconcile.run import Request, reconcile  # noqa: PLC0415
    from pipelines.reconcile.shown import counted_breaks, show_reconciled, write_breaks  # noqa: PLC0415
    from serving.payouts.reconciliation.rates import Rate, ppm_of  # noqa: PLC0415

    with explained():
        now = _now(as_of)
        try:
            said = load_mapping(mapping)
            request = Request(
                mapping=said if party is None else said.model_copy(update={"party": party}),
                files=files or (),
                since=None if since is None else instant_said(since, "--since"),
                until=None if until is None else instant_said(until, "--until"),
                rates=[Rate.parse(text) for text in rate or ()],
                tolerance_ppm=ppm_of(tolerance),
                again=again,
            )
            with progress("reconcile") as advance:
                found = reconcile(Home.from_environment(), request, now, advance)
        except StatementError as unusable:
            _leave(unusable)
        if out_ is not None:
            write_breaks(found.standing, out_, now)
        show_reconciled(found, now)
        if counted_breaks(found.standing, now)[0]:
            raise typer.Exit(BREAKS_EXIT)


@app.command()
def breaks(out_: Out = None, as_of: AsOf = None) -> None:
    """Breaks of all providers and partners that stand, the oldest first, and notices that contradict the book or were
    of no payment of ours for 30 days.

    The last line is one JSON object. Exit code 3: breaks stand.
    """
    import json  # noqa: PLC0415  # each command loads only what it needs

    from pipelines.reconcile.run import opened  # noqa: PLC0415
    from pipelines.reconcile.shown import (  # noqa: PLC0415
        LISTED_MAX,
        counted_breaks,
        show_breaks,
        show_contradictions,
        show_foreign,
        write_breaks,
    )
    from serving.database import reading  # noqa: PLC0415
    from serving.payouts.providers.inbox import contradictions, foreign  # noqa: PLC0415
    from serving.payouts.reconciliation.kept import standing  # noqa: PLC0415

    with explained():
        now = _now(as_of)
        with opened(Home.from_environment()) as engine, reading(engine) as connection:
            found, contradicting = standing(connection), contradictions(connection)
            foreigners, newest = foreign(connection, LISTED_MAX)
        if out_ is not None:
            write_breaks(found, out_, now)
        show_breaks(found, now)
        counts = counted_breaks(found, now)
        show_contradictions(contradicting)
        show_foreign(foreigners, newest)
        told = {"contradictions": len(contradicting), "foreign": foreigners}
        typer.echo(json.dumps({"breaks": counts[0], "waiting": counts[1]} | told))
        if counts[0]:
            raise typer.Exit(BREAKS_EXIT)


@app.command()
def resolve(
    id_: Annotated[str, typer.Argument(metavar="ID", help="as `assay reconcile breaks` shows it")],
    reason: Annotated[str, typer.Option(help="why it is explained; kept with the break")],
    by: Annotated[str, typer.Option(help="who decides this")],
) -> None:
    """Close a break by hand. It opens again only if its difference becomes another."""
    from pipelines.reconcile.run import opened  # noqa: PLC0415  # each command loads only what it needs
    from serving.ledger.refusals import Refusal  # noqa: PLC0415
    from serving.payouts.reconciliation.kept import resolve as close  # noqa: PLC0415

    with explained():
        try:
            with opened(Home.from_environment()) as engine, engine.begin() as connection:
                close(connection, id_, reason, by, _now(None))
        except Refusal as refusal:
            refuse(refusal)
        out.print(f"{id_} is closed", markup=False)


@app.command()
def fake_statement(
    out_: Annotated[Path, typer.Option("--out", help="the CSV file to be written")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="dates every payment, as the fake does not; left out: now")
    ] = None,
) -> None:
    """Write what the fake provider of a home paid, as a statement that the mapping `fake` reads."""
    from pipelines.reconcile.fake import write_statement  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        count = write_statement(Home.from_environment(), out_, _now(as_of))
        out.print(f"{counted(count, 'line', 'lines')} in {out_}", markup=False)


def _now(as_of: str | None) -> int:
    from features.log import recorded_now  # noqa: PLC0415

    return recorded_now() if as_of is None else instant_said(as_of)


def _leave(unusable: Exception) -> NoReturn:
    """Say why a file cannot be used, and leave with its exit code."""
    try:
        refuse(unusable)
    except typer.Exit:
        raise typer.Exit(UNUSABLE_EXIT) from None
