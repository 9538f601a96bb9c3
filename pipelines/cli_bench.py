"""`assay bench ...`: measure. Each benchmark prints a table and, as its last line, one JSON object."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import explained

app = typer.Typer(
    help="Measure. Each benchmark prints a table and, as its last line, one JSON object; speed is a ratio in one run.",
    no_args_is_help=True,
)

Data = Annotated[Path | None, typer.Option(help="a folder of data; left out: a simulated platform", envvar="DATA")]
Seed = Annotated[int, typer.Option(help="the same seed gives the same figures")]


@app.command()
def serving(data: Data = None, seed: Seed = 7) -> None:
    """One event over HTTP against an empty route of the same server."""
    from pipelines.bench.serving import run  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        run(data, seed)


@app.command()
def features(data: Data = None, seed: Seed = 7) -> None:
    """Online fold against offline backfill: every cell, and the time of each."""
    from pipelines.bench.features import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def graph(data: Data = None, seed: Seed = 7) -> None:
    """The device graph: an edge online, ten million in a batch, a crowd on one device, look-alikes."""
    from pipelines.bench.graph import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def model(data: Data = None, seed: Seed = 7) -> None:
    """Fraud model out of time, with intervals, beside one honest rule."""
    from pipelines.bench.model import run  # noqa: PLC0415

    with explained():
        run(data, seed)


@app.command()
def training(
    seed: Seed = 7, rows: Annotated[int, typer.Option(help="events of the generated table", min=5_000)] = 1_000_000
) -> None:
    """Training with evaluation on a million events of a hundred features, step by step."""
    from pipelines.bench.training import run  # noqa: PLC0415

    with explained():
        run(rows, seed)


@app.command()
def arena(
    seed: Seed = 7,
    family: Annotated[str | None, typer.Option(help="a family of your own, FILE.py:NAME, held out of training")] = None,
    users: Annotated[int, typer.Option(help="people on the platform")] = 4000,
    days: Annotated[int, typer.Option(help="days in all; the last third is the arena")] = 75,
    policy: Annotated[Path | None, typer.Option(help="a policy file; left out: the one that serves")] = None,
) -> None:
    """Attackers against the model: recall, money stopped and honest harm by family, under the policy that serves.

    A family of your own is a class in a file; nothing else changes. The file runs with your rights.

    \b
    class NightShift:
        name = "night_shift"
        # its accounts: training.simulator.cast.Person
        def people(self, rng, count):
            return [Person(ring=0, phone=0, destination=0)
                    for _ in range(count)]
        # its events of a day, as POST /v1/score/event takes them:
        # those of ordinary people, as they are, changed, or others
        def act(self, rng, day, world):
            return world.live()
        # what became of them: event_id, user_id, kind, action, at
        def watch(self, decisions):
            ...

    `world` offers live(), visit(), withdrawal(), available(), change(), victims(), taken_over(), offers(), members.
    `trained = True` lets the family act in the past, too. A wrong event is refused with the name of its field.
    """  # noqa: D301  # click reads the character, not its two letters: what follows keeps its lines
    from pipelines.bench.arena import run  # noqa: PLC0415

    with explained():
        run(seed, family, users, days, policy)


@app.command()
def stream(  # noqa: PLR0913, PLR0917  # a command's options are its arguments
    data: Annotated[Path | None, typer.Option(help="CSV or parquet, or a folder; left out: the handbook's")] = None,
    train_from: Annotated[str | None, typer.Option(help="2018-07-25; left out: the file's last window")] = None,
    train_days: Annotated[int, typer.Option(help="days to learn from")] = 7,
    delay_days: Annotated[int, typer.Option(help="days until a fraud is known")] = 7,
    test_days: Annotated[int, typer.Option(help="days to measure on")] = 7,
    mapping: Annotated[str | None, typer.Option(help="YAML that names the columns, or a shipped mapping")] = None,
    columns: Annotated[
        list[str] | None, typer.Option(help="ROLE=COLUMN; the roles: time, customer, terminal, amount, label")
    ] = None,
    every_week: Annotated[bool, typer.Option(help="all windows of the file, a week apart")] = False,
    seed: Seed = 7,
) -> None:
    """Payments by the Fraud Detection Handbook's protocol: our features beside the book's fifteen."""
    from pipelines.bench.stream import Asked, run, run_every_week  # noqa: PLC0415

    days = (train_days, delay_days, test_days)
    with explained():
        (run_every_week if every_week else run)(Asked(data, train_from, days, mapping, columns or (), seed))


@app.command()
def nodes(
    data: Annotated[Path | None, typer.Option(help="a folder: nodes.tsv, edges.parquet or .tsv, splits.npz")] = None,
    label: Annotated[str | None, typer.Option(help="the column of labels; left out: the last")] = None,
    positive: Annotated[str | None, typer.Option(help="the label to find; left out: 1, yes, or the rarer")] = None,
    scores: Annotated[Path | None, typer.Option(help="a Parquet file for the scores of all test nodes")] = None,
    seed: Seed = 7,
) -> None:
    """Nodes of any graph, some of them labelled: AUC, AP and recall at 1% false positives, split by split.

    nodes.tsv has the columns `id` and a label, and attributes between them, if any.
    edges.parquet or edges.tsv has the columns `source` and `target`, ids of nodes.tsv.
    Without splits.npz the labelled nodes are drawn ten times.
    """
    from pipelines.bench.nodes import run  # noqa: PLC0415

    with explained():
        run(data, seed, label, positive, scores)
