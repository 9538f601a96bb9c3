"""How a judgement of a price policy and a rollout are shown."""

from math import isinf

from rich.markup import escape
from rich.table import Table

from pipelines.console import counted, out
from pipelines.evaluated import Evaluated
from pipelines.instants import instant_shown
from serving.pricing.rollout import Judgement, Live, Rollout, Step

_NAMES = {"ips": "IPS", "snips": "SNIPS", "dm": "direct method", "dr": "doubly robust", "switch_dr": "Switch-DR"}


def show_evaluated(found: Evaluated) -> None:
    one, currency = found.assessment, found.repriced.currency
    people = counted(one.people, "person", "people")
    out.print(f"{counted(one.rows, 'offer', 'offers')} to {people} as of {instant_shown(found.as_of)}")
    for reason, rows in found.repriced.left_out.items():
        if rows:
            out.print(f"left out, {reason}: {rows:,}")
    table = Table(title=f"margin an offer, micros of {currency}: {found.candidate} in place of {found.incumbent}")
    for heading in ("", "estimate", "95% interval"):
        table.add_column(heading)
    lines = {"logged": one.logged_value} | {_NAMES[name]: value for name, value in (one.values or {}).items()}
    for name, value in (lines | {"uplift": one.uplift}).items():
        if value is not None and value.value is not None:
            known = value.low is not None and value.high is not None
            table.add_row(name, f"{value.value:,.0f}", f"{value.low:,.0f} to {value.high:,.0f}" if known else "")
    if one.uplift_low is not None:
        table.add_row("uplift, anytime-valid", f"above {one.uplift_low:,.0f}", "")
        out.print(table)
    out.print("[green]passed[/green]" if one.verdict.passed else "[red]refused[/red]")
    _reasons(one.verdict.reasons)


def show_rollout(rollout: Rollout) -> None:
    out.print(f"{rollout.candidate} has {rollout.share:.0%} of people, {rollout.incumbent} the others")
    table = Table()
    for heading in ("when", "move", "people", "by", "reason"):
        table.add_column(heading)
    for move in rollout.moves:
        table.add_row(instant_shown(move.at), move.step, f"{move.share:.0%}", escape(move.by), escape(move.reason))
    out.print(table)


def show_judged(rollout: Rollout, live: Live, judgement: Judgement) -> None:
    show_rollout(rollout)
    people = counted(live.candidate_people, "person", "people")
    most = "any" if isinf(live.ratio_high) else f"{live.ratio_high:.2f}"
    out.print(
        f"known of this stage: {people} with the candidate, {live.incumbent_people:,} without; "
        f"its margin is {live.ratio_low:.2f} to {most} times theirs"
    )
    words = {Step.ADVANCE: "[green]advance[/green]", Step.ROLLBACK: "[red]roll back[/red]", Step.STAY: "stay"}
    out.print(words[judgement.step])
    _reasons(judgement.reasons)


def _reasons(reasons: tuple[str, ...]) -> None:
    for reason in reasons:
        out.print(f"- {escape(reason)}")
