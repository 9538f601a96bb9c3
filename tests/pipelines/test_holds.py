"""`assay holds fit` puts a table into the home that the service reads; `assay bench holds` measures what it gains."""

import json
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from features.home import Home
from pipelines.cli import app
from serving.ledger.waits import ANY, NAME


def ran(home: Path, *arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"ASSAY_HOME": str(home), "COLUMNS": "300"})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("holds") / "home"
    result = ran(root, "simulate", "--out", Home(root).log, "--users", 150, "--days", 30)
    assert result.exit_code == 0, result.output
    return root


def test_a_fit_writes_a_table_that_says_what_taught_it(home: Path) -> None:
    result = ran(home, "holds", "fit")
    assert result.exit_code == 0, result.output
    table = json.loads((home / NAME).read_text())
    assert table["rewards"] > 1000
    assert table["stale_at"] > table["as_of"]
    assert {line["kind"] for line in table["waits"]} >= {"ad_viewed", "task_completed"}
    earlier = ran(home, "holds", "fit", "--as-of", "2026-01-20")
    assert earlier.exit_code == 0, earlier.output
    assert json.loads((home / NAME).read_text())["as_of"] < table["as_of"]
    kept = (home / NAME).read_text()
    later = ran(home, "holds", "fit", "--as-of", "2999-01-01")
    assert later.exit_code == 1
    assert "--as-of lies after the log" in later.output
    assert (home / NAME).read_text() == kept


def test_a_dry_run_shows_the_waits_with_what_taught_them_and_writes_nothing(home: Path) -> None:
    ran(home, "holds", "fit")
    kept = (home / NAME).read_text()
    lines = json.loads(kept)["waits"]
    seen: Counter[tuple[str, str, int]] = Counter()
    for line in lines:
        seen[line["partner"], line["kind"], line["trust"]] += line["rewards"]
    (home / NAME).unlink()
    result = ran(home, "holds", "fit", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "nothing was written" in result.output
    assert not (home / NAME).exists()
    assert sum(line["rewards"] for line in lines) == json.loads(kept)["rewards"]
    assert all(f"({count:,})" in result.output for count in seen.values())
    assert json.loads(result.output.splitlines()[-1]) == json.loads(kept)


def test_the_waits_fit_a_narrow_terminal(home: Path) -> None:
    asked = ["holds", "fit", "--dry-run"]
    *lines, last = CliRunner().invoke(app, asked, env={"ASSAY_HOME": str(home), "COLUMNS": "80"}).output.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if "…" in line]
    words = {word for one in json.loads(last)["waits"] for word in (one["partner"], one["kind"])} - {ANY}
    assert words <= {line.split()[0] for line in lines if line.split()}


def test_a_home_without_a_log_is_refused_and_keeps_what_it_had(tmp_path: Path) -> None:
    result = ran(tmp_path, "holds", "fit")
    assert result.exit_code == 1
    assert "holds no log" in result.output
    assert not (tmp_path / NAME).exists()


def test_the_bench_ends_in_one_object_with_its_interval(tmp_path: Path) -> None:
    result = ran(tmp_path, "bench", "holds", "--users", 150, "--days", 40)
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    low, high = figures["reduction_interval"]
    assert low <= figures["reduction"] <= high
    assert figures["lost"] == pytest.approx(figures["lost_fixed"])
