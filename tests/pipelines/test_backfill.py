"""`assay backfill --engine`: an engine that cannot be had is refused in a sentence, the other leaves the same frame."""

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.backfill import backfill
from features.frame import frames_folder
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log
from pipelines.cli import app
from training.simulator.simulate import Scenario, simulate


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    return Home(tmp_path / "home")


@pytest.fixture
def run() -> Callable[..., Result]:
    return lambda *options: CliRunner().invoke(app, ["backfill", *options])


def test_an_engine_of_another_name_is_refused(home: Home, run: Callable[..., Result]) -> None:
    result = run("--engine", "spark")
    assert result.exit_code == 1
    assert "engine must be one of local, dask, not 'spark'" in result.output
    assert not home.features.exists()


def test_without_dask_the_remedy_is_named(
    home: Home, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("distributed", "dask", "dask.distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    result = run("--engine", "dask")
    assert result.exit_code == 1
    assert "pip install 'assay[scale]'" in result.output
    assert "Traceback" not in result.output
    assert not home.features.exists()


@pytest.mark.timeout(600)
def test_dask_leaves_the_frame_of_the_local_engine(home: Home, run: Callable[..., Result], tmp_path: Path) -> None:
    simulate(Scenario(users=100, days=3, seed=3, start=date(2026, 1, 1)), home.log)
    backfill(Log(home.log), tmp_path / "local", Lists.of_home(home), lambda _: None)
    result = run("--engine", "dask", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "rows of the log computed" in result.output
    assert contents(home.features) == contents(tmp_path / "local")


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in frames_folder(folder).iterdir()}


def test_a_registry_that_does_not_answer_is_said_before_anything_is_computed(
    home: Home, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    simulate(Scenario(users=100, days=1, seed=3, start=date(2026, 1, 1)), home.log)
    monkeypatch.setenv("ASSAY_REGISTRY", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    result = run()
    assert result.exit_code == 1
    assert "ASSAY_REGISTRY names" in result.output
    assert not frames_folder(home.features).exists()
