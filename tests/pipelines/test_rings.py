"""`assay graph nightly`: which nights, who is known to be bad as of a night, and a second run that changes nothing."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from features.events import micros_of
from features.home import Home
from features.log import LogWriter, table_of
from features.rings.nightly import file_of
from pipelines.cli_rings import nightly
from pipelines.console import UserError
from pipelines.rings import DAYS_MAX, nights_until, verdicts_of

DAY = 86_400_000_000
START = micros_of(datetime(2026, 3, 1, 12, tzinfo=UTC))


def row(at: int, kind: str, **fields: Any) -> dict[str, Any]:
    arrived = START + at * DAY
    stamps = {"event_time": arrived, "recorded_at": arrived, "event_id": f"{kind}-{at}-{fields.get('user_id')}"}
    return stamps | {"kind": kind} | fields


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two people; one is banned by a person on the third day, one has a clean event on the fourth."""
    made = Home(tmp_path)
    rows = [
        row(0, "click", user_id="bad", device_key="web:1"),
        row(0, "click", user_id="good", device_key="web:1"),
        row(0, "click", user_id="unknown", device_key="web:2"),
        row(2, "ban", subject_event_id="click-0-bad", caused_by="person"),
        row(2, "ban", subject_event_id="click-0-unknown", caused_by="model"),
        row(3, "clean", subject_event_id="click-0-good"),
    ]
    LogWriter(made.log).append(table_of(rows))
    return made


def test_a_verdict_is_known_once_it_has_arrived_and_matured(home: Home) -> None:
    verdicts = verdicts_of(home.log)
    assert verdicts(START + 3 * DAY).rows() == []
    assert verdicts(START + 4 * DAY).rows() == [("good", False)]
    assert verdicts(START + 9 * DAY - 1).rows() == [("good", False)]
    assert verdicts(START + 9 * DAY).rows() == [("bad", True), ("good", False)]


def test_nights_are_whole_days_within_the_log(home: Home) -> None:
    first = START - DAY // 2
    assert nights_until(home, first + 3 * DAY - 1, 9) == [date(2026, 3, 1), date(2026, 3, 2)]
    for as_of, days in ((first + DAY - 1, 1), (first + 8 * DAY, DAYS_MAX + 1)):
        with pytest.raises(UserError):
            nights_until(home, as_of, days)


def test_the_command_makes_each_night_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(home.root))
    app = typer.Typer()
    app.command()(nightly)
    for word in ("made", "there already"):
        answer = CliRunner().invoke(app, ["--as-of", "2026-03-03", "--days", "2"])
        assert answer.exit_code == 0, answer.output
        assert answer.output.count(word) == 2
    assert file_of(home, date(2026, 3, 1)).exists()
