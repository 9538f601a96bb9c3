"""The worked example of the room's README is true."""

import re
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest

from features.events import Event, Kind
from features.ingest.conversions import ConversionName, conversion
from features.ingest.fields import FIELDS
from features.ingest.ingest import ingest
from features.ingest.load import load_mapping
from features.log import Log, record_of

README = resources.files("features.ingest").joinpath("README.md").read_text("utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, body in re.findall(r"^```(?:csv|yaml) (\S+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL):
        (tmp_path / name).write_text(body)
    return tmp_path


def test_the_worked_example_gives_what_the_readme_says(example: Path) -> None:
    mapping = load_mapping(example / "my-mapping.yaml")
    log = example / "var" / "log"
    report = ingest(mapping, [example / "conversions.csv", example / "users.csv"], log)
    assert (report.rows, report.rejected, report.outcomes) == (5, 1, 2)
    records = {record.event_id: record for record in map(record_of, Log(log).rows())}
    kinds = [str(record.kind) for record in records.values()]
    assert (kinds.count("task_started"), kinds.count("task_completed")) == (4, 3)
    assert report.rejected_file is not None
    assert "conversions.csv,5,task_completed.revenue_micros,must be a number,eighty" in report.rejected_file.read_text()
    fraud = records["A-2"]
    assert isinstance(fraud, Event)
    assert fraud.revenue_micros == 1_250_000
    assert fraud.occurred_at.isoformat() == "2026-03-01T01:31:40+00:00"
    assert fraud.fingerprint is not None
    assert (fraud.fingerprint.model, fraud.fingerprint.is_emulator) == ("sdk_gphone", True)


def test_every_conversion_and_kind_of_event_is_in_the_readme() -> None:
    for name in (*get_args(ConversionName), *Kind):
        assert f"`{name}`" in README
        assert name in set(Kind) or conversion(name, space="", true=(), false=())


def test_every_field_named_in_the_example_exists(example: Path) -> None:
    used = {field for event in load_mapping(example / "my-mapping.yaml").events for field in event.fields}
    assert used - set(FIELDS) == {"extensions.channel"}
