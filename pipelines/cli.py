"""The `assay` command line. It wires and shows; the work is done below."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from features.events import instant_of
from features.home import Home
from features.windows import FeatureError
from pipelines import (
    cli_bench,
    cli_features,
    cli_frame,
    cli_graph,
    cli_holds,
    cli_identity,
    cli_ledger,
    cli_lists,
    cli_ltv,
    cli_models,
    cli_pay,
    cli_price,
    cli_reconcile,
    cli_rings,
    cli_shadow,
)
from pipelines.console import explained, out, progress, refuse, unwrapped
from pipelines.instants import instant_said

_show_warning = warnings.showwarning


def _show_to_users(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    # What libraries announce to each other's developers is not for our users; some undo any filter set before them.
    if not issubclass(category, DeprecationWarning):
        _show_warning(message, category, *where, **more)


warnings.showwarning = _show_to_users


class _Commands(TyperGroup):
    """A package's feature that cannot be computed shows at the import of the table, which is any command's first."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except FeatureError as failure:
            refuse(failure)


app = typer.Typer(
    cls=_Commands,
    help="Assay: fraud scoring and reward pricing for apps that pay people for small tasks.\n\n"
    "State lives under ASSAY_HOME (default var/).",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)


@app.callback()
def _private() -> None:
    # Everything under ASSAY_HOME is somebody's data: readable by its owner only.
    os.umask(0o077)


data = typer.Typer(help="Look at the data before anything learns from it.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(cli_bench.app, name="bench")
app.add_typer(cli_features.app, name="features")
app.add_typer(cli_graph.app, name="graph")
app.add_typer(cli_holds.app, name="holds")
app.add_typer(cli_identity.app, name="identity")
app.add_typer(cli_ledger.app, name="ledger")
app.add_typer(cli_lists.app, name="lists")
app.add_typer(cli_pay.app, name="pay")
app.add_typer(cli_price.app, name="price")
app.add_typer(cli_reconcile.app, name="reconcile")
app.add_typer(cli_shadow.app, name="shadow")
app.command()(cli_frame.frame)
app.command()(cli_ltv.ltv)
app.command()(cli_models.retrain)
app.command()(cli_models.lineage)
app.command()(cli_models.monitor)
cli_graph.app.command()(cli_rings.nightly)

DataFolder = Annotated[
    Path | None, typer.Option("--data", help="a folder of your own data; left out: a simulated platform", envvar="DATA")
]
Host = Annotated[str, typer.Option(help="address to listen on; others than loopback need ASSAY_API_KEY")]
Port = Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)]
Users = Annotated[int, typer.Option(help="people on the simulated platform")]
Days = Annotated[int, typer.Option(help="days that it has been running")]
Seed = Annotated[int, typer.Option(help="the same seed gives the same platform")]


@app.command()
def up(
    data: DataFolder = None,
    host: Host = "127.0.0.1",
    port: Port = 3000,
    users: Users = 1000,
    days: Days = 60,
    seed: Seed = 7,
) -> None:
    """From nothing to a trained, registered, serving system; what is there already is used."""
    from pipelines.serve import assert_may_listen  # noqa: PLC0415  # each command loads only what it needs
    from pipelines.up import prepare, welcome  # noqa: PLC0415

    home = _home_for(data)
    with explained():
        assert_may_listen(host, port)
        prepare(home, data, users, days, seed)
        _serve(home, host, port, lambda: welcome(home, host, port))


@app.command()
def simulate(
    out_: Annotated[Path, typer.Option("--out", help="folder of the event log to be written")],
    users: Users = 1000,
    days: Days = 60,
    seed: Seed = 7,
    start: Annotated[str, typer.Option(help="first day")] = "2026-01-01",
) -> None:
    """Write the event log of a simulated earning platform: honest people, fraud families, outcomes that mature."""
    from training.simulator.simulate import Scenario  # noqa: PLC0415
    from training.simulator.simulate import simulate as run  # noqa: PLC0415

    with explained():
        first = instant_of(instant_said(start, "--start")).date()
        scenario = Scenario(users=users, days=days, seed=seed, start=first)
        with progress("simulate", days) as advance:
            summary = run(scenario, out_, advance)
        out.print(
            f"{summary.events:,} events and {summary.outcomes:,} outcomes of {summary.users:,} people, "
            f"{summary.first_day} to {summary.last_day}, in {out_}"
        )


@app.command()
def ingest(
    mapping: Annotated[str, typer.Argument(help="a shipped mapping (talkingdata, fraudecom, handbook) or a YAML file")],
    files: Annotated[list[Path], typer.Option("--from", help="a CSV or parquet file; repeat for several")],
    out_: Annotated[Path, typer.Option("--out", help="folder of the event log to be written")],
) -> None:
    """Turn somebody's own files into an event log; features/ingest/README.md shows how to write a mapping."""
    from features.ingest.ingest import ingest as run  # noqa: PLC0415
    from features.ingest.load import load_mapping  # noqa: PLC0415
    from pipelines.shown import show_ingest  # noqa: PLC0415

    with explained():
        with progress("ingest") as advance:
            report = run(load_mapping(mapping), files, out_, advance)
        show_ingest(report, out_)


@data.command()
def doctor(log: Annotated[Path | None, typer.Argument(help="an event log; left out: the home's")] = None) -> None:
    """Clock skew, duplicate keys, label coverage and delay, columns that leak."""
    from features.ingest.doctor import doctor as examine  # noqa: PLC0415
    from pipelines.shown import show_findings  # noqa: PLC0415

    with explained():
        show_findings(examine(log or Home.from_environment().log))


@app.command()
def backfill(
    engine: Annotated[str, typer.Option(help="local, or dask for several interpreters")] = "local",
    workers: Annotated[int, typer.Option(help="interpreters of the engine dask", min=1)] = 2,
) -> None:
    """Take in what the service recorded, compute every event's features as of its instant, load Feast's store."""
    from pipelines.backfill import backfill as run  # noqa: PLC0415

    with explained():
        done = run(Home.from_environment(), engine, workers)
        out.print(f"{done.rows:,} rows of the log computed; keys online: {done.keys}")


@app.command()
def promote(
    version: Annotated[int, typer.Argument(help="the registered version that shall serve")],
    reason: Annotated[str, typer.Option(help="why; kept with the version")],
    by: Annotated[str, typer.Option(help="who decides this")],
    shadow: Annotated[
        bool, typer.Option("--shadow", help="score it live beside the champion; it decides nothing")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="promote although the gate refused")] = False,
) -> None:
    """Let `champion` name a version; rolling back is the same act. A running service follows within seconds, unless it
    computes other features than those of the version: then it is restarted.

    With --shadow the version is scored beside the champion on live decisions, and decides nothing; `assay shadow` tells
    what it would have done.
    """
    from pipelines.promotion import name_shadow  # noqa: PLC0415
    from pipelines.promotion import promote as run  # noqa: PLC0415
    from pipelines.shown_promotion import show_promoted, show_shadowed  # noqa: PLC0415

    with explained():
        home = Home.from_environment()
        if shadow:
            show_shadowed(version, name_shadow(home, version, reason, by))
        else:
            show_promoted(version, run(home, version, reason, by, force=force))


@app.command()
def serve(host: Host = "127.0.0.1", port: Port = 3000) -> None:
    """Serve the home as it is. Payouts go to a fake that pays nobody, until ASSAY_PAYOUT_PROVIDERS names the file of
    those who pay: serving/payouts/providers/example.yaml shows one.
    """
    with explained():
        _serve(Home.from_environment(), host, port, lambda: out.print(f"Assay listens on http://{host}:{port}"))


@app.command()
def replay(
    address: Annotated[str, typer.Option(help="where the service listens")] = "http://127.0.0.1:3000",
    last: Annotated[int | None, typer.Option(help="send at most so many; left out: all")] = None,
    data: DataFolder = None,
    outcomes: Annotated[bool, typer.Option(help="send the outcomes that arrived among them, too")] = False,
) -> None:
    """Send the newest real events, which were held back from training, to the running service."""
    from pipelines.replay import replay as run  # noqa: PLC0415

    with explained():
        with progress("replay", last) as advance:
            answers = run(_home_for(data), address, last, advance, outcomes=outcomes)
        counted = ", ".join(f"{count:,} {answer}" for answer, count in answers.most_common())
        out.print(f"{answers.total():,} sent: {counted}")


def _serve(home: Home, host: str, port: int, ready: Callable[[], None]) -> None:
    from pipelines.serve import serve as run  # noqa: PLC0415

    out.print("reading the log ...")
    run(home, host, port, ready)
    out.print("drained and stopped")


def _home_for(data: Path | None) -> Home:
    """One home an input: a data folder's state lies in a folder of its name, unless ASSAY_HOME says where."""
    if data is None or "ASSAY_HOME" in os.environ:
        return Home.from_environment()
    return Home((Path("var") / "data" / data.resolve().name).resolve())


unwrapped(app)  # once every command is known


if __name__ == "__main__":
    app()
