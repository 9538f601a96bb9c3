"""What counts together on a day: the accounts that the graph finds to be one person, and nobody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from features.events import parse
from features.graph import DeviceGraph
from features.log import row_of
from serving.database import open_database
from serving.policy import load_policy
from serving.pricing.daily import paid_micros, total_micros
from serving.pricing.earned import count, earned_micros

CURVE = load_policy().daily
DAY = 739_000
NETWORK = {"address": "203.0.113.7", "provenance": "person"}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_database(tmp_path / "records.db")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def graph_of(*said: dict[str, object]) -> DeviceGraph:
    """A graph that learned one event an hour, each with what `said` gives: user, and what the user showed."""
    graph = DeviceGraph()
    for at, fields in enumerate(said):
        when = {"event_id": f"e{at}", "occurred_at": f"2026-03-01T{at:02}:00:00Z", "ip": NETWORK}
        event = parse({"schema_version": 1, "kind": "login"} | when | fields)
        graph.fold(row_of(event) | {"sequence": at + 1, "as_of": event.event_time, "recorded_at": event.event_time})
    return graph


def verified(user: str, identity: str) -> dict[str, object]:
    return {"user_id": user, "kind": "identity_verified", "identity": identity * 64}


def earned(connection: Connection, graph: DeviceGraph, user: str, currency: str = "CNY", day: int = DAY) -> int:
    return earned_micros(connection, graph, user, currency, day, CURVE)


def test_two_accounts_of_one_verified_person_count_together(connection: Connection) -> None:
    graph = graph_of(verified("ann", "a"), verified("ann2", "a"))
    count(connection, "ann", "CNY", DAY, 30_000_000, 30_000_000)
    count(connection, "ann2", "CNY", DAY, 12_000_000, 12_000_000)
    assert earned(connection, graph, "ann") == earned(connection, graph, "ann2") == 42_000_000


def test_people_who_share_a_network_count_each_for_themselves(connection: Connection) -> None:
    graph = graph_of(verified("ann", "a"), verified("bob", "b"))
    count(connection, "ann", "CNY", DAY, 30_000_000, 30_000_000)
    assert earned(connection, graph, "bob") == 0


def test_whom_nobody_has_seen_yet_counts_alone(connection: Connection) -> None:
    count(connection, "new", "CNY", DAY, 5, 5)
    assert earned(connection, graph_of(), "new") == 5


def test_another_day_and_another_currency_count_for_themselves(connection: Connection) -> None:
    count(connection, "ann", "CNY", DAY, 5, 5)
    assert earned(connection, graph_of(), "ann", day=DAY + 1) == earned(connection, graph_of(), "ann", "USD") == 0


def test_a_task_that_was_given_up_is_counted_back(connection: Connection) -> None:
    count(connection, "ann", "CNY", DAY, 70_000_000, 69_000_000)
    count(connection, "ann", "CNY", DAY, -70_000_000, -69_000_000)
    assert earned(connection, graph_of(), "ann") == 0


def test_linked_accounts_that_take_turns_are_paid_like_one_to_the_micro(connection: Connection) -> None:
    accounts = [f"a{at}" for at in range(10)]
    graph = graph_of(*(verified(account, "a") for account in accounts))
    rewards = [1_234_567 + 77_777 * at for at in range(200)]
    paid = 0
    for at, reward in enumerate(rewards):
        account = accounts[at % len(accounts)]
        pay = paid_micros(earned(connection, graph, account), reward, CURVE)
        count(connection, account, "CNY", DAY, reward, pay)
        paid += pay
    assert paid == total_micros(sum(rewards), CURVE) < sum(rewards)
