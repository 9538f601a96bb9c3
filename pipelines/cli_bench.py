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
Seed = Annotated[int, typer.Option(help="the same seed gives the same figures", min=0)]


@app.command()
def serving(data: Data = None, seed: Seed = 7) -> None:
    """One event over HTTP against an empty route of the same server."""
    from pipelines.bench.serving import run  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        run(data, seed)


@app.command()
def budget(
    events: Annotated[int, typer.Option(help="requests that are answered", min=1_000)] = 10_000_000, seed: Seed = 7
) -> None:
    """Overspend of any budget over events that are retried, concurrent or cut off by SIGKILL."""
    from pipelines.bench.budget import run  # noqa: PLC0415

    with explained():
        run(events, seed)


@app.command()
def verify(
    transfers: Annotated[int, typer.Option(help="transfers in the book", min=1000)] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="times that it is verified", min=1)] = 3,
    folder: Annotated[Path | None, typer.Option(help="a folder on the disk to measure")] = None,
) -> None:
    """A whole book verified from its rows: hashes, balances, heads; beside the plain ways of doing less."""
    from pipelines.bench.verify import run  # noqa: PLC0415

    with explained():
        run(transfers, rounds, folder)


@app.command()
def ledger(
    rounds: Annotated[int, typer.Option(help="turns of each lane", min=2)] = 9,
    seconds: Annotated[float, typer.Option(help="of each turn", min=0.05)] = 0.7,
    floor: Annotated[Path | None, typer.Option(help="a script that is the floor; left out: our own")] = None,
    folder: Annotated[Path | None, typer.Option(help="a folder on the disk to measure")] = None,
    postgres: Annotated[
        str, typer.Option(help="a server where a database can be made")
    ] = "postgresql+psycopg:///postgres",
    seed: Seed = 7,
) -> None:
    """The whole book beside the least double entry with a hash chain, in turns; and on PostgreSQL."""
    from pipelines.bench.ledger import run  # noqa: PLC0415

    with explained():
        run(rounds, seconds, seed, floor, folder, postgres)


@app.command()
def reconcile(
    rows: Annotated[int, typer.Option(help="lines of the statement, and payouts", min=1_000)] = 1_000_000,
    seed: Seed = 7,
) -> None:
    """A large statement read and compared with as many payouts, with breaks planted and counted."""
    from pipelines.bench.reconcile import run  # noqa: PLC0415

    with explained():
        run(rows, seed)


@app.command()
def prices(data: Data = None, seed: Seed = 7) -> None:
    """A hundred candidates priced in one call, in process."""
    from pipelines.bench.prices import run  # noqa: PLC0415

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


@app.command()
def response(
    data: Annotated[Path | None, typer.Option(help="csv, tsv or parquet; left out: Thornton's trial")] = None,
    reward: Annotated[str | None, typer.Option(help="the column of rewards, numbers from 0 on")] = None,
    outcome: Annotated[str | None, typer.Option(help="the column of outcomes: 1 done, 0 not, blank unknown")] = None,
    group: Annotated[
        str | None, typer.Option(help="rows of one group stay in one fold; left out: random folds")
    ] = None,
    context: Annotated[list[str] | None, typer.Option(help="columns for trees, from 20,000 rows on")] = None,
    plot: Annotated[Path | None, typer.Option(help="save the picture: .png, .svg or .pdf")] = None,
    seed: Seed = 7,
) -> None:
    """Completion over reward, out of fold: our curve beside a constant, isotonic regression and a plain logit."""
    from pipelines.bench.response import Asked, run  # noqa: PLC0415

    with explained():
        run(Asked(data, reward, outcome, group, context or (), plot, seed))


@app.command()
def daily(
    seed: Seed = 7, worlds: Annotated[int, typer.Option(help="simulated worlds of honest people", min=1)] = 3
) -> None:
    """One person over ten accounts against the daily curve, links found by the graph; honest look-alikes beside it."""
    from pipelines.bench.daily import run  # noqa: PLC0415

    with explained():
        run(seed, worlds)


@app.command()
def ope(
    data: Annotated[
        Path | None, typer.Option(help="folder of public data; left out: ASSAY_DATA, or ../shared/data")
    ] = None,
    resamples: Annotated[int, typer.Option(help="biased logs to be drawn", min=2)] = 1000,
    rows: Annotated[int, typer.Option(help="rows of each log", min=1000)] = 10_000,
    seed: Seed = 7,
) -> None:
    """The gate for price policies on logs whose truth is known: error, coverage, and which policies it lets through.

    Biased logs are drawn from Hillstrom's randomised e-mail; the Open Bandit sample is judged in both directions.
    """
    from pipelines.bench.ope import run  # noqa: PLC0415

    with explained():
        run(data, seed, resamples, rows)


@app.command()
def market(
    seed: Seed = 7,
    family: Annotated[str | None, typer.Option(help="one family by name, or FILE.py:NAME; left out: all four")] = None,
    seeds: Annotated[int, typer.Option(help="how many seeds, from --seed on", min=1)] = 1,
    policy: Annotated[Path | None, typer.Option(help="a policy file; left out: the one that serves")] = None,
    shock: Annotated[bool, typer.Option("--shock", help="more visitors and an unforeseen campaign at a noon")] = False,
) -> None:
    """A week of a market under the desk that serves, against the most that could have been earned in hindsight.

    Shipped families: logit_jump, probit, target_earners, fatigue. One of your own is a class in a file; nothing
    else changes. The file runs with your rights.

    \b
    class Moody:
        name = "moody"
        states = 2        # conditions of a person's day, 1 to 64; 1: no memory
        def draw(self, rng):                    # what differs by seed
            self.steep = rng.uniform(0.8, 1.2)
        def begin(self, rng, people):           # how each person's days begin
            return rng.integers(0, 2, people)
        def chance(self, task, rewards, state):     # one probability a reward
            return 0.9 * rewards / (rewards + self.steep * task.effort + state)
        def after(self, state, reward, completed):  # the condition after an offer
            return 0 if completed else state

    `rewards` is an ascending array in units of the currency; `task` has kind (video, survey, install or game),
    effort (what it costs a person, in the same units) and segment (new, regular or expert).
    """  # noqa: D301  # click reads the character, not its two letters: what follows keeps its lines
    from pipelines.bench.market import run  # noqa: PLC0415

    with explained():
        run(seed, seeds, family, policy, shock=shock)


@app.command()
def holds(
    seed: Seed = 7,
    users: Annotated[int, typer.Option(help="people on the simulated platform")] = 4000,
    days: Annotated[int, typer.Option(help="days in all; rewards after 55% of them are judged", min=30)] = 90,
    settings: Annotated[Path | None, typer.Option(help="YAML of the prices of loss and waiting; out: shipped")] = None,
) -> None:
    """Waits of rewards, fitted on the past, against the best fixed windows of hindsight on later rewards."""
    from pipelines.bench.holds import run  # noqa: PLC0415

    with explained():
        run(seed, users, days, settings)


@app.command()
def payouts_evm(
    payouts: Annotated[int, typer.Option(help="payouts in all", min=1, max=100_000)] = 1_000, seed: Seed = 7
) -> None:
    """Payouts on a real EVM node through reorganisations, nonce gaps, fee spikes and lost calls; needs Node."""
    from pipelines.bench.payouts_evm import run  # noqa: PLC0415

    with explained():
        run(payouts, seed)


@app.command()
def screening(
    seed: Seed = 7,
    listed: Annotated[int, typer.Option(help="people on the list that is made", min=100)] = 20_000,
    people: Annotated[int, typer.Option(help="people who are not on it", min=100)] = 5_000,
    asked: Annotated[int, typer.Option(help="listed people who are searched for under changed names", min=50)] = 500,
) -> None:
    """Names against a list: who is found under a changed name, and who is hit without being listed."""
    from pipelines.bench.screening import run  # noqa: PLC0415

    with explained():
        run(seed, listed, people, min(asked, listed))


@app.command()
def saga(
    payouts: Annotated[int, typer.Option(help="payouts in groups", min=1_000, max=1_000_000)] = 50_000,
    singly: Annotated[int, typer.Option(help="payouts with one commit a step", min=50, max=100_000)] = 1_000,
) -> None:
    """Payouts through all states: groups that share their commits against one commit a step."""
    from pipelines.bench.saga import run  # noqa: PLC0415

    with explained():
        run(payouts, singly)
