"""`assay features list` names every feature, whole, however narrow the screen."""

import json

import pytest
from typer.testing import CliRunner

from features.rings.table import RING_FEATURES
from features.vector import ALL, FEATURES
from pipelines.cli_features import app
from pipelines.console import out

NAMES = [*FEATURES, *(feature.name for feature in RING_FEATURES)]


def listed(*words: str) -> str:
    answer = CliRunner().invoke(app, ["list", *words])
    assert answer.exit_code == 0, answer.output
    return answer.output


@pytest.mark.parametrize("columns", [20, 80, 120, 200])
def test_no_name_is_cut_at_any_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "_width", columns)
    words = set(listed().split())
    assert set(NAMES) <= words
    assert "…" not in "".join(words)


def test_what_is_made_nightly_is_listed_and_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out, "_width", 80)
    shown = listed("rings__").splitlines()
    assert shown[0].startswith(f"{len(RING_FEATURES)} nightly features of each person, version")
    assert [line for line in shown if line.endswith(" (nightly)")] == [f"{one.name} (nightly)" for one in RING_FEATURES]
    assert "user__count__1h" in listed("user__count__1h").splitlines()


def test_programs_read_every_feature_and_when_it_is_made() -> None:
    made = {one["name"]: one["made"] for one in json.loads(listed("--json"))}
    assert list(made) == NAMES
    assert [made[one.name] for one in (ALL[0], RING_FEATURES[0])] == ["arrival", "nightly"]
