"""A database of an earlier release is widened by what is new, and keeps what it holds."""

from pathlib import Path

from serving.database import open_database
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
    engine.dispose()
    assert sorted(columns(path)) == sorted(column.name for column in DECISION.columns)


def test_opening_twice_changes_nothing(tmp_path: Path) -> None:
    assert columns(tmp_path / "records.db") == columns(tmp_path / "records.db")
