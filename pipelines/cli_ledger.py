"""`assay ledger ...`: what the book shows to people, and what a named person may correct in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection, Engine

from features.home import Home
from pipelines import cli_proof
from pipelines.console import UserError, explained, out

app = typer.Typer(
    help="What the platform owes and is owed, the proofs of it, and what a named person corrects.", no_args_is_help=True
)
app.command()(cli_proof.key)
app.command()(cli_proof.verify)
app.command("payslip-proof")(cli_proof.payslip_proof)
app.command("check-payslip")(cli_proof.check_payslip)
app.command("check-heads")(cli_proof.check_heads)
app.command()(cli_proof.forget)
app.command()(cli_proof.export)

Id = Annotated[str, typer.Option("--id", help="of this act; again with the same id: no effect")]
Amount = Annotated[int, typer.Option("--micros", help="amount, in millionths of the currency's unit", min=1)]
Currency = Annotated[str, typer.Option(help="e.g. CNY")]
By = Annotated[str, typer.Option(help="who decides this; kept")]
Why = Annotated[str, typer.Option("--reason", help="why; kept")]
Json = Annotated[Path | None, typer.Option("--json", help="write it there, too")]


@app.command()
def exposure(json_: Json = None) -> None:
    """By partner: what was advanced to people while the partner may still take it back, against the policy's caps."""
    from features.log import recorded_now  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.shown_ledger import show_exposure  # noqa: PLC0415
    from serving.ledger.exposure import exposure as exposed  # noqa: PLC0415
    from serving.policy import load_policy  # noqa: PLC0415

    with explained(), _reading() as connection:
        show_exposure(exposed(connection, load_policy().exposure, recorded_now()), json_)


@app.command()
def balance(
    account: Annotated[str, typer.Argument(help="kind:currency:owner, e.g. wallet_available:CNY:u-1")],
    at: Annotated[str | None, typer.Option(help="of what had happened by then; left out: now")] = None,
    as_of: Annotated[str | None, typer.Option(help="of what was recorded by then; left out: now")] = None,
    json_: Json = None,
) -> None:
    """One account's balance at any time: as it is known today (--at), or as it was known then (--as-of)."""
    from pipelines.instants import instant_said  # noqa: PLC0415  # as above
    from pipelines.shown_ledger import show_balance  # noqa: PLC0415
    from serving.ledger import book  # noqa: PLC0415
    from serving.ledger.history import EVER, balance_at  # noqa: PLC0415
    from serving.ledger.transfer import Account  # noqa: PLC0415

    with explained(), _reading() as connection:
        happened = EVER if at is None else instant_said(at, "--at")
        known = EVER if as_of is None else instant_said(as_of, "--as-of")
        try:
            named = Account.parse(account)
        except ValueError:
            raise UserError(f"{account!r} is no account: {_written_as()}") from None
        if not book.exists(connection, named):
            raise UserError(f"there is no account {account}: nothing was ever booked there; {_written_as()}")
        show_balance(named, balance_at(connection, named, happened, known), json_)


def _written_as() -> str:
    from serving.ledger.transfer import PLATFORM, AccountKind  # noqa: PLC0415  # as above

    return (
        f"write kind:currency:owner, e.g. wallet_available:CNY:u-1, or no_fault_reserve:CNY:{PLATFORM} for one of the "
        f"platform's own; kinds are {', '.join(AccountKind)}"
    )


@app.command()
def reserve(json_: Json = None) -> None:
    """The reserve for reversals that nobody is to blame for: what went in, what it cost, what is there."""
    from pipelines.shown_ledger import show_reserve  # noqa: PLC0415  # as above
    from serving.ledger.reserve import state  # noqa: PLC0415
    from serving.policy import load_policy  # noqa: PLC0415

    with explained(), _reading() as connection:
        show_reserve(state(connection), load_policy().reserve.share, json_)


@app.command()
def tax(
    year: Annotated[int, typer.Option(help="of the payouts' beginnings, where the policy says that a year begins")],
    csv: Annotated[Path | None, typer.Option("--csv", help="write it there; left out: to the screen")] = None,
) -> None:
    """What was paid and withheld in a year, by country and account, as CSV for the authority. Payouts that were refused
    or came back are not counted.
    """
    from pipelines.shown_ledger import write_tax  # noqa: PLC0415  # as above
    from serving.payouts.taxes import of_year  # noqa: PLC0415

    with explained(), _reading() as connection:
        write_tax(of_year(connection, year), csv)


@app.command("top-up")
def top_up(id_: Id, micros: Amount, currency: Currency, by: By, why: Why) -> None:
    """Fill the reserve, out of the platform's own expense."""
    from serving.ledger.transfer import PLATFORM  # noqa: PLC0415  # as above

    _adjust("reserve", id_, PLATFORM, micros, currency, by, why)


@app.command()
def forgive(
    user_id: Annotated[str, typer.Argument(help="who owes")],
    id_: Id,
    micros: Amount,
    currency: Currency,
    by: By,
    why: Why,
) -> None:
    """Forgive a part of what a person owes, or all of it. The reserve bears it."""
    _adjust("debt", id_, user_id, micros, currency, by, why)


@app.command("lift-ban")
def lift_ban(
    ban_id: Annotated[str, typer.Argument(help="the id of the outcome that banned")], by: By, why: Why
) -> None:
    """Free what a ban has frozen."""
    from serving.ledger.bans import lift_ban as lift  # noqa: PLC0415  # as above

    with explained(), _writing() as (connection, now):
        freed = lift(connection, ban_id, by, why, now)
        if not freed:
            raise UserError(f"{ban_id} freezes nothing: give the event_id of the outcome that banned, as it was sent")
        out.print(f"{freed} {'reward is' if freed == 1 else 'rewards are'} free again")


def _adjust(corrects: str, id_: str, owner: str, micros: int, currency: str, by: str, why: str) -> None:  # its fields
    from serving.ledger.adjustments import Adjustment, Corrects, adjust  # noqa: PLC0415  # as above
    from serving.ledger.refusals import Refusal  # noqa: PLC0415

    with explained(), _writing() as (connection, now):
        adjustment = Adjustment(id_, Corrects(corrects), owner, currency, micros, by, why)
        try:
            is_new = adjust(connection, adjustment, now)
        except Refusal as refusal:
            raise UserError(str(refusal)) from None
        out.print("done" if is_new else "known already: nothing was changed")


def _engine() -> Engine:
    """The home's database. Raises UserError where there is none."""
    from serving.database import has_records, open_records  # noqa: PLC0415  # as above

    home = Home.from_environment()
    if not has_records(home):
        raise UserError(f"{home.root} has no records: serve it first, or set ASSAY_HOME to a home that was served")
    return open_records(home)


@contextmanager
def _reading() -> Iterator[Connection]:
    from serving.database import reading  # noqa: PLC0415  # as above

    engine = _engine()
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _writing() -> Iterator[tuple[Connection, int]]:
    """A unit of work of its own, and its instant; a service may run beside it."""
    from features.log import recorded_now  # noqa: PLC0415  # as above

    engine = _engine()
    try:
        with engine.begin() as connection:
            yield connection, recorded_now()
    finally:
        engine.dispose()
