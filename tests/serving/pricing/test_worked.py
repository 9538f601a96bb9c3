"""Hours for payslips: from each start to its end, of completed tasks and of those that screened the person out."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, insert

from serving.ledger.payslip import Work
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.pricing.worked import worked
from serving.records import EVENT

LATE = 1_000


@pytest.fixture
def connection(engine: Engine) -> Any:
    with engine.begin() as connection:
        yield connection


def put(connection: Connection, table: Table, **values: Any) -> None:
    """A row of which only what matters here is said."""
    blank: dict[str, Any] = {}
    for column in table.columns:
        if not column.nullable:
            kind = column.type.python_type
            blank[column.name] = kind() if kind is not str else "x"
    connection.execute(insert(table), [blank | values])


def start(connection: Connection, offer: str, at: int | None, user: str = "ann", currency: str = "CNY") -> None:
    put(connection, OFFER, offer_id=offer, user_id=user, currency=currency, started_at=at)


def end(connection: Connection, offer: str, event: str, at: int, position: int = 0) -> None:
    put(connection, OFFER_GOAL, offer_id=offer, position=position, completed_by_event=event)
    put(connection, EVENT, sequence=at, event_id=event, user_id="ann", event_time=at, recorded_at=at + LATE, body="{}")


def screen_out(connection: Connection, offer: str | None, event: str, at: int, kind: str = "screened_out") -> None:
    body = json.dumps({"kind": kind, "offer_id": offer, "note": "screened_out"})
    put(connection, EVENT, sequence=at, event_id=event, user_id="ann", event_time=at, recorded_at=at + LATE, body=body)


def test_what_ended_counts_from_its_start_to_when_it_ended_however_late_that_is_told(
    connection: Connection,
) -> None:
    start(connection, "done", 10)
    end(connection, "done", "e1", 40)
    start(connection, "out", 50)
    screen_out(connection, "out", "e2", 55)
    assert worked(connection, "ann", "CNY", 0, 100) == [Work("e1", 10, 40), Work("e2", 50, 55)]


def test_a_further_goal_is_counted_from_the_goal_before_it(connection: Connection) -> None:
    start(connection, "game", 10)
    end(connection, "game", "e1", 40)
    end(connection, "game", "e2", 90, position=1)
    assert worked(connection, "ann", "CNY", 0, 100) == [Work("e1", 10, 40), Work("e2", 40, 90)]
    assert worked(connection, "ann", "CNY", 41, 100) == [Work("e2", 40, 90)]
    assert worked(connection, "ann", "CNY", 0, 90) == [Work("e1", 10, 40)]


def test_what_was_never_started_or_is_anothers_is_no_work(connection: Connection) -> None:
    start(connection, "unbegun", None)
    end(connection, "unbegun", "e1", 40)
    start(connection, "theirs", 10, user="bob")
    end(connection, "theirs", "e2", 45)
    start(connection, "dollars", 10, currency="USD")
    screen_out(connection, "dollars", "e3", 41)
    screen_out(connection, None, "e4", 42)
    start(connection, "mine", 10)
    screen_out(connection, "mine", "e5", 43, kind="click")
    assert worked(connection, "ann", "CNY", 0, 100) == []
