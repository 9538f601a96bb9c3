"""Reserve, then settle: what is reserved is spent at most once, by one event, and no budget gives more than it has."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from pipelines.bench.budget import Tally
from pipelines.bench.budget_lane import TASKS_A_COMMIT
from pipelines.bench.budget_world import World
from serving.database import open_database, reading
from serving.ledger import book, budgets, proofs, rewards
from serving.ledger.budgets import Reservation, State
from serving.ledger.refusals import AlreadyResolved, Conflicting, InsufficientFunds, Missing
from serving.ledger.rewards import Deposit, Reward

BUDGET, REWARDS = budgets.budget_of("tea", "CNY"), budgets.reward_budget_of("tea", "CNY")
ONE = Reservation("o1/0", "o1", BUDGET, 600, REWARDS, 200, until=10)


def other(number: int, **fields: object) -> Reservation:
    return replace(ONE, id=f"o{number}/0", cause_id=f"o{number}", **fields)  # type: ignore[arg-type]  # as the test says


@pytest.fixture
def funded(connection: Connection) -> Connection:
    """1,000 micros of the advertiser's, 300 for rewards."""
    rewards.fund_campaign(connection, Deposit("d", "tea", 1000, "CNY"), 0)
    budgets.allocate(connection, REWARDS, 300, "a", 0)
    return connection


def left(connection: Connection) -> tuple[int, int]:
    return tuple(book.balance(connection, account).available_micros for account in (BUDGET, REWARDS))  # type: ignore[return-value]  # there are two


def test_what_is_reserved_is_not_there_for_others(funded: Connection) -> None:
    assert budgets.reserve(funded, [ONE], 1) == [State.OPEN]
    assert left(funded) == (400, 100)
    assert budgets.reserve(funded, [other(2, reward_micros=0)], 1) == [None]
    assert budgets.reserve(funded, [other(3, value_micros=1, reward_micros=101)], 1) == [None]
    assert left(funded) == (400, 100)


def test_a_retry_reserves_once_in_one_batch_and_later(funded: Connection) -> None:
    assert budgets.reserve(funded, [ONE, ONE], 1) == [State.OPEN, State.OPEN]
    assert budgets.reserve(funded, [ONE], 2) == [State.OPEN]
    assert left(funded) == (400, 100)


def test_a_used_id_with_another_body_is_a_conflict(funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    with pytest.raises(Conflicting):
        budgets.reserve(funded, [replace(ONE, value_micros=1)], 1)
    with pytest.raises(Conflicting):
        budgets.reserve(funded, [other(2, value_micros=1), other(2, value_micros=2)], 1)


def test_of_one_cause_all_or_none_is_granted_and_the_next_gets_what_is_left(funded: Connection) -> None:
    both = [replace(ONE, reward_micros=0), replace(ONE, id="o1/1", value_micros=401, reward_micros=0)]
    assert budgets.reserve(funded, [*both, other(2)], 1) == [None, None, State.OPEN]


def test_who_has_no_budget_gets_nothing(connection: Connection) -> None:
    assert budgets.reserve(connection, [replace(ONE, payer=None)], 1) == [None]
    assert budgets.reserve(connection, [other(2, value_micros=0)], 1) == [None]


def test_a_settlement_frees_what_its_completion_spends(funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    before = budgets.settle(funded, {ONE.id: "e"}, 2)
    assert before[ONE.id].state is State.OPEN
    pay(funded, "e")
    assert left(funded) == (400, 100)
    assert budgets.settle(funded, {ONE.id: "e"}, 3)[ONE.id].state is State.SETTLED
    assert left(funded) == (400, 100)


def pay(connection: Connection, event: str, revenue: int = 600) -> None:
    rewards.credit_reward(
        connection, Reward(event, "ann", 200, revenue, "CNY", 0, "tea", funder=BUDGET, payer=REWARDS), 2
    )


def test_one_event_settles_a_reservation(funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    budgets.settle(funded, {ONE.id: "e"}, 2)
    pay(funded, "e")
    with pytest.raises(AlreadyResolved):
        budgets.settle(funded, {ONE.id: "f"}, 2)
    with pytest.raises(Missing):
        budgets.settle(funded, {"o9/0": "e"}, 2)


def test_what_ran_out_is_released_once_and_settles_no_more(funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    assert budgets.due(funded, 9) == []
    assert budgets.due(funded, 10) == [ONE.id]
    assert budgets.release(funded, [ONE.id], 10) == 1
    assert left(funded) == (1000, 300)
    assert budgets.release(funded, [ONE.id], 11) == 0
    assert budgets.due(funded, 11) == []
    assert budgets.settle(funded, {ONE.id: "e"}, 12)[ONE.id].state is State.RELEASED
    assert left(funded) == (1000, 300)


def test_a_reward_budget_is_lowered_by_what_is_free_only(funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    with pytest.raises(InsufficientFunds):
        budgets.allocate(funded, REWARDS, -101, "b", 1)
    budgets.allocate(funded, REWARDS, -100, "c", 1)
    assert left(funded) == (400, 0)


def test_a_reversal_gives_the_reward_back_to_the_budget_that_paid_it(funded: Connection) -> None:
    from features.events import Reason  # noqa: PLC0415  # here only
    from serving.ledger.reversals import ReversalOrder, reverse_reward  # noqa: PLC0415  # as above

    budgets.reserve(funded, [ONE], 1)
    budgets.settle(funded, {ONE.id: "e"}, 2)
    pay(funded, "e")
    reverse_reward(funded, ReversalOrder("r", "e", Reason.QUALITY), 3)
    assert left(funded) == (1000, 300)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE balance SET pending_out = posted + 1"
        " WHERE account IN (SELECT number FROM account WHERE kind = 'budget')",
        "UPDATE balance SET posted = pending_out - 1"
        " WHERE account IN (SELECT number FROM account WHERE kind = 'reward_budget')",
        "UPDATE reservation SET value_micros = 1",
        "UPDATE reservation SET state = 'settled'",
        "UPDATE reservation SET state = 'settled', settled_by = 'e'",
        "DELETE FROM reservation",
        "INSERT OR REPLACE INTO reservation SELECT * FROM reservation",
    ],
)
def test_the_database_refuses_what_the_code_would_never_write(statement: str, funded: Connection) -> None:
    budgets.reserve(funded, [ONE], 1)
    if funded.dialect.name == "postgresql":
        statement = statement.replace(" OR REPLACE", "")  # words that it does not know: there a key refuses
    with pytest.raises(IntegrityError), funded.begin_nested():
        funded.execute(text(statement))


def test_the_proofs_find_a_settlement_that_spent_more_than_was_reserved(engine: Engine) -> None:
    with engine.begin() as connection:
        rewards.fund_campaign(connection, Deposit("d", "tea", 1000, "CNY"), 0)
        budgets.allocate(connection, REWARDS, 300, "a", 0)
        budgets.reserve(connection, [ONE], 1)
        budgets.settle(connection, {ONE.id: "e"}, 2)
        pay(connection, "e", revenue=601)
        assert any("more than was reserved" in finding for finding in proofs.check(connection))


def run_threads(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_race_for_a_budget_get_what_it_holds_and_no_more(engine: Engine) -> None:
    with engine.begin() as connection:
        rewards.fund_campaign(connection, Deposit("d", "tea", 10 * 600 + 599, "CNY"), 0)
    granted: list[State | None] = []

    def race(number: int) -> None:
        for at in range(10):
            with engine.begin() as connection:
                granted.extend(budgets.reserve(connection, [other(number * 10 + at, payer=None)], 1))

    run_threads(race, 4)
    assert granted.count(State.OPEN) == 10
    with engine.begin() as connection:
        assert book.balance(connection, BUDGET).available_micros == 599
        assert proofs.check(connection) == []


def test_threads_that_claim_one_completion_are_paid_once(engine: Engine) -> None:
    with engine.begin() as connection:
        rewards.fund_campaign(connection, Deposit("d", "tea", 6000, "CNY"), 0)
        budgets.allocate(connection, REWARDS, 2000, "a", 0)
        budgets.reserve(connection, [ONE], 1)
    paid = []

    def claim(number: int) -> None:
        try:
            with engine.begin() as connection:
                budgets.settle(connection, {ONE.id: f"e{number}"}, 2)
                pay(connection, f"e{number}")
        except AlreadyResolved:
            return
        paid.append(number)

    run_threads(claim, 6)
    assert len(paid) == 1
    with engine.begin() as connection:
        assert left(connection) == (5400, 1800)


def test_threads_that_send_one_reservation_at_once_reserve_it_once(engine: Engine) -> None:
    with engine.begin() as connection:
        rewards.fund_campaign(connection, Deposit("d", "tea", 6000, "CNY"), 0)

    def ask(_: int) -> None:
        # Where rows lock, the one who comes second learns of it from the database; its retry is answered.
        for _ in range(2):
            with suppress(IntegrityError), engine.begin() as connection:
                assert budgets.reserve(connection, [replace(ONE, payer=None)], 1) == [State.OPEN]

    run_threads(ask, 4)
    with engine.begin() as connection:
        assert book.balance(connection, BUDGET).available_micros == 5400


@pytest.fixture
def world(tmp_path: Path) -> tuple[World, Path]:
    made, database = World(seed=3, tasks=10 * TASKS_A_COMMIT), tmp_path / "records.db"
    engine = open_database(database)
    with engine.begin() as connection:
        made.open(connection)
    engine.dispose()
    return made, database


def lanes(world: World, database: Path, spec: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "pipelines.bench.budget_lane",
        str(database),
        str(world.seed),
        str(world.tasks),
        spec,
    ]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_are_killed_while_they_race_overspend_nothing(world: tuple[World, Path]) -> None:
    made, database = world
    whole = f"0:{made.tasks}:0"
    killed, beside = lanes(made, database, f"0:{whole}"), lanes(made, database, f"1:{whole}")
    assert killed.stdout is not None
    for _ in range(2):
        killed.stdout.readline()
    time.sleep(0.02)  # somewhere inside the next commit
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    again = lanes(made, database, f"0:{whole}")
    for process in (beside, again):
        process.communicate()
        assert process.returncode == 0
    tally, engine = Tally(), open_database(database)
    with reading(engine) as connection:
        tally.judge(connection)
    engine.dispose()
    assert (tally.overspend_micros, tally.paid_twice, tally.not_as_reserved, tally.findings) == (0, 0, 0, [])
    assert 0 < tally.used_micros < tally.funded_micros


def test_the_bench_sees_what_was_overspent_and_paid_twice(world: tuple[World, Path]) -> None:
    _, database = world
    engine = open_database(database)
    with engine.begin() as connection:
        account = budgets.budget_of("c1", "CNY")
        posted = book.balance(connection, account).posted_micros
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        book.limit(connection, account, None)
        for event in ("o1/1", "o1/2"):
            rewards.credit_reward(connection, Reward(event, "ann", 1, posted, "CNY", 0, "c1", funder=account), 2)
        tally = Tally()
        tally.judge(connection)
        connection.rollback()
    engine.dispose()
    assert (tally.overspend_micros, tally.paid_twice) == (posted, 1)
