"""The audit of pay on the terminal and as JSON."""

import json

import typer
from rich.markup import escape
from rich.table import Table

from features.money import in_words
from pipelines.console import out
from pipelines.paid import ATTRIBUTES
from pipelines.pay_audit import Audit
from training.pay.groups import Group


def show_audit(audit: Audit) -> None:
    """A table of groups, what similar people were offered, what stands out; the last line is the JSON object."""
    title = f"{audit.offers:,} offers of {audit.days} days; a ratio of 1: offered like others for like tasks"
    table = Table("", "group", "people", "offers", "compared", "mean offer", "ratio (95%)", title=title)
    for one in audit.groups:
        table.add_row(*_cells(one))
    out.print(table)
    out.print(_similar(audit))
    for sentence in audit.alerts:
        out.print(f"[red]stands out[/red]: {escape(sentence)}")
    if not audit.alerts:
        out.print(_silence(audit))
    typer.echo(written(audit))


def _similar(audit: Audit) -> str:
    alike = audit.similar
    if not alike.tasks:
        return "similar people: not judged, for no task was offered to several of them within an hour"
    return (
        f"similar people: {alike.tasks:,} tasks of one hour, {alike.alike:,} at one reward; the dearest over the "
        f"cheapest is {alike.middle:.2f} in the middle, {alike.high:.2f} at the 99th of a hundred"
    )


def _silence(audit: Audit) -> str:
    """What it means that nothing stands out: only of the groups that could be judged."""
    judged = sum(one.ratio.is_known for one in audit.groups)
    if not judged:
        return "nothing could be judged: there are too few offers to people whose groups are known"
    return f"nothing stands out in the {judged} of {len(audit.groups)} groups that could be judged"


def _cells(one: Group) -> list[str]:
    return [
        "[red]stands out[/red]" if one.stands else "",
        escape(f"{ATTRIBUTES[one.attribute]} {one.group}, {one.currency}"),
        f"{one.people:,}",
        f"{one.offers:,}",
        f"{one.compared:,}",
        in_words(one.mean_micros, one.currency),
        escape(str(one.ratio)),
    ]


def written(audit: Audit) -> str:
    """The audit as one line of JSON."""
    return json.dumps(audit.as_json())
