"""An audit of features, for people."""

from rich.table import Table

from pipelines.audit import Audit
from pipelines.console import out


def show_audit(found: Audit) -> None:
    """What was compared and, if something differs, which features, how often, and the first cells."""
    out.print(
        f"{found.decisions:,} decisions, {found.cells:,} cells compared, {found.mismatches:,} differ; "
        f"{found.late:,} late events, {found.repeated:,} repeated ids",
        soft_wrap=True,
    )
    if found.rescored:
        out.print(f"{found.rescored:,} scores computed anew by the version that decided, {found.misscored:,} differ")
    if found.unscored:
        out.print(
            f"{found.unscored:,} decisions name a version of the model that cannot be had, and were not scored anew"
        )
    if found.other_version:
        out.print(f"{found.other_version:,} decisions used features of another version and were not compared")
    if found.lost:
        out.print(f"[red]{found.lost:,} decisions have no event in the log, or a vector of another length[/red]")
    if found.mismatches:
        out.print(_features(found))
        out.print(_examples(found))


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
