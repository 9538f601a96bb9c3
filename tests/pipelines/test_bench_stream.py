"""`assay bench stream`: a small stream of one's own, from the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from training.stream import model

DAYS = ["--train-days", "5", "--delay-days", "3", "--test-days", "4"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ROUNDS", 10)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty days of payments of which the dear ones are fraud, under names of one's own, the latest first."""
    dice, size = np.random.default_rng(5), 4000
    amounts = np.round(dice.gamma(2, 20, size), 2)
    table = pl.DataFrame(
        {
            "paid_at": pl.Series(np.sort(dice.integers(0, 20 * 86_400, size)) * 1000).cast(pl.Datetime("ms")),
            "card": dice.integers(0, 300, size),
            "shop": dice.integers(0, 50, size),
            "amount": amounts,
            "is_fraud": (amounts > 150) | (dice.random(size) < 0.005),
        }
    )
    path = tmp_path_factory.mktemp("payments") / "payments.parquet"
    table.reverse().write_parquet(path)
    return path


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "columns.yaml"
    path.write_text("time: paid_at\ncustomer: card\nterminal: shop\n")
    return path


def bench(*arguments: object) -> tuple[int, str, dict[str, Any]]:
    result = CliRunner().invoke(app, ["bench", "stream", *map(str, arguments)])
    last = result.stdout.strip().splitlines()[-1:]
    return result.exit_code, result.output, json.loads(last[0]) if result.exit_code == 0 else {}


def test_a_window_ends_in_one_json_object(file: Path, mapping: Path) -> None:
    code, output, figures = bench("--data", file, "--mapping", mapping, "--train-from", "1970-01-03", *DAYS)
    assert code == 0
    assert "was sorted by time" in " ".join(output.split())
    assert {"auc", "ap", "card_precision_at_100", "baseline_ap", "test_rows"} <= figures.keys()
    assert figures["auc"] > 0.6
    assert figures["out_of_order"] > 0
    assert [day["day"] for day in figures["days"]] == [f"1970-01-{day}" for day in (11, 12, 13, 14)]
    assert figures["test_rows"] == sum(day["payments"] for day in figures["days"])


def test_every_week_lists_each_window_and_the_least_difference(file: Path) -> None:
    named = ["--columns", "time=paid_at", "--columns", "customer=card", "--columns", "terminal=shop"]
    code, _, figures = bench("--data", file, *named, "--every-week", *DAYS)
    assert code == 0
    assert [window["train_from"] for window in figures["windows"]] == ["1970-01-01", "1970-01-08"]
    differences = [window["ap_difference"]["value"] for window in figures["windows"]]
    assert figures["ap_difference_min"] == min(differences)
    assert all(window["ap_difference"]["low"] <= window["ap_difference"]["high"] for window in figures["windows"])


def test_a_window_that_cannot_be_learned_is_left_out_of_the_weeks_and_says_why(file: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(file).rename({"paid_at": "time", "card": "customer", "shop": "terminal"})
    quiet = table.with_columns(is_fraud=pl.col("is_fraud") & (pl.col("time") >= pl.datetime(1970, 1, 7)))
    quiet.write_parquet(tmp_path / "quiet.parquet")
    code, _, figures = bench("--data", tmp_path / "quiet.parquet", "--every-week", *DAYS)
    assert code == 0
    assert "one class only" in figures["windows"][0]["reason"]
    assert figures["measured_windows"] == 1


def test_test_days_without_fraud_are_a_result_that_says_so(file: Path, mapping: Path, tmp_path: Path) -> None:
    honest = pl.read_parquet(file).with_columns(
        is_fraud=pl.col("is_fraud") & (pl.col("paid_at") < pl.datetime(1970, 1, 10))
    )
    honest.write_csv(tmp_path / "honest.csv")
    named = ["--data", tmp_path / "honest.csv", "--mapping", mapping]
    code, output, figures = bench(*named, "--train-from", "1970-01-03", *DAYS)
    assert code == 0
    assert "unknown: one class only" in output
    assert (figures["auc"], figures["ap"], figures["baseline_ap"], figures["card_precision_at_100"]) == (
        None,
        None,
        None,
        0,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train-from", "1970-02-01"], "the file holds 1970-01-01 to 1970-01-20"),
        (["--train-from", "soon"], "is no date; write it as"),
        (["--columns", "terminal"], "write ROLE=COLUMN"),
        (["--columns", "label=tag"], "no column tag for the label"),
        (["--train-days", "30"], "the window needs"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(file: Path, mapping: Path, arguments: list[str], message: str) -> None:
    code, output, _ = bench("--data", file, "--mapping", mapping, *DAYS, *arguments)
    assert code == 1
    assert message in " ".join(output.split())


def test_an_absent_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    code, output, _ = bench("--data", tmp_path / "none.csv")
    assert code == 1
    assert "is absent: give --data FILE" in " ".join(output.split())
