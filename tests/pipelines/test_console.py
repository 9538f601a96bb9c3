"""How the command line speaks: tables for people, one JSON object for machines, one sentence for a failure."""

import errno
import json
import os
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from pipelines import console
from pipelines.cli import app
from pipelines.console import BenchRow, UserError, assert_writable, counted, explained, progress, report

ERASED = "\x1b[2K"


def test_the_last_line_of_a_report_is_json_with_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [BenchRow("speed [p99]", "< 30 ms", "12 ms", passed=True), BenchRow("size", None, "3 MB")]
    report("bench", rows, {"bench": "serving", "ratio": 1.5})
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {
        "bench": "serving",
        "ratio": 1.5,
        "rows": [
            {"name": "speed [p99]", "target": "< 30 ms", "measured": "12 ms", "passed": True},
            {"name": "size", "target": None, "measured": "3 MB", "passed": None},
        ],
    }


def test_the_json_stays_one_line_however_long_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    report("bench", [BenchRow("x" * 500, None, "y")], {"long": "z" * 500})
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["long"] == "z" * 500


def test_one_is_counted_as_one() -> None:
    assert [counted(number, "line", "lines") for number in (0, 1, 1200)] == ["0 lines", "1 line", "1,200 lines"]


def test_a_table_marks_what_was_met_and_what_was_missed(capsys: pytest.CaptureFixture[str]) -> None:
    report("bench", [BenchRow("a", "1", "1", passed=True), BenchRow("b", "1", "2", passed=False)], {})
    told = capsys.readouterr().out
    assert told.count("missed") == told.count("met") == 1


@pytest.mark.parametrize("failure", [UserError, ValueError, FileNotFoundError, LookupError])
def test_an_expected_failure_is_its_sentence_and_exit_code_1(
    failure: type[Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise failure("do this first")
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "assay: do this first\n"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (errno.ENOSPC, "No space left on device: make room on that disk"),
        (errno.EROFS, "read-only: set ASSAY_HOME"),
        (errno.EEXIST, "File exists: a file is there that is in the way"),
    ],
)
def test_what_the_system_refuses_is_its_path_its_reason_and_a_remedy(
    code: int, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise OSError(code, os.strerror(code), "/home/features/state.bin")
    assert ended.value.exit_code == 1
    told = capsys.readouterr().err
    assert told.startswith("assay: /home/features/state.bin: ")
    assert remedy in told
    assert told.count("\n") == 1


def test_a_reader_who_has_gone_is_left_to_the_shell() -> None:
    with pytest.raises(BrokenPipeError), explained():
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


@pytest.mark.parametrize("defect", [AssertionError("a broken invariant"), KeyError("files"), IndexError("of range")])
def test_a_defect_keeps_its_traceback(defect: Exception) -> None:
    with pytest.raises(type(defect)), explained():
        raise defect


def test_stopping_by_hand_is_no_failure_of_ours(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, explained():
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "stopped\n"


def test_progress_goes_to_stderr_and_leaves_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("work", 3) as advance:
        advance(2)
        advance(1)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_that_ends_in_a_failure_leaves_nothing_before_the_refusal(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = StringIO()
    monkeypatch.setattr(console, "err", Console(file=written, force_terminal=is_terminal, width=80))
    with pytest.raises(typer.Exit), explained(), progress("train", 3):
        raise UserError("do this first")
    told = written.getvalue()
    assert "do this first" in told
    if is_terminal:
        assert told.rindex(ERASED) > told.rindex("train"), "the line of the bar is erased"
    else:
        assert "train" not in told


def test_a_place_that_takes_no_write_is_named_with_its_option_and_a_new_folder_is_made(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(UserError, match=r"--plots: .*taken.*: (a file is there|a folder was expected)"):
        assert_writable("--plots", taken / "below")
    (tmp_path / "folder" / "taken").mkdir(parents=True)
    with pytest.raises(UserError, match=r"--plot: .*taken.*a file was expected, a folder is there"):
        assert_writable("--plot", tmp_path / "folder", tmp_path / "folder" / "taken")
    assert_writable("--plots", tmp_path / "new" / "plots")
    assert list((tmp_path / "new" / "plots").iterdir()) == []
    assert_writable("--plot", tmp_path, taken)


@pytest.mark.parametrize("command", [["bench", "ope"], ["ltv", "--data", "x.csv"], ["pay", "simulate"]])
def test_a_seed_below_zero_is_refused_by_its_option(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "--seed", "-1"], env={"COLUMNS": "300"})
    assert done.exit_code == 2
    assert "--seed" in done.output
