"""An audit of features, for people."""

from rich.markup import escape
from rich.table import Table

from pipelines.audited import Audit
from pipelines.console import out


def show_audit(found: Audit) -> None:
    """What was compared and, if something is wrong, what, how often, and the first ones."""
    out.print(
        f"{found.decisions:,} decisions, {found.cells:,} cells compared, {found.mismatches:,} differ; "
        f"{found.late:,} late events, {found.repeated:,} repeated ids",
        soft_wrap=True,
    )
    if found.rescored or found.redecided:
        out.print(
            f"{found.rescored:,} scores computed anew by the version that decided, {found.misscored:,} differ; "
            f"{found.redecided:,} actions derived anew by the policy",
            soft_wrap=True,
        )
    _show_unjudged(found)
    if found.lost:
        out.print(f"[red]{found.lost:,} decisions have no event where they say[/red]")
    if found.missing:
        out.print(f"[red]{found.missing:,} arrivals are missing: neither the log nor the records hold them[/red]")
    if found.mismatches:
        out.print(_features(found))
        out.print(_examples(found))
    if found.faults:
        out.print(_faults(found))
        out.print(_blamed(found))


def _show_unjudged(found: Audit) -> None:
    for number, why in (
        (found.other_version, "used features of another version and were not compared"),
        (found.unscored, "name a version of the model that cannot be had, and were not scored anew"),
        (found.other_policy, "followed another policy than today's, and their actions were not derived anew"),
    ):
        if number:
            out.print(f"[yellow]not judged:[/yellow] {number:,} decisions {why}", soft_wrap=True)
    if found.other_version and not found.cells:
        out.print(
            "[red]NOTHING WAS COMPARED:[/red] audit with the code and the packages of features that decided (`assay "
            "lineage EVENT_ID` names their version), or choose --from after today's features began to decide",
            soft_wrap=True,
        )


def _features(found: Audit) -> Table:
    table = Table("feature", "cells that differ", title="by feature")
    for name, cells in found.differing.most_common():
        table.add_row(name, f"{cells:,}")
    return table


def _examples(found: Audit) -> Table:
    table = Table("event", "feature", "stored", "computed", title="the first ones")
    for one in found.examples:
        table.add_row(one.event_id, one.feature, repr(one.stored), repr(one.computed))
    return table


def _faults(found: Audit) -> Table:
    table = Table("what is wrong", "decisions", title="faults")
    for what, decisions in found.faults.most_common():
        table.add_row(what, f"{decisions:,}")
    return table


def _blamed(found: Audit) -> Table:
    table = Table("decision", "what is wrong", title="the first ones")
    for one in found.blamed:
        table.add_row(escape(one.decision_id), one.what)
    return table
