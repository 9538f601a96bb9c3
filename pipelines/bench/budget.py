"""Overspend of any budget over millions of events that are retried, concurrent, or cut off by SIGKILL: it must be 0.

Two processes with two threads each send the same tasks against each other, on the tables that serve. In every round
they are killed several times, and go on a little before where they were. What was spent is then added up from the
transfers and reservations alone, without a look at the balances that the ledger keeps, and the ledger's proofs are run.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import IO, Final

from sqlalchemy import Connection

from pipelines.bench.budget_lane import TASKS_A_COMMIT
from pipelines.bench.budget_world import World
from pipelines.console import BenchRow, counted, progress, report
from serving.database import open_database, reading
from serving.ledger import proofs

TASKS_A_ROUND: Final = 100_000
KILLS_A_ROUND: Final = 4
SECONDS_MAX: Final = 600.0
OVERLAP: Final = 2 * TASKS_A_COMMIT
"""A process that is started again sends so much once more: its last answers may have been lost."""

OVERSPENT: Final = """
WITH funded AS (
    SELECT a.id AS account, sum(amount_micros) AS micros FROM transfer t JOIN account a ON a.number = t.credit
    WHERE t.kind IN ('deposit', 'allocation') GROUP BY a.id
), spent AS (
    SELECT a.id AS account, sum(amount_micros) AS micros FROM transfer t JOIN account a ON a.number = t.debit
    WHERE t.kind IN ('revenue', 'reward') GROUP BY a.id
), reserved AS (
    SELECT account, sum(micros) AS micros FROM (
        SELECT funder AS account, value_micros AS micros FROM reservation WHERE state = 'open'
        UNION ALL SELECT payer, reward_micros FROM reservation WHERE state = 'open' AND payer IS NOT NULL
    ) GROUP BY account
)
SELECT a.id, coalesce(f.micros, 0) AS funded, coalesce(s.micros, 0) + coalesce(r.micros, 0) AS used
FROM account a LEFT JOIN funded f ON f.account = a.id LEFT JOIN spent s ON s.account = a.id
LEFT JOIN reserved r ON r.account = a.id WHERE a.kind IN ('budget', 'reward_budget')
"""
PAID_TWICE: Final = """
SELECT count(*) FROM (
    SELECT substr(event_id, 1, length(event_id) - 2) AS task FROM reward GROUP BY task HAVING count(*) > 1
)
"""
NOT_AS_RESERVED: Final = """
SELECT count(*) FROM reservation v LEFT JOIN reward w ON w.event_id = v.settled_by
WHERE v.state = 'settled' AND (w.event_id IS NULL OR w.reward_micros <> v.reward_micros
    OR w.revenue_micros <> v.value_micros)
"""


@dataclass
class Tally:
    """Of all rounds."""

    events: int = 0
    kills: int = 0
    refused: int = 0
    paid: int = 0
    overspend_micros: int = 0
    paid_twice: int = 0
    not_as_reserved: int = 0
    findings: list[str] = field(default_factory=list)
    funded_micros: int = 0
    used_micros: int = 0

    def judge(self, connection: Connection) -> None:
        for row in connection.exec_driver_sql(OVERSPENT):
            self.overspend_micros += max(row.used - row.funded, 0)
            self.funded_micros += row.funded
            self.used_micros += row.used
        self.paid_twice += connection.exec_driver_sql(PAID_TWICE).scalar_one()
        self.not_as_reserved += connection.exec_driver_sql(NOT_AS_RESERVED).scalar_one()
        self.findings += proofs.check(connection)


def run(events: int, seed: int) -> None:
    """Rounds on fresh databases until so many events were answered."""
    tally, began, number = Tally(), time.perf_counter(), 0
    with progress("events", events) as advance:
        while tally.events < events:
            tasks = min(TASKS_A_ROUND, max((events - tally.events) // 6, 4 * TASKS_A_COMMIT))
            with TemporaryDirectory(prefix="assay-budget-") as folder:
                _Round(World(seed * 1_000 + number, tasks), Path(folder) / "records.db", tally).run(advance)
            number += 1
    _report(tally, number, time.perf_counter() - began)


def _report(tally: Tally, rounds: int, seconds: float) -> None:
    rows = [
        BenchRow("overspend", "exactly 0", f"{tally.overspend_micros} micros", tally.overspend_micros == 0),
        BenchRow("tasks paid twice", "0", f"{tally.paid_twice}", tally.paid_twice == 0),
        BenchRow("paid otherwise than reserved", "0", f"{tally.not_as_reserved}", tally.not_as_reserved == 0),
        BenchRow("findings of the ledger's proofs", "0", f"{len(tally.findings)}", not tally.findings),
        BenchRow("events answered", None, f"{tally.events:,} in {counted(rounds, 'round', 'rounds')}, {seconds:.0f} s"),
        BenchRow("processes killed", None, f"{tally.kills}"),
        BenchRow("answered: there is no money", None, f"{tally.refused:,}"),
        BenchRow("answered: paid", None, f"{tally.paid:,}"),
        BenchRow("budgets used", None, f"{tally.used_micros / max(tally.funded_micros, 1):.1%}"),
    ]
    figures = {
        "overspend_micros": tally.overspend_micros,
        "paid_twice": tally.paid_twice,
        "not_as_reserved": tally.not_as_reserved,
        "findings": tally.findings[:3],
        "events": tally.events,
        "kills": tally.kills,
        "refused": tally.refused,
        "paid": tally.paid,
        "used_share": round(tally.used_micros / max(tally.funded_micros, 1), 4),
        "seconds": round(seconds, 1),
    }
    report("budgets: reserve, then settle", rows, figures)


class _Round:
    """Four lanes over two halves of the tasks: each half is sent by both processes at the same time."""

    def __init__(self, world: World, database: Path, tally: Tally) -> None:
        self._world, self._database, self._tally = world, database, tally
        half = world.tasks // 2
        self._ranges = [(0, half), (0, half), (half, world.tasks), (half, world.tasks)]
        self._at = [first for first, _ in self._ranges]
        self._dice = Random(world.seed)  # noqa: S311  # when to kill is no secret
        self._rests: dict[int, bytes] = {}

    def run(self, advance: Callable[[int], object]) -> None:
        engine = open_database(self._database)
        with engine.begin() as connection:
            self._world.open(connection)
        processes = {0: self._start(0), 1: self._start(1)}
        kills = sorted(self._dice.randrange(self._world.tasks * 5) for _ in range(KILLS_A_ROUND))
        before, deadline = self._tally.events, time.monotonic() + SECONDS_MAX
        try:
            while any(process.poll() is None for process in processes.values()):
                assert time.monotonic() < deadline, "the lanes do not go on"
                for which, process in processes.items():
                    advance(self._read(process))
                    if kills and self._tally.events - before > kills[0] and process.poll() is None:
                        kills.pop(0)
                        processes[which] = self._kill(which, process)
            for process in processes.values():
                advance(self._read(process))
                assert process.returncode == 0, "a lane failed: its last words are above"
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
        with reading(engine) as connection:
            self._tally.judge(connection)
        engine.dispose()

    def _start(self, which: int) -> subprocess.Popen[bytes]:
        """The lanes 0 and 2, or 1 and 3, from a little before where they were."""
        lanes = []
        for lane in (which, which + 2):
            first, until = self._ranges[lane]
            lanes.append(f"{lane}:{first}:{until}:{max(self._at[lane] - OVERLAP, first)}")
        place = [str(self._database), str(self._world.seed), str(self._world.tasks)]
        command = [sys.executable, "-m", "pipelines.bench.budget_lane", *place, ",".join(lanes)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603  # our own module
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def _kill(self, which: int, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self._read(process)
        self._tally.kills += 1
        return self._start(which)

    def _read(self, process: subprocess.Popen[bytes]) -> int:
        """Note what was committed since; how many events."""
        assert process.stdout is not None
        before = self._tally.events
        for line in self._lines(process.stdout, process.pid):
            lane, place, events, _, refused, paid = map(int, line.split())
            self._at[lane] = place
            self._tally.events += events
            self._tally.refused += refused
            self._tally.paid += paid
        return self._tally.events - before

    def _lines(self, pipe: IO[bytes], pid: int) -> list[bytes]:
        """Whole lines in the pipe; what is cut off waits for its rest. Waits a moment where there are none."""
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            selector.select(0.05)
        *lines, rest = (self._rests.get(pid, b"") + (pipe.read() or b"")).split(b"\n")
        self._rests[pid] = rest
        return lines
