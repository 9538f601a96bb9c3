"""`assay price ...`: judge a candidate price policy on logged offers, then let people have it in stages."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out
from pipelines.instants import instant_said

app = typer.Typer(help="Judge a price policy on logged offers; roll it out in stages.", no_args_is_help=True)
rollout = typer.Typer(help="1, 5, 25, then 100% of people; back again on proof of harm.", no_args_is_help=True)
app.add_typer(rollout, name="rollout")

PolicyFile = Annotated[Path, typer.Option("--policy", help="a policy file; only reward and pricing may differ")]
Reason = Annotated[str, typer.Option(help="why; kept with the move")]
By = Annotated[str, typer.Option(help="who decides this")]


@app.command()
def evaluate(
    policy: PolicyFile,
    log: Annotated[Path | None, typer.Option(help="an offer log, a Parquet file; left out: the home's own")] = None,
    as_of: Annotated[str | None, typer.Option(help="when the log ends; left out: with the last that it tells")] = None,
    currency: Annotated[str | None, typer.Option(help="where the log holds several")] = None,
    warm_up: Annotated[float, typer.Option(help="share of the log's time that only teaches it", min=0, max=0.9)] = 0.3,
) -> None:
    """What a candidate policy would have earned on logged offers, and whether the gate lets it through.

    The last line is one JSON object. The verdict is kept in the home; `assay price rollout start` asks for it.
    Exits with 0 if the gate lets the policy through, 1 if it refuses.
    """
    from pipelines.evaluated import evaluate as run  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.evaluated import keep, told  # noqa: PLC0415
    from pipelines.offered import assert_served, offers_of_home, read_offers  # noqa: PLC0415
    from pipelines.repriced import Span  # noqa: PLC0415
    from pipelines.shown_price import show_evaluated  # noqa: PLC0415

    with explained():
        until = None if as_of is None else instant_said(as_of)
        home = Home.from_environment()
        if log is None:
            assert_served(home)
        table = offers_of_home(home) if log is None else read_offers(log)
        found = run(table, policy, Span(until, currency, warm_up))
        keep(home, found)
        show_evaluated(found)
        typer.echo(json.dumps(told(found)))
        if not found.assessment.verdict.passed:
            raise typer.Exit(1)


@app.command()
def log(out_: Annotated[Path, typer.Option("--out", help="the Parquet file to be written")]) -> None:
    """Write the home's offers with their propensities and what became of them."""
    from pipelines.offered import assert_served, offers_of_home  # noqa: PLC0415

    with explained():
        home = Home.from_environment()
        assert_served(home)
        table = offers_of_home(home)
        table.write_parquet(out_)
        out.print(f"{table.height:,} offers in {out_}")


@rollout.command()
def start(
    policy: PolicyFile,
    reason: Reason,
    by: By,
    force: Annotated[bool, typer.Option("--force", help="although no verdict passed it")] = False,
) -> None:
    """Give a candidate to the first hundredth of people. A running service follows with its next request."""
    from pipelines.shown_price import show_rollout  # noqa: PLC0415
    from pipelines.staged import start as run  # noqa: PLC0415

    with explained():
        show_rollout(run(Home.from_environment(), policy, reason, by, force=force))


@rollout.command()
def status() -> None:
    """Who has what, every move so far, and what the live figures say."""
    from pipelines.shown_price import show_judged  # noqa: PLC0415
    from pipelines.staged import NONE, is_begun, judge  # noqa: PLC0415

    with explained():
        home = Home.from_environment()
        if is_begun(home):
            show_judged(*judge(home))
        else:
            out.print(NONE)


@rollout.command()
def advance(
    every: Annotated[float | None, typer.Option(help="seconds: judge again and again, until it is over", min=1)] = None,
) -> None:
    """Judge the live figures and do what they say: the next stage, back to none, or stay as it is."""
    from pipelines.shown_price import show_judged  # noqa: PLC0415
    from pipelines.staged import move  # noqa: PLC0415

    with explained():
        while True:
            found = move(Home.from_environment())
            show_judged(*found)
            if every is None or not found[0].share:
                return
            time.sleep(every)


@rollout.command()
def rollback(reason: Reason, by: By) -> None:
    """Take the candidate back from everybody, at once."""
    from pipelines.shown_price import show_rollout  # noqa: PLC0415
    from pipelines.staged import roll_back  # noqa: PLC0415

    with explained():
        show_rollout(roll_back(Home.from_environment(), reason, by))
