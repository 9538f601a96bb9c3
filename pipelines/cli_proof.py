"""`assay ledger verify` and what else proves the book: to an auditor, to a person, to another program."""

from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from features.money import in_words
from pipelines.console import counted, err, explained, out, progress
from pipelines.instants import instant_said, instant_shown

FINDINGS_EXIT = 2
"""1 says that something could not be done; 2 that it was done, and what was found."""

Keys = Annotated[
    list[Path] | None,
    typer.Option("--key", help="a public key that heads are believed with; repeat for several; left out: the home's"),
]


def key(
    out_: Annotated[Path | None, typer.Option("--out", help="write it there; left out: to the screen")] = None,
) -> None:
    """The public key that heads and payslips are checked with. Give it to whoever shall check, before they need it."""
    from pipelines.proof import public_key  # noqa: PLC0415  # each command loads only what it needs
    from serving.ledger.proof.heads import to_pem  # noqa: PLC0415

    with explained():
        text = to_pem(public_key(Home.from_environment()))
        if out_ is None:
            typer.echo(text, nl=False)
        else:
            out_.write_text(text)


def verify(
    heads: Annotated[
        list[Path] | None,
        typer.Option("--heads", help="a folder of signed heads; repeat for several; left out: the home's, ASSAY_HEADS"),
    ] = None,
    start: Annotated[int, typer.Option("--from", help="verify from this event on; balances need all")] = 1,
    keys: Keys = None,
) -> None:
    """Verify every event, balance and signed head of the book. Exits with 0 if all fits, 2 if anything was found.

    What is newer than the newest head is verified in itself, but covered by no head yet: at most ten seconds of a
    running service. Keep heads where nobody who has the database can write: ASSAY_HEADS.
    """
    from pipelines.proof import verify as run  # noqa: PLC0415  # as above

    with explained():
        with progress("verify") as advance:
            report = run(Home.from_environment(), heads or [], keys or [], start, lambda _: advance)
        for finding in report.findings:
            out.print(finding.sentence, markup=False, soft_wrap=True)
        out.print(
            f"{counted(report.events, 'event', 'events')} verified, {counted(report.heads, 'head', 'heads')} believed, "
            f"{report.events - report.covered:,} events newer than the newest that fits"
        )
        if not report.heads:
            err.print("there is no head: somebody who rewrote the whole database would not be noticed")
        if report.findings:
            out.print(f"[red]{counted(len(report.findings), 'finding', 'findings')}[/red]")
            raise typer.Exit(FINDINGS_EXIT)
        out.print("all of it fits")


def payslip_proof(
    user_id: Annotated[str, typer.Argument(help="whose entries")],
    out_: Annotated[Path, typer.Option("--out", help="the file to be written, JSON")],
    since: Annotated[str | None, typer.Option(help="entries recorded from then on; left out: all")] = None,
    until: Annotated[str | None, typer.Option(help="and before this")] = None,
) -> None:
    """Write a person's entries with the proofs that let the person check them offline, against the newest head."""
    import json  # noqa: PLC0415  # as above

    from pipelines.proof import prove  # noqa: PLC0415

    with explained():
        first = 0 if since is None else instant_said(since, "--since")
        last = 2**63 - 1 if until is None else instant_said(until, "--until")
        document = prove(Home.from_environment(), user_id, first, last)
        out_.write_text(json.dumps(document, indent=1))
        entries = sum(len(account["entries"]) for account in document["accounts"])
        out.print(f"{counted(entries, 'entry', 'entries')} with proofs in {out_}", soft_wrap=True)


def check_payslip(
    file: Annotated[Path, typer.Argument(help="what `payslip-proof` wrote")],
    key: Annotated[Path, typer.Option("--key", help="the public key, as `assay ledger key` writes it")],
) -> None:
    """Check a person's entries without any database or network. Exits with 0 if they are proven, 2 if not."""
    from pipelines.proof import check  # noqa: PLC0415  # as above
    from serving.ledger.proof.slip import Unproven  # noqa: PLC0415

    with explained():
        try:
            checked = check(file, key)
        except Unproven as failure:
            out.print(f"not proven: {failure}", markup=False, soft_wrap=True)
            raise typer.Exit(FINDINGS_EXIT) from None
        for total in checked.totals:
            asset = total.account.rpartition(" ")[2]
            whole = "from the first entry on" if total.is_whole else "not from the first entry on"
            out.print(
                f"{total.account}: {counted(total.entries, 'entry', 'entries')}, {whole}; "
                f"in {in_words(total.credited_micros, asset)}, out {in_words(total.debited_micros, asset)}",
                soft_wrap=True,
            )
        out.print(f"proven, by the head over the first {checked.head.size:,} events of the book")


def check_heads(
    old: Annotated[Path, typer.Argument(help="the head that was kept, JSON: as /v1/ledger/proofs/head answered it")],
    new: Annotated[Path, typer.Argument(help="a later head")],
    proof: Annotated[
        Path, typer.Option("--proof", help="what /v1/ledger/proofs/consistency?from=&to= answered for their sizes")
    ],
    key: Annotated[Path, typer.Option("--key", help="the public key, as `assay ledger key` writes it")],
) -> None:
    """Check without any database or network that the book only grew from one head to a later one. Exits with 0 if
    that is proven, 2 if not.
    """
    from pipelines.proof import check_heads as run  # noqa: PLC0415  # as above
    from serving.ledger.proof.slip import Unproven  # noqa: PLC0415

    with explained():
        try:
            earlier, later = run(old, new, proof, key)
        except Unproven as failure:
            out.print(f"not proven: {failure}", markup=False, soft_wrap=True)
            raise typer.Exit(FINDINGS_EXIT) from None
        out.print(
            f"proven: the first {counted(earlier.size, 'event', 'events')} of the book stand unchanged among the "
            f"{later.size:,} of {instant_shown(later.at)}",
            soft_wrap=True,
        )


def forget(
    user_id: Annotated[str, typer.Argument(help="who is to be forgotten by the book")],
    by: Annotated[str, typer.Option(help="who decides this; kept")],
    why: Annotated[str, typer.Option("--reason", help="why; kept")],
) -> None:
    """Destroy what names a person in the book, for ever. The chain stays whole; amounts and instants stay, by law.

    Refused while the person has money, a hold or a debt. The log of events, decisions, payouts and identities are kept
    elsewhere, each by its own law, and are not touched.
    """
    from features.log import recorded_now  # noqa: PLC0415  # as above
    from pipelines.proof import forget as run  # noqa: PLC0415

    with explained():
        accounts = run(Home.from_environment(), user_id, by, why, recorded_now())
        out.print(f"forgotten: {counted(accounts, 'account has', 'accounts have')} no name any more")
        out.print("what was copied before, a backup or a payslip, still holds it: let those run out")


def export(
    out_: Annotated[Path, typer.Option("--out", help="the file to be written")],
    format_: Annotated[str, typer.Option("--format", help="beancount: plain text, which `bean-check` checks")] = (
        "beancount"
    ),
    with_ids: Annotated[bool, typer.Option("--with-ids", help="people's ids themselves, not digests of them")] = False,
) -> None:
    """Write the whole book as plain-text accounting, with the balances that it must come to."""
    from pipelines.proof import export as run  # noqa: PLC0415  # as above

    with explained():
        with progress("export") as advance:
            transfers = run(Home.from_environment(), out_, format_, advance, with_ids=with_ids)
        out.print(f"{counted(transfers, 'transfer', 'transfers')} in {out_}", soft_wrap=True)
