"""`assay identity ...`: possible hits in lists of names, and what a named person decides about proofs of identity."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer
from rich.table import Table
from sqlalchemy import Connection

from features.home import Home
from pipelines.console import UserError, explained, out

if TYPE_CHECKING:
    from serving.payouts.identity.sealing import Seal
    from serving.payouts.identity.states import Identity

app = typer.Typer(
    help="Who people are: possible hits in lists of names, checks that are granted, proofs that are wanted.\n\n"
    "The shipped provider of checks is a fake that looks at no document; a real one is an adapter with the methods of "
    "serving/payouts/identity/provider.py (start, lookup, read_notice).",
    no_args_is_help=True,
)

HitId = Annotated[str, typer.Argument(metavar="HIT", help="as `assay identity hits` shows it")]
UserId = Annotated[str, typer.Argument(metavar="USER", help="whose proof it is")]
By = Annotated[str, typer.Option(help="who decides this; kept")]
Why = Annotated[str, typer.Option("--reason", help="why; kept sealed")]
Code = Annotated[str, typer.Option("--reason", help="why, in a word of code such as odd_payouts; kept")]


@app.command()
def hits() -> None:
    """Possible hits that wait for a person, the longest waiting first. Until the ruling nothing is paid or refused."""
    from features.events import instant_of  # noqa: PLC0415  # each command loads only what it needs
    from serving.payouts.screening.hits import open_hits  # noqa: PLC0415

    with explained(), _kept() as (connection, _, _):
        found = open_hits(connection)
        for one in found:
            since = f"{instant_of(one.opened_at):%Y-%m-%d %H:%M}"
            out.print(f"{one.id}\n  {one.user_id}, {one.entry_id}, {one.score:.2f}, since {since}", markup=False)
        if not found:
            out.print("no possible hit waits for a person")


@app.command()
def hit(id_: HitId) -> None:
    """One possible hit, for the eyes of whoever rules on it: who was searched, and what the list says."""
    from serving.payouts.screening.hits import question  # noqa: PLC0415  # as above

    with explained(), _kept() as (connection, seal, _):
        asked = question(connection, id_, seal)
        table = Table("", "as proven", "as listed", title=f"{asked.hit.user_id}: {asked.hit.state}")
        listed = asked.listed
        table.add_row("names", "\n".join(asked.person.names), "\n".join(listed.get("names", ["unreadable: look"])))
        table.add_row("born", asked.person.birth_date or "", ", ".join(listed.get("birth_dates", [])))
        out.print(table)


@app.command()
def rule(
    id_: HitId,
    answer: Annotated[str, typer.Option(help="cleared: somebody else; confirmed: the one listed")],
    by: By,
    why: Why,
) -> None:
    """Say whether the person is the one listed; what waited for that is looked at again at once."""
    from serving.payouts.screening.hits import HitState, get  # noqa: PLC0415  # as above
    from serving.payouts.screening.hits import answer as give  # noqa: PLC0415

    with explained(), _kept() as (connection, seal, now):
        if answer not in {HitState.CLEARED, HitState.CONFIRMED}:
            raise UserError("--answer is cleared or confirmed")
        after = give(connection, get(connection, id_), HitState(answer), by, why, seal, now)
        out.print(f"{after.user_id}: {after.state}", markup=False)


@app.command()
def grant(user_id: UserId, by: By, reason: Code) -> None:
    """Grant a person as many checks as at first."""
    from serving.payouts.identity import states  # noqa: PLC0415  # as above

    _move(lambda connection, now: states.grant(connection, user_id, reason, by, now))


@app.command()
def require(user_id: UserId, by: By, reason: Code) -> None:
    """Want a proof of a person, whatever was paid; the platform is told by `kyc.required`."""
    from serving.payouts.identity import states  # noqa: PLC0415  # as above

    _move(lambda connection, now: states.demand(connection, user_id, reason, by, now))


@app.command("fake-document")
def fake_document(
    user_id: UserId,
    name: Annotated[
        str | None, typer.Option(help="the document convinces, and this is the name on it: any that can be printed")
    ] = None,
    born: Annotated[str | None, typer.Option(help="the date of birth on it, e.g. 1990-12-31; may be left out")] = None,
    country: Annotated[
        str | None, typer.Option(help="where the person is taxed, as it shows, e.g. CN; may be left out")
    ] = None,
) -> None:
    """Show the fake provider a document for the check that a person has begun; without --name it does not convince.
    For trying things out: the fake takes any name and any day, and looks at nothing else. The service learns of it
    within a minute, or as soon as the check is taken up again.
    """
    from serving.payouts.identity import checks  # noqa: PLC0415  # as above
    from serving.payouts.identity.fake import MEMORY, FakeIdentityProvider  # noqa: PLC0415
    from serving.payouts.identity.persons import Person  # noqa: PLC0415

    with explained(), _kept() as (connection, seal, _):
        _assert_document(name, born, country)
        check = checks.latest(connection, user_id)
        if check is None:
            begins = f"curl -X POST http://127.0.0.1:3000/v1/people/{quote(user_id, safe='')}/identity"
            raise UserError(f"{user_id} has begun no check: `{begins}` begins one")
        provider = FakeIdentityProvider(Home.from_environment().root / MEMORY, seal)
        if name is None:
            provider.disprove(check.key)
        else:
            provider.prove(check.key, Person((name,), born), country=country)
        told = "does not convince" if name is None else "convinces"
        place = f"GET /v1/people/{user_id}/identity tells what came of it"
        out.print(f"shown: it {told}; within a minute {place}", markup=False, soft_wrap=True)


def _assert_document(name: str | None, born: str | None, country: str | None) -> None:
    from serving.payouts.identity.persons import NAME_CHARACTERS_MAX, is_date  # noqa: PLC0415  # as above

    if name is not None and (not name.strip() or not name.isprintable() or len(name) > NAME_CHARACTERS_MAX):
        raise UserError(f"--name: write 1 to {NAME_CHARACTERS_MAX} characters that can be printed, e.g. 'Ann Lee'")
    if born is not None and name is None:
        raise UserError("--born: a document that convinces has a name: add --name, or leave --born out")
    if country is not None and (name is None or not re.fullmatch("[A-Z]{2}", country)):
        raise UserError("--country: add --name, and write two capital letters, e.g. CN, or leave --country out")
    if born is not None and not is_date(born):
        raise UserError(f"--born: there is no day {born!r}: write it as 1990-12-31, or leave it out")


def _move(work: Callable[[Connection, int], "Identity"]) -> None:
    with explained(), _kept() as (connection, _, now):
        after = work(connection, now)
        out.print(f"{after.user_id}: {after.state}, {after.check_count} checks begun", markup=False)


@contextmanager
def _kept() -> "Iterator[tuple[Connection, Seal, int]]":
    """A unit of work of its own upon the home's database, the home's seal, and the instant; a service may run beside
    it. A refusal is the user's to mend.
    """
    from features.log import recorded_now  # noqa: PLC0415  # as above
    from serving.database import has_records, open_records  # noqa: PLC0415
    from serving.ledger.refusals import Refusal  # noqa: PLC0415
    from serving.payouts.identity.sealing import seal_of_home  # noqa: PLC0415

    home = Home.from_environment()
    if not has_records(home):
        raise UserError(f"{home.root} has no records: serve it first, or set ASSAY_HOME to a home that was served")
    engine = open_records(home)
    try:
        with engine.begin() as connection:
            yield connection, seal_of_home(home), recorded_now()
    except Refusal as refusal:
        raise UserError(str(refusal)) from None
    finally:
        engine.dispose()
