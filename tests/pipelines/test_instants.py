"""Every command reads instants alike, and refuses the same texts in the same words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.events import micros_of
from pipelines.cli import app
from pipelines.instants import instant_said, instant_shown

START = micros_of(datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("text", ["yesterday", "2026-03-01T09:30:00", "2026-13-01", ""])
def test_an_instant_that_could_mean_two_things_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--from: '.*' is no instant: write 2026-03-01, or 2026-03-01T09:30:00Z"):
        instant_said(text, "--from")


def test_instants_are_days_or_have_a_zone() -> None:
    assert instant_said("2026-03-01") == START
    assert instant_said("2026-03-01T08:00:00+08:00") == START


def test_what_is_shown_can_be_said() -> None:
    assert instant_shown(START) == "2026-03-01T00:00:00Z"
    assert instant_said(instant_shown(START + 1)) == START + 1


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("simulate --out log --start", "--start"),
        ("frame --out f.csv --as-of", "--as-of"),
        ("frame --out f.csv --as-of 2026-03-01 --from", "--from"),
        ("features audit --from", "--from"),
        ("features audit --to", "--to"),
        ("graph show user:a --as-of", "--as-of"),
        ("graph nightly --as-of", "--as-of"),
        ("monitor --as-of", "--as-of"),
        ("retrain --as-of", "--as-of"),
    ],
)
def test_every_command_refuses_in_the_same_words(
    command: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    answer = CliRunner().invoke(app, [*command.split(), "yesterday"])
    assert answer.exit_code == 1
    told = f"assay: {option}: 'yesterday' is no instant: write 2026-03-01, or 2026-03-01T09:30:00Z"
    assert " ".join(answer.output.split()) == told
