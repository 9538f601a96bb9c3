"""A damaged file of a home is one sentence, at every command: which file, what is wrong, and what to do."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.events import parse
from features.home import Home
from features.log import LogWriter, row_of, table_of
from pipelines.bench.running import free_port
from pipelines.cli import app
from serving.database import open_database
from serving.payouts.fake import FakeProvider

JUNK = b"no database, no table and no JSON, and long enough to be read as any of them"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """As much of a home as is read before anything is served, all of it sound; the environment names it.

    A service that would start after all fails the test, and does not run on in it.
    """
    before = os.umask(0o022)
    monkeypatch.setattr("pipelines.serve._run", lambda *_: pytest.fail("it started"))
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    for name in ("ASSAY_DATABASE", "ASSAY_HEADS", "DATA"):
        monkeypatch.delenv(name, raising=False)
    home = Home.from_environment()
    row = row_of(parse({"event_id": "1", "kind": "sign_up", "occurred_at": "2026-05-01T08:00:00Z", "user_id": "ann"}))
    LogWriter(home.log).append(table_of([row | {"recorded_at": row["event_time"]}]))
    home.manifest_file.write_text(json.dumps({"folder": "simulated"}))
    open_database(home.records).dispose()
    FakeProvider(home.root / "fake-provider.db")
    assert run("ledger", "verify", "--key", key_of(home)).exit_code == 0
    yield home
    os.umask(before)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def key_of(home: Home) -> Path:
    file = home.root / "public.pem"
    run("ledger", "key", "--out", file)
    return file


def refused(result: Result) -> str:
    assert (result.exit_code, type(result.exception)) == (1, SystemExit), result.output
    assert result.output.count("assay:") == 1
    return " ".join(result.output.split("assay:")[1].split())


@pytest.mark.parametrize("command", ["serve", "up"])
@pytest.mark.parametrize("name", ["records.db", "fake-provider.db", "source.json", "log"])
def test_a_start_on_a_damaged_file_names_it_before_anything_listens(home: Home, name: str, command: str) -> None:
    file = max(home.log.rglob("*.parquet")) if name == "log" else home.root / name
    file.write_bytes(JUNK)
    told = refused(run(command, "--port", free_port()))
    assert str(file) in told
    assert "restore it from a copy" in told


@pytest.mark.parametrize("source", ["[1]", "{", ""])
def test_a_source_that_is_no_object_stops_a_start(home: Home, source: str) -> None:
    home.manifest_file.write_text(source)
    assert f"{home.manifest_file} cannot be read (no JSON" in refused(run("serve", "--port", free_port()))


@pytest.mark.parametrize(
    "command", [("ledger", "verify"), ("ledger", "export", "--out", "book"), ("ledger", "reserve"), ("retrain",)]
)
def test_a_command_on_damaged_records_names_them(home: Home, command: tuple[str, ...]) -> None:
    home.records.write_bytes(JUNK)
    told = refused(run(*command))
    assert told == f"{home.records} cannot be read (file is not a database): restore it from a copy"


def test_records_that_are_damaged_in_their_middle_are_named_too(home: Home) -> None:
    with closing(sqlite3.connect(home.records)) as connection:
        page = connection.execute("PRAGMA page_size").fetchone()[0]
        asked = "SELECT rootpage FROM sqlite_master WHERE name = 'account'"
        first = connection.execute(asked).fetchone()[0]
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with home.records.open("r+b") as file:
        file.seek(page * (first - 1))
        file.write(JUNK)
    told = refused(run("ledger", "verify"))
    assert told.startswith(f"{home.records} cannot be read (")


def test_a_registry_that_is_damaged_is_named_with_what_makes_a_new_one(home: Home) -> None:
    home.mlflow.mkdir()
    file = home.mlflow / "mlflow.db"
    file.write_bytes(JUNK)
    told = refused(run("promote", 1, "--reason", "x", "--by", "y"))
    assert told.startswith(f"{file} cannot be read (file is not a database)")
    assert "run `assay retrain`" in told


def test_a_log_that_is_damaged_is_named_by_what_reads_only_its_end(home: Home) -> None:
    file = max(home.log.rglob("*.parquet"))
    file.write_bytes(JUNK)
    assert f"{file} cannot be read" in refused(run("holds", "fit"))


def test_a_defect_in_a_sound_home_keeps_its_traceback(home: Home) -> None:
    with closing(sqlite3.connect(home.records)) as connection:
        connection.execute("DROP TABLE account")
    result = run("ledger", "reserve")
    assert result.exception is not None
    assert not isinstance(result.exception, SystemExit)


def test_a_line_of_heads_that_is_nested_without_end_is_a_finding(home: Home) -> None:
    (home.root / "heads").mkdir(exist_ok=True)
    (home.root / "heads" / "2026-05.jsonl").write_text("[" * 4_000 + "\n" + "[" * 100_000 + "\n")
    result = run("ledger", "verify")
    assert result.exit_code == 2
    assert "2026-05.jsonl:1 is no head: it is nested too deeply" in result.output
    assert "2026-05.jsonl:2 is no head: it has 100,000 characters" in result.output


def test_a_payslip_that_is_nested_without_end_is_no_json(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "slip.json"
    file.write_text("[" * 100_000)
    assert f"{file} is no JSON" in refused(run("ledger", "check-payslip", file, "--key", key_of(home)))
