"""One process of the budget bench: lanes that send a round's events, a commit for many, and say how far they are.

Run as `python -m pipelines.bench.budget_lane DATABASE SEED TASKS LANE:FROM:UNTIL:AT,...`; each lane is a thread with a
connection of its own. After a commit it writes `lane position events granted refused paid`, and only then goes on: what
is written is on the disk. It may be killed at any time; whoever starts it again lets it send once more what came last.
"""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from pipelines.bench.budget_world import Task, World
from serving.database import open_database
from serving.ledger import budgets, rewards
from serving.ledger.budgets import State

TASKS_A_COMMIT: Final = 400
LAG: Final = 5 * TASKS_A_COMMIT
"""So many other tasks are started, here, before one is completed: their money is reserved meanwhile."""

_writing = threading.Lock()


@dataclass
class Sent:
    """What one commit did: events, and of the tasks how many hold or held money, got none, and were paid."""

    events: int = 0
    granted: int = 0
    refused: int = 0
    paid: int = 0


def send(connection: Connection, begun: Sequence[Task], ended: Sequence[Task], claim: int) -> Sent:
    """Start some tasks, each twice; let others end. Whatever was sent before has no effect."""
    wanted = [task.reservation for task in begun]
    standing = budgets.reserve(connection, [*wanted, *wanted], 1)[: len(wanted)]
    refused = standing.count(None)
    completed = [task for task in ended if task.completes]
    paid = _complete(connection, completed, claim)
    _complete(connection, completed, 3 - claim)
    given_up = [task.reservation.id for task in ended if not task.completes]
    budgets.release(connection, given_up, 1)
    events = 2 * len(begun) + 2 * len(completed) + len(given_up)
    return Sent(events, len(wanted) - refused, refused, paid)


def _complete(connection: Connection, tasks: Sequence[Task], claim: int) -> int:
    """Two events claim each task: pay by `claim` what money was reserved for, unless the other was first; how many."""
    known = budgets.find(connection, [task.reservation.id for task in tasks])
    paid = [task for task in tasks if (found := known.get(task.reservation.id)) and _is_due(found, task, claim)]
    budgets.settle(connection, {task.reservation.id: task.reward(claim).event_id for task in paid}, 1)
    rewards.credit_rewards(connection, [task.reward(claim) for task in paid], 1)
    return len(paid)


def _is_due(found: budgets.Known, task: Task, claim: int) -> bool:
    return found.state is State.OPEN or found.settled_by == task.reward(claim).event_id


@dataclass(frozen=True)
class Lane:
    """Tasks `first` to `until`, from `at` on, by a number that says which event claims them first."""

    number: int
    first: int
    until: int
    at: int

    def run(self, engine: Engine, world: World) -> None:
        for at in range(self.at, self.until + LAG, TASKS_A_COMMIT):
            begun, ended = self._tasks(world, at), self._tasks(world, at - LAG)
            sent = self._committed(engine, begun, ended)
            place = at + TASKS_A_COMMIT
            with _writing:
                sys.stdout.write(f"{self.number} {place} {sent.events} {sent.granted} {sent.refused} {sent.paid}\n")
                sys.stdout.flush()

    def _committed(self, engine: Engine, begun: Sequence[Task], ended: Sequence[Task]) -> Sent:
        """Again, as a client would, where the others have kept the database for too long."""
        while True:
            try:
                with engine.begin() as connection:
                    return send(connection, begun, ended, 1 + self.number % 2)
            except OperationalError as busy:
                if "database is locked" not in str(busy.orig):
                    raise

    def _tasks(self, world: World, at: int) -> list[Task]:
        return [_task(world, one) for one in range(max(at, self.first), min(at + TASKS_A_COMMIT, self.until))]


@cache
def _task(world: World, number: int) -> Task:
    """A lane ends what it started; the other lane of the process is elsewhere."""
    return world.task(number)


def main(database: str, seed: str, tasks: str, lanes: str) -> None:
    engine, world = open_database(Path(database)), World(int(seed), int(tasks))
    running = [Lane(*map(int, one.split(":"))) for one in lanes.split(",")]
    threads = [threading.Thread(target=one.run, args=(engine, world)) for one in running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
