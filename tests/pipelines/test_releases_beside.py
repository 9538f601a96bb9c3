"""A command of a newer release, beside a service of an earlier one, leaves the database as the service knows it."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from features.home import Home
from pipelines.cli import app
from pipelines.serve import _alone
from serving.database import REVISION, database_of, open_database

EARLIER = Path(__file__).parents[1] / "serving" / "ledger" / "earlier"
READS, WRITES, CHECKS = ("identity", "hits"), ("ledger", "reserve"), ("identity", "hit", "none")


@pytest.fixture(params=["sqlite", "postgresql"])
def home(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """One whose database an earlier release left, in each engine; the environment names it."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    monkeypatch.setenv("ASSAY_HOME", str(home.root))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.delenv("ASSAY_DATABASE", raising=False)
    story = (EARLIER / f"chained_{request.param}.sql").read_text("utf-8")
    if request.param == "sqlite":
        made = sqlite3.connect(home.records)
        made.executescript(story)
        made.close()
        return home
    address: str = request.getfixturevalue("empty_postgresql")
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.connection.cursor().execute(story)
    engine.dispose()
    monkeypatch.setenv("ASSAY_DATABASE", address)
    return home


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def migrated_to(home: Home) -> str:
    place = database_of(home)
    engine = create_engine(f"sqlite:///{place}" if isinstance(place, Path) else place)
    with engine.connect() as connection:
        found: str = connection.scalars(text("SELECT version_num FROM alembic_version")).one()
    engine.dispose()
    return found


@pytest.mark.parametrize("command", [READS, WRITES, CHECKS])
def test_a_command_refuses_in_one_sentence_while_a_service_runs_and_changes_nothing(
    home: Home, command: tuple[str, ...]
) -> None:
    with _alone(home):
        refused = run(*command)
    assert (refused.exit_code, type(refused.exception)) == (1, SystemExit), refused.output
    told = "this home's database is of an earlier release and a service runs on it: stop it first"
    assert told in " ".join(refused.output.split())
    assert migrated_to(home) == "r0001"


def test_a_command_migrates_where_no_service_runs_and_then_works_beside_one(home: Home) -> None:
    assert run(*READS).exit_code == 0
    assert migrated_to(home) == REVISION
    with _alone(home):
        assert run(*READS).exit_code == 0


def test_a_start_migrates_under_its_own_lock(home: Home) -> None:
    with _alone(home):
        open_database(database_of(home)).dispose()
        assert migrated_to(home) == REVISION
        assert run(*READS).exit_code == 0


def test_a_database_of_a_later_release_is_left_to_that_release(home: Home) -> None:
    engine = open_database(database_of(home))
    with engine.begin() as connection:
        connection.execute(text("UPDATE shape SET revision = 'r9999', digest = 'another'"))
    engine.dispose()
    refused = run(*READS)
    assert (refused.exit_code, type(refused.exception)) == (1, SystemExit), refused.output
    assert f"of a later release (revision r9999; this one knows {REVISION}): run that release" in refused.output
    with pytest.raises(ValueError, match="later release"):
        open_database(database_of(home))
