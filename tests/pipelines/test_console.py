"""How the command line speaks: tables for people, one JSON object for machines, one sentence for a failure."""

import json

import pytest
import typer

from pipelines.console import BenchRow, UserError, counted, explained, progress, report


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


def test_a_defect_keeps_its_traceback() -> None:
    with pytest.raises(AssertionError), explained():
        raise AssertionError("a broken invariant")


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
