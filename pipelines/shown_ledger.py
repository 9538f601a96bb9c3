"""Exposure and the reserve on the terminal and as JSON; the tax of a year as CSV."""

import csv
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from features.events import instant_of
from features.money import in_words
from pipelines.console import counted, out
from pipelines.instants import instant_shown
from serving.ledger.book import Balance
from serving.ledger.exposure import Exposed
from serving.ledger.reserve import State
from serving.ledger.transfer import Account
from serving.payouts.taxes import YearLine


def show_exposure(found: Sequence[Exposed], file: Path | None) -> None:
    """A table by partner, if there is any; the last line is one JSON object."""
    table = Table(
        "partner", "advanced", "promised", "cap", "lost", "rewards", "until", title="what may be taken back yet"
    )
    for one in found:
        cap = "none" if one.cap_micros is None else in_words(one.cap_micros, one.currency)
        amounts = (one.advanced_micros, one.promised_micros)
        said = [in_words(micros, one.currency) for micros in amounts]
        lost = in_words(one.lost_micros, one.currency)
        until = f"{instant_of(one.until):%Y-%m-%d %H:%M}"
        table.add_row(escape(one.partner_id), *said, cap, lost, f"{one.rewards:,}", until)
    if found:
        out.print(table)
    else:
        out.print("no partner may take back anything that was promised to people earlier")
    _written({"exposure": [one.as_dict() | {"until": instant_shown(one.until)} for one in found]}, file)


def show_balance(account: Account, found: Balance, file: Path | None) -> None:
    """One sentence; the last line is one JSON object."""
    posted, held = (in_words(micros, account.asset) for micros in (found.posted_micros, found.held_micros))
    out.print(f"{account.id}: {posted}, of which {held} are held", markup=False, soft_wrap=True)
    said = {"balance_micros": found.posted_micros, "held_micros": found.held_micros}
    _written({"account_id": account.id} | said | {"available_micros": found.available_micros}, file)


def show_reserve(states: Sequence[State], share: float, file: Path | None) -> None:
    """A table by currency, if there is any; the last line is one JSON object. `share` of each reward is set aside once
    an hour.
    """
    table = Table("", "reserve", "amount")
    for one in states:
        for name, micros in one.as_dict().items():
            if name.endswith("_micros"):
                what = name.removesuffix("_micros").replace("_", " ")
                table.add_row(one.currency, what, in_words(micros, one.currency))
        table.add_section()
        if one.balance_micros < 0:
            out.print(_missing(one, share), soft_wrap=True)
    if states:
        out.print(table)
    else:
        out.print("the reserve is empty: a service sets a share of each reward aside once an hour", soft_wrap=True)
    _written({"reserve": [one.as_dict() for one in states]}, file)


def write_tax(lines: Sequence[YearLine], file: Path | None) -> None:
    """One line a country, account and currency; amounts in units of the currency."""
    head = ["year", "country", "user_id", "currency", "paid", "withheld"]
    rows = [
        [one.year, one.country, one.user_id, one.currency]
        + [_units(micros, one.currency) for micros in (one.base_micros, one.tax_micros)]
        for one in lines
    ]
    if file is None:
        csv.writer(sys.stdout).writerows([head, *rows])
        return
    with file.open("w", encoding="utf-8", newline="") as written:
        csv.writer(written).writerows([head, *rows])
    out.print(f"{counted(len(rows), 'line', 'lines')} written to {file}", markup=False, soft_wrap=True)


def _units(micros: int, currency: str) -> str:
    return in_words(micros, currency).removesuffix(f" {currency}")


def _missing(one: State, share: float) -> str:
    missing = in_words(-one.balance_micros, one.currency)
    if share and not one.set_aside_micros:
        return f"{missing} are missing: the share of rewards is not yet set aside, which a service does once an hour"
    return f"[red]{missing} are missing[/red]: raise reserve.share, or `assay ledger top-up`"


def _written(body: dict[str, Any], file: Path | None) -> None:
    line = json.dumps(body)
    if file is not None:
        file.write_text(line + "\n", "utf-8")
    typer.echo(line)
