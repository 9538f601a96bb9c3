"""A database of an earlier release is adopted, and ends with the shape of a new one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.exc import IntegrityError

from serving.database import METADATA, MIGRATIONS, REVISION, open_database
from serving.ledger import book, budgets, chain, holds, proofs
from serving.ledger.accounts import LEDGER_EVENT
from serving.ledger.chain import EventKind
from serving.ledger.statement import statement
from serving.ledger.transfer import Account, AccountKind

EARLIER = Path(__file__).with_name("earlier")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
HEADS = {
    "sqlite": "b41ebf54c389c7fc9aa7ed2e600d4d92bce230af2e9a75497edafe79959226c0",
    "postgresql": "2398e03238ad2117e1477f42b1de6dcb6b7f084fd2185299e94cb14a4bf37162",
}
"""Of the chains in the two files, as the earlier release left them."""
ROOM = ("account", "balance", "transfer", "hold", "ledger_event", "ledger_head", "reservation")


@pytest.fixture(params=["sqlite", "postgresql", "chained_sqlite", "chained_postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """A database as an earlier release left it: rewards, a reversal, three holds, a reservation, a payout.

    One before the chain, one with it and with balances in the rows of accounts.
    """
    story = (EARLIER / f"{request.param}.sql").read_text("utf-8")
    if request.param.endswith("sqlite"):
        with sqlite3.connect(tmp_path / "records.db") as made:
            made.executescript(story)
        made.close()
        return tmp_path / "records.db"
    address: str = request.getfixturevalue("empty_postgresql")
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.connection.cursor().execute(story)
    engine.dispose()
    return address


@pytest.fixture
def adopted(place: Path | str) -> Iterator[Engine]:
    engine = open_database(place)
    yield engine
    engine.dispose()


def test_what_was_recorded_is_chained_in_its_order_and_the_proofs_hold(adopted: Engine) -> None:
    with adopted.begin() as connection:
        assert proofs.check(connection) == []
        assert book.balance(connection, ANN) == book.Balance(600, 100, 0)
        assert [entry.transfer_id for entry in statement(connection, ANN)] == [
            "e1/reward",
            "taken/captured",
            "taken/captured/reversed",
        ]
        last = list(chain.walk(connection))[-1].row
        assert (last.kind, last.body) == (EventKind.ADOPTED, '{"accounts":9,"holds":3,"transfers":10}')


def test_an_adopted_book_goes_on(adopted: Engine) -> None:
    with adopted.begin() as connection:
        holds.capture(connection, "open", Account(AccountKind.CLEARING, "fake", "CNY"), 20)
        assert budgets.settle(connection, {"r1": "e9"}, 21)["r1"].state is budgets.State.OPEN
        holds.release(connection, "freed", 22)
        assert proofs.check(connection) == []
    with pytest.raises(IntegrityError), adopted.begin() as connection:
        connection.execute(text("UPDATE payout SET hold_id = 'none'"))


@pytest.mark.parametrize("place", ["chained_sqlite", "chained_postgresql"], indirect=True)
def test_a_chain_that_was_there_stays_as_it_was(adopted: Engine) -> None:
    with adopted.connect() as connection:
        sequence, hash_ = chain.head(connection)
        assert (sequence, hash_.hex()) == (27, HEADS[adopted.dialect.name])
        assert all(link.hash == link.expected for link in chain.walk(connection))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO transfer SELECT 99, 'x', debit, 77, 1, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer",
        "INSERT INTO ledger_event SELECT 99, kind, 77, 1, 1, body, hash FROM ledger_event WHERE sequence = 1",
        "UPDATE balance SET posted = posted - 1000 WHERE account IN (SELECT number FROM account WHERE owner = 'ann')",
        "DELETE FROM balance",
        "DELETE FROM account",
    ],
)
def test_an_adopted_book_refuses(adopted: Engine, statement: str) -> None:
    with pytest.raises(IntegrityError), adopted.begin() as connection:
        connection.execute(text(statement))


def test_it_is_adopted_once(adopted: Engine, place: Path | str) -> None:
    again = open_database(place)
    with again.connect() as connection:
        kinds = connection.scalars(select(LEDGER_EVENT.c.kind)).all()
    again.dispose()
    assert kinds.count(EventKind.ADOPTED) == 1


def test_an_adopted_book_has_the_shape_of_a_new_one(adopted: Engine) -> None:
    def ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        return kind != "table" or name in ROOM

    with adopted.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_an_adopted_book_refuses_what_a_new_one_refuses(
    adopted: Engine, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if adopted.dialect.name == "postgresql":
        assert refusals(adopted) == refusals(request.getfixturevalue("shared_engine"))
        return
    new = open_database(tmp_path / "new.db")
    assert refusals(adopted) == refusals(new)
    new.dispose()


def refusals(engine: Engine) -> set[str]:
    sqlite = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    postgresql = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with engine.connect() as connection:
        names = connection.scalars(text(sqlite if engine.dialect.name == "sqlite" else postgresql))
        found = {name for name in names if name.split("_refuses")[0] in ROOM}
        checks = {
            (table, str(one["name"])) for table in ROOM for one in inspect(connection).get_check_constraints(table)
        }
    return found | {f"{table}.{name}" for table, name in checks}


def test_the_newest_migration_is_the_one_that_a_new_database_is_stamped_with() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION
