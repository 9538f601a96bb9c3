"""`assay graph show` draws a neighbourhood as it was, and says what to correct."""

from pathlib import Path
from xml.etree import ElementTree as ET  # the SVG under test is our own

import pytest
from typer.testing import CliRunner, Result

from features.log import LogWriter, table_of
from pipelines.cli_graph import app

DAY = 86_400_000_000


@pytest.fixture
def log(tmp_path: Path) -> Path:
    keys = [("a", "idfv:1"), ("b", "idfv:1"), ("a", "idfv:2"), ("c$d", "idfv:2")]
    rows = [
        {"kind": "login", "user_id": user, "device_key": device, "network_key": "10.0.0.0/24"}
        | {"event_time": (20_000 + at) * DAY, "recorded_at": (20_000 + at) * DAY}
        for at, (user, device) in enumerate(keys)
    ]
    LogWriter(tmp_path / "log").append(table_of(rows))
    return tmp_path / "log"


def show(log: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["show", *words, "--log", str(log)])


def texts(svg: Path) -> str:
    return " ".join(text.strip() for text in ET.fromstring(svg.read_text()).itertext())  # noqa: S314  # our own SVG


def test_draws_names_times_and_a_legend(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    answer = show(log, "user:a", "--out", str(out))
    assert answer.exit_code == 0, answer.output
    shown = texts(out)
    for part in ("idfv:1", "c$d", "10.0.0.0/24", "2024-10-04", "the asked node", "person", "user:a as of event 4"):
        assert part in shown
    again = tmp_path / "b.svg"
    show(log, "user:a", "--out", str(again))
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("as_of", ["2", "2024-10-05T12:00:00Z", "2024-10-05"])
def test_shows_what_was_known_then(log: Path, tmp_path: Path, as_of: str) -> None:
    out = tmp_path / "a.svg"
    assert show(log, "user:a", "--as-of", as_of, "--out", str(out)).exit_code == 0
    assert "idfv:1" in texts(out)
    assert "idfv:2" not in texts(out)


def test_a_node_that_is_unknown_may_wait_for_a_backfill(log: Path) -> None:
    assert "once `assay backfill` took it in" in " ".join(show(log, "user:nobody").output.split())


@pytest.mark.parametrize("words", [("user:nobody",), ("user:a", "--as-of", "yesterday"), ("user:a", "--as-of", "0")])
def test_refuses_in_a_sentence(log: Path, words: tuple[str, ...]) -> None:
    answer = show(log, *words)
    assert answer.exit_code == 1
    assert isinstance(answer.exception, SystemExit)
