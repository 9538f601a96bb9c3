"""What installed packages add to the table, and what is refused of it before anything is computed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from features.table import TABLE, checked
from features.windows import DAY, HOUR, OWN_WINDOWS, Aggregate, Entity, FeatureError, Ratio, Windowed

COUNT = Windowed(Entity.TASK, Aggregate.DISTINCT, "user_id", DAY, HOUR, reason="crowds")
Install = Callable[[str], dict[str, str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """A package `theirs` whose FEATURES are the given text; the answer is an environment that holds it."""

    def installed(features: str) -> dict[str, str]:
        (tmp_path / "theirs.py").write_text(f"from features.windows import *\nFEATURES = {features}\n")
        about = tmp_path / "theirs-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[assay.features]\ntheirs = theirs:FEATURES\n")
        return os.environ | {"PYTHONPATH": str(tmp_path), "ASSAY_HOME": str(tmp_path / "home")}

    return installed


@pytest.mark.parametrize("first", ["theirs", "features.windows", "features.vector"])
def test_packages_add_features_whatever_is_imported_first(install: Install, first: str) -> None:
    """In a process of its own: the table is read once, when the features are imported."""
    environment = install('[Windowed(Entity.TASK, Aggregate.DISTINCT, "user_id", DAY, HOUR, reason="crowds")]')
    code = f"import {first}; from features.vector import FEATURES; print(FEATURES.count('{COUNT.name}'))"
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("features", "told"),
    [
        (
            '[Windowed(Entity.USER, Aggregate.DISTINCT, "taskid", DAY, HOUR)]',
            "no column 'taskid': did you mean task_id?",
        ),
        ("[Windowed(Entity.USER, Aggregate.COUNT, '', DAY, 7 * HOUR)]", "hop must divide"),
    ],
)
def test_the_command_line_says_in_one_line_whose_feature_is_wrong(install: Install, features: str, told: str) -> None:
    command = [sys.executable, "-m", "pipelines.cli", "features", "list"]
    answer = subprocess.run(command, env=install(features), capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert answer.stderr.startswith("assay: assay.features: theirs = theirs:FEATURES")
    assert told in answer.stderr
    assert answer.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ([Windowed(Entity.USER, Aggregate.SUM, "task_id", DAY, HOUR)], "user__sum_task_id__1d: .* needs a number"),
        ([Windowed(Entity.USER, Aggregate.DISTINCT, "reward_micros", DAY, HOUR)], "name a column of text"),
        ([Windowed(Entity.USER, Aggregate.LAST, "devices", DAY, HOUR)], "needs a number"),
        ([Windowed(Entity.USER, "sum", "reward_micros", DAY, HOUR)], "aggregate from Aggregate"),
        (["x"], "'x' is no feature"),
        ("x", "names 'x': let it name a list"),
        (COUNT, "names one Windowed: let it name a list"),
        ([OWN_WINDOWS[0]], f"{OWN_WINDOWS[0].name} is in the table already"),
        ([COUNT, COUNT], f"{COUNT.name} is in the table already"),
        ([Ratio(COUNT, COUNT)], f"{COUNT.name} must be in the list, too"),
    ],
)
def test_what_cannot_be_computed_is_refused_with_its_name_and_the_remedy(named: object, told: str) -> None:
    with pytest.raises(FeatureError, match=rf"^theirs.*{told}"):
        checked("theirs", named, TABLE)


def test_what_can_be_computed_is_taken_as_it_is() -> None:
    named = [COUNT, Ratio(COUNT, COUNT), Windowed(Entity.USER, Aggregate.MEAN, "city_tier", DAY, HOUR)]
    assert checked("theirs", named, TABLE) == named


def test_the_house_asks_no_more_of_others_than_of_itself() -> None:
    assert checked("ours", OWN_WINDOWS, []) == OWN_WINDOWS
