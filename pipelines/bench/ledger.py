"""The book beside its floors: SQLite against the least double entry with a chain, PostgreSQL against a bare insert.

The two lanes of a race take turns on databases of their own, so that a busy machine slows both; a ratio is the median
of the rounds' ratios, and its spread the middle half of them.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

from pipelines.bench.ledger_lanes import BareArrays, Book, Floor, Lane, Script, own_database
from pipelines.console import BenchRow, progress, report
from serving.database import open_database

BATCHES: Final = (1, 100, 1000)
TARGETS: Final = {100: 0.4, 1000: 0.4}
POSTGRES_BATCH: Final = 100
POSTGRES_TARGET: Final = 0.6


@dataclass(frozen=True)
class Race:
    """Medians over the rounds: transfers a second of both, their ratio and the quartiles of it."""

    ours: float
    floor: float
    ratio: float
    low: float
    high: float

    @property
    def told(self) -> str:
        spread = f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"
        return f"{spread} of the floor: {self.ours:,.0f}/s beside {self.floor:,.0f}/s"


def run(rounds: int, seconds: float, seed: int, floor: Path | None, folder: Path | None, server: str) -> None:
    """Race, check what was posted with the ledger's proofs, and report."""
    load = os.getloadavg()[0]
    with (
        TemporaryDirectory(prefix="assay-ledger-", dir=folder) as made,
        progress("rounds", rounds * (len(BATCHES) + 1)) as advance,
    ):
        place = Path(made)
        with closing(Book(open_database(place / "book.db"), seed)) as ours:
            least: Lane = Script(floor, place) if floor else Floor(place, seed)
            with closing(least):
                races = {batch: _race(ours, least, batch, rounds, seconds, advance) for batch in BATCHES}
            findings = ours.findings()
        on_postgres, more = _on_postgresql(server, rounds, seconds, seed, advance)
    _report(races, on_postgres, findings + more, (load, os.getloadavg()[0]))


def _race(ours: Lane, floor: Lane, batch: int, rounds: int, seconds: float, advance: Any) -> Race:
    """One round more than asked, whose figures are thrown away: it fills what is cached."""
    pairs = []
    for number in range(rounds + 1):
        lanes = (ours, floor) if number % 2 else (floor, ours)
        measured = {lane: lane.run(batch, seconds) for lane in lanes}
        if number:
            pairs.append((measured[ours], measured[floor]))
            advance(1)
    return _summed(pairs)


def _summed(pairs: Sequence[tuple[float, float]]) -> Race:
    ratios = [ours / floor for ours, floor in pairs]
    low, _, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Race(median(one for one, _ in pairs), median(one for _, one in pairs), median(ratios), low, high)


def _on_postgresql(server: str, rounds: int, seconds: float, seed: int, advance: Any) -> tuple[Race | None, list[str]]:
    with ExitStack() as stack:
        address = stack.enter_context(own_database(server))
        if address is None:
            return None, []
        engine = open_database(address)
        ours = stack.enter_context(closing(Book(engine, seed)))
        bare = stack.enter_context(closing(BareArrays(engine, seed)))
        for lane in (ours, bare):
            lane.run(max(BATCHES), seconds)
        # What the server does by itself to every table in use, a minute after it was filled.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
        race = _race(ours, bare, POSTGRES_BATCH, rounds, seconds, advance)
        return race, ours.findings()


def _report(races: dict[int, Race], on_postgres: Race | None, findings: list[str], load: tuple[float, float]) -> None:
    rows, figures = [], {"findings": findings[:3], "load_before": round(load[0], 2), "load_after": round(load[1], 2)}
    told = {f"{batch}": (race, TARGETS.get(batch)) for batch, race in races.items()}
    if on_postgres is not None:
        told["postgres"] = on_postgres, POSTGRES_TARGET
    for name, (race, target) in told.items():
        is_postgres = name == "postgres"
        label = f"PostgreSQL, batches of {POSTGRES_BATCH}" if is_postgres else f"SQLite, batches of {name}"
        wanted = None if target is None else f">= {target} of {'a bare insert' if is_postgres else 'the floor'}"
        rows.append(BenchRow(label, wanted, race.told, None if target is None else race.ratio >= target))
        key = f"postgres_{{}}_{POSTGRES_BATCH}" if is_postgres else f"{{}}_{name}"
        for part, value, digits in (
            ("ratio", race.ratio, 3),
            ("ratio_low", race.low, 3),
            ("ratio_high", race.high, 3),
            ("transfers_per_s", race.ours, 0),
            ("floor_per_s", race.floor, 0),
        ):
            figures[key.format(part)] = round(value, digits)
    if on_postgres is None:
        rows.append(BenchRow("PostgreSQL", f">= {POSTGRES_TARGET} of a bare insert", "left out: no server answers"))
        figures[f"postgres_ratio_{POSTGRES_BATCH}"] = None
    rows.append(BenchRow("findings of the ledger's proofs", "0", f"{len(findings)}", not findings))
    rows.append(BenchRow("load of the machine, before and after", None, f"{load[0]:.1f}, {load[1]:.1f}"))
    report("ledger: the whole book beside its floors", rows, figures)
