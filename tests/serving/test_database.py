"""A database of an earlier release is widened by what is new, and keeps what it holds."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from features.home import Home
from features.store.settings import Unreachable
from serving.database import METADATA, database_of, has_records, open_database, reading
from serving.ledger.book import balance
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.records import DECISION


def columns(path: Path) -> list[str]:
    engine = open_database(path)
    with engine.connect() as connection:
        found = [row.name for row in connection.exec_driver_sql("PRAGMA table_info(decision)")]
    engine.dispose()
    return found


def test_a_column_that_is_new_since_is_added_and_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    engine = open_database(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE decision DROP COLUMN reversal_score")
        connection.exec_driver_sql("DROP TABLE shape")  # which earlier releases did not have
    engine.dispose()
    assert sorted(columns(path)) == sorted(column.name for column in DECISION.columns)


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    assert columns(tmp_path / "records.db") == columns(tmp_path / "records.db")


def test_an_index_that_is_new_since_is_made(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    engine = open_database(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX outcome_of_user")
        connection.exec_driver_sql("DROP TABLE shape")
    engine.dispose()
    engine = open_database(path)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX outcome_of_user")
    engine.dispose()


def test_a_reader_sees_one_state_and_waits_for_no_writer(engine: Engine) -> None:
    owner = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
    with engine.begin() as connection:
        credit_reward(connection, Reward("e", "ann", 600, 1000, "CNY", matures_at=0), 1)
    with reading(engine) as reader:
        assert balance(reader, owner).posted_micros == 600
        with engine.begin() as writer:
            credit_reward(writer, Reward("f", "ann", 60, 100, "CNY", matures_at=0), 2)
            with reading(engine) as other:
                assert balance(other, owner).posted_micros == 600  # the writer holds the row
        assert balance(reader, owner).posted_micros == 600
    with reading(engine) as later:
        assert balance(later, owner).posted_micros == 660


def test_no_statement_of_postgresql_waits_for_ever(shared_engine: Engine) -> None:
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
    with reading(shared_engine) as connection:
        told = [connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in limits]
    assert told == ["30s", "10s", "1min", "on"]


def test_services_that_start_at_once_on_an_empty_database_make_its_tables_once(empty_postgresql: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        engines = list(pool.map(open_database, [empty_postgresql] * 4))
    for engine in engines:
        assert set(inspect(engine).get_table_names()) >= set(METADATA.tables)
        engine.dispose()


def test_a_database_that_does_not_open_is_named_with_its_remedy_and_without_its_password() -> None:
    with pytest.raises(Unreachable, match=r"ASSAY_DATABASE names .*127\.0\.0\.1:1/none.*unset ASSAY_DATABASE") as told:
        open_database("postgresql+psycopg://somebody:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)


def test_records_lie_in_the_home_or_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    monkeypatch.delenv("ASSAY_DATABASE", raising=False)
    assert (database_of(home), has_records(home)) == (home.records, False)
    monkeypatch.setenv("ASSAY_DATABASE", "postgresql+psycopg:///assay")
    assert (database_of(home), has_records(home)) == ("postgresql+psycopg:///assay", True)
    monkeypatch.setenv("ASSAY_DATABASE", "mysql://assay")
    with pytest.raises(ValueError, match=r"postgresql\+psycopg://USER@HOST/DATABASE; unset it"):
        database_of(home)
