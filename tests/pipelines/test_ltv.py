"""`assay ltv` from a file to its last line."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["ltv", *map(str, arguments)], env={"COLUMNS": "300"})


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    lines = ["who,when,much"]
    for customer in range(300):
        day, rate = int(rng.integers(0, 50)), rng.gamma(1.0, 0.02)
        while day < 280:
            lines.append(f"c{customer},{np.datetime64('2024-01-01') + day},{rng.gamma(5, 2):.2f}")
            day += 1 + int(rng.exponential(1 / rate))
    file = tmp_path_factory.mktemp("ltv") / "shop.csv"
    file.write_text("\n".join(lines))
    return file


NAMED = ("--customer", "who", "--date", "when", "--amount", "much")
WEEKS = ("--calibration-weeks", 20, "--holdout-weeks", 19)


def test_a_table_of_other_names_is_forecast_and_drawn(table: Path, tmp_path: Path) -> None:
    result = ran("--data", table, *NAMED, *WEEKS, "--plots", tmp_path / "plots")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["customers"] == 300
    assert {"correlation", "mae", "bias", "worst_cohort_bias"} <= figures.keys()
    assert figures["bias_interval"][0] <= figures["bias"] <= figures["bias_interval"][1]
    assert [one["cohort"] for one in figures["cohorts"]] == ["2024-01", "2024-02"]
    assert (tmp_path / "plots" / "cohorts.svg").read_text().startswith("<svg")


def test_a_folder_for_curves_that_cannot_be_made_is_refused_before_the_forecast(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.ltv.study", lambda *_: pytest.fail("the forecast was begun"))
    (tmp_path / "taken").write_text("")
    result = ran("--data", table, *NAMED, *WEEKS, "--plots", tmp_path / "taken" / "curves")
    assert result.exit_code == 1
    assert "--plots: " in result.output


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,2024-01-01,1\na,2024-02-01,1\na,2024-10-01,1", "one customer"),
        ("a,2024-01-01,1\nb,2024-02-01,1\nc,2024-10-01,1", "nobody bought a second time"),
        ("a,2024-01-01,1\nb,2024-02-01,1", "take fewer of them"),
        ("a,2024-01-01,1\na,2024-02-01,1\nb,2024-02-01,1\nb,2024-10-01,1", "fewer than three customers repeat"),
    ],
)
def test_too_little_is_refused_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "few.csv"
    file.write_text("customer,date,amount\n" + text)
    result = ran("--data", file, *WEEKS)
    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output
