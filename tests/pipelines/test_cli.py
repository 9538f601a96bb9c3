"""The command line: every command explains itself, and every expected failure is one sentence that says what to do."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from features.home import Home
from features.rings.table import RING_NAMES
from features.vector import FEATURES
from pipelines.cli import app

COMMANDS = (
    *("up", "simulate", "ingest", "data doctor", "backfill", "retrain", "lineage", "promote", "serve", "replay"),
    *("bench", "bench arena", "bench nodes", "bench stream", "frame", "monitor"),
    *("ledger verify", "ledger export", "ledger payslip-proof", "ledger exposure", "ledger reserve"),
    *("ledger check-heads", "ledger balance", "identity hits", "identity hit", "identity rule", "identity grant"),
    *("identity require", "identity fake-document"),
    *("features list", "features audit", "graph show", "graph nightly"),
    *("lists check", "lists load", "lists drop", "lists history"),
    *("shadow off", "shadow report"),
    *("ltv", "holds fit", "bench holds", "bench market", "bench ope", "bench response", "bench daily", "bench budget"),
    *("pay audit", "pay simulate", "price evaluate", "price log", "price rollout start", "price rollout status"),
    *("price rollout advance", "price rollout rollback"),
    *("reconcile statement", "reconcile breaks", "reconcile resolve", "reconcile fake-statement"),
    "bench screening",
)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs `assay` on an empty home; what the command line does to the process is undone."""
    before = os.umask(0o022)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    for name in ("ASSAY_API_KEY", "DATA"):
        monkeypatch.delenv(name, raising=False)
    yield lambda *arguments: CliRunner().invoke(app, list(map(str, arguments)))
    os.umask(before)


def refusal(result: Result) -> str:
    """The one sentence with which a command failed."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.output
    assert result.output.count("assay:") == 1
    return " ".join(result.output.split("assay:")[1].split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    told = typer.main.get_command(app)
    for word in command.split():
        told = told.commands[word]  # type: ignore[attr-defined]  # a group down to its last word
    assert told.help
    assert told.help.splitlines()[0].split(":")[0] in " ".join(result.output.split())
    assert "\\b" not in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_no_sentence_of_a_help_ends_where_a_line_of_its_source_does(run: Run, command: str) -> None:
    told = typer.main.get_command(app)
    for word in command.split():
        told = told.commands[word]  # type: ignore[attr-defined]  # as above
    assert told.help
    assert "\n" not in told.help.replace("\n\n", "")


def test_the_list_of_commands_is_complete(run: Run) -> None:
    group = typer.main.get_command(app)
    assert {name.split()[0] for name in COMMANDS} == set(group.commands)  # type: ignore[attr-defined]  # a group


def test_promoting_before_anything_was_registered_is_refused(run: Run) -> None:
    assert "there is no version 1 of assay-fraud" in refusal(run("promote", 1, "--reason", "x", "--by", "y"))


def test_a_promotion_without_a_reason_is_refused(run: Run) -> None:
    assert "needs a reason" in refusal(run("promote", 1, "--reason", " ", "--by", "y"))


def test_a_dismissal_without_a_reason_is_refused(run: Run) -> None:
    assert "needs a reason" in refusal(run("shadow", "off", "--reason", " ", "--by", "y"))


def test_a_report_of_a_shadow_that_never_was_says_how_to_name_one(run: Run) -> None:
    assert "name one with `assay promote VERSION --shadow`" in refusal(run("shadow", "report"))


@pytest.mark.parametrize(
    "command",
    ["backfill", "retrain", "frame --as-of 2026-03-01 --out frame.csv", "graph show user:a", "graph nightly"],
)
def test_learning_from_nothing_says_where_events_come_from(run: Run, command: str) -> None:
    log = Home.from_environment().log
    told = f"run `assay up`, or `assay simulate --out {log}` or `assay ingest ... --out {log}` first"
    assert told in refusal(run(*command.split()))


def test_a_file_that_is_missing_is_named(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.csv"
    assert "missing.csv" in refusal(run("ingest", "fraudecom", "--from", missing, "--out", tmp_path / "log"))
    assert not list((tmp_path / "log").glob("**/*.parquet"))


def test_a_mapping_that_is_unknown_is_refused_with_those_that_exist(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("a\n1\n")
    told = refusal(run("ingest", "frauddecom", "--from", file, "--out", tmp_path / "log"))
    assert "did you mean fraudecom" in told
    assert "talkingdata" in told


def test_a_benchmark_that_is_unknown_is_refused(run: Run) -> None:
    result = run("bench", "nonsense")
    assert result.exit_code == 2
    assert "No such command 'nonsense'" in result.output


def test_benchmarks_are_listed_when_none_is_named(run: Run) -> None:
    listed = run("bench").output
    for name in ("serving", "features", "graph", "model"):
        assert name in listed


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104  # that it is refused is the test
def test_other_machines_are_not_served_without_a_key(run: Run, host: str) -> None:
    assert "set ASSAY_API_KEY to a secret first" in refusal(run("serve", "--host", host))


def test_an_operator_needs_a_key_of_their_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASSAY_API_KEY", "ASSAY_OPERATOR_KEY"):
        monkeypatch.setenv(name, "secret")
    assert "give operators a secret of their own" in refusal(run("serve"))


def test_a_port_that_is_taken_is_named_with_the_way_out(run: Run) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = refusal(run("serve", "--port", port))
    assert f"127.0.0.1:{port} is taken" in told
    assert "--port" in told


def test_a_home_of_another_source_is_not_mixed_up(run: Run, tmp_path: Path) -> None:
    home = Home.from_environment()
    home.root.mkdir()
    home.manifest_file.write_text('{"folder": "fraudecom"}')
    told = refusal(run("up"))
    assert "holds fraudecom, not simulated" in told
    assert "ASSAY_HOME" in told
    (tmp_path / "talkingdata").mkdir()
    assert "holds fraudecom, not talkingdata" in refusal(run("up", "--data", tmp_path / "talkingdata"))
    assert [file.name for file in home.root.iterdir()] == ["source.json"]


def test_a_data_folder_that_does_not_exist_is_refused(run: Run, tmp_path: Path) -> None:
    assert "is not a folder" in refusal(run("up", "--data", tmp_path / "nowhere"))


def test_examining_an_empty_log_is_refused(run: Run, tmp_path: Path) -> None:
    assert refusal(run("data", "doctor", tmp_path / "nothing"))


def test_a_command_writes_files_for_their_owner_only(run: Run, tmp_path: Path) -> None:
    run("features", "list")
    made = tmp_path / "made"
    made.touch()
    assert made.stat().st_mode & 0o077 == 0


def test_features_are_listed_with_their_meaning(run: Run) -> None:
    shown = run("features", "list", "device__distinct_user_id__7d")
    assert "a farm shows as many people" in shown.output
    told = json.loads(run("features", "list", "--json").output)
    assert [feature["name"] for feature in told] == [*FEATURES, *RING_NAMES]
    assert all(feature["description"] and feature["reason"] for feature in told)
    assert "no feature's name holds 'nonsense'" in refusal(run("features", "list", "nonsense"))
