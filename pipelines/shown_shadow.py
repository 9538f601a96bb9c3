"""What a shadow made of live decisions, for people."""

from rich.table import Table

from pipelines.console import out
from pipelines.shadowed import Agreement
from serving.decision import Action


def show_shadow(found: Agreement) -> None:
    """One row for what was done, one column for what the shadow would have done, and the figures of both."""
    out.print(_actions(found))
    share = found.agreed / found.decisions
    gap = "unknown: no champion scored" if found.difference_mean is None else f"{found.difference_mean:+.4f}"
    out.print(f"{found.decisions:,} decisions, {share:.1%} alike; score of the shadow less the champion's: mean {gap}")
    labelled = f"{found.labelled:,} with a matured outcome, {found.positives:,} of them positive"
    reason = found.auc_champion.reason
    if found.auc_champion.value is None and reason == found.auc_shadow.reason:
        out.print(f"{labelled}; AUC unknown for both: {reason}", soft_wrap=True)
    else:
        out.print(f"{labelled}; AUC: champion {found.auc_champion}, shadow {found.auc_shadow}", soft_wrap=True)


def _actions(found: Agreement) -> Table:
    seen = [action for action in map(str, Action) if any(action in pair for pair in found.actions)]
    title = f"done by version {', '.join(found.champions)} (rows), and what version {found.version} would have done"
    table = Table("", *seen, title=title)
    for done in seen:
        table.add_row(done, *(f"{found.actions[done, would_be]:,}" for would_be in seen))
    return table
