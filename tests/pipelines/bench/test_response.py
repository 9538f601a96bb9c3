"""`assay bench response` on tables of other origins."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit
from typer.testing import CliRunner

from pipelines.bench.response import is_monotone, paired
from pipelines.bench.response_folds import fitted, folds_of
from pipelines.bench.response_trials import read_trials
from pipelines.cli_bench import app
from pipelines.console import UserError

ROWS = 900


def trials(rows: int = ROWS, seed: int = 3) -> pl.DataFrame:
    """Pay of any size, in villages; some cells blank."""
    rng = np.random.default_rng(seed)
    pay = np.where(rng.random(rows) < 0.2, 0, rng.lognormal(0, 1, rows).round(3))
    done = rng.random(rows) < expit(-1 + (pay > 0) + 0.6 * np.log1p(pay))
    table = pl.DataFrame({"pay": pay, "done": done.astype(int), "village": rng.integers(0, 30, rows)})
    blank = pl.Series(rng.random(rows) < 0.05)
    return table.with_columns(pl.when(blank).then(None).otherwise(pl.col("done")).alias("done"))


def written(table: pl.DataFrame, file: Path) -> Path:
    if file.suffix == ".parquet":
        table.write_parquet(file)
    else:
        table.write_csv(file, separator="\t" if file.suffix == ".tsv" else ",")
    return file


def asked(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["response", *options])
    return done.exit_code, done.output


def measured(*options: str) -> dict:
    code, output = asked(*options)
    assert code == 0, output
    return json.loads(output.splitlines()[-1])


COLUMNS = ("--reward", "pay", "--outcome", "done")


@pytest.mark.parametrize("name", ["trials.csv", "trials.tsv", "trials.parquet"])
def test_any_table_is_measured_beside_its_baselines(tmp_path: Path, name: str) -> None:
    table = trials()
    found = measured("--data", str(written(table, tmp_path / name)), *COLUMNS, "--group", "village")
    assert set(found["baselines"]) == {"constant", "isotonic", "logit"}
    assert found["log_loss"] < found["baselines"]["constant"]
    assert found["less_intervals"]["logit"][0] <= 0
    assert found["monotone"] is True
    assert (found["trials"], found["blank"]) == (table["done"].count(), table["done"].null_count())
    assert (found["groups"], found["folds"]) == (30, 10)
    chances = [level["chance"] for level in found["curve"]]
    assert chances == sorted(chances)


def test_without_groups_rows_are_drawn_into_folds_by_the_seed(tmp_path: Path) -> None:
    file = written(trials(), tmp_path / "trials.csv")
    one, again, other = (measured("--data", str(file), *COLUMNS, "--seed", seed) for seed in "556")
    assert one == again
    assert one["log_loss"] != other["log_loss"]
    assert one["groups"] is None


def test_a_group_is_in_one_fold_only(tmp_path: Path) -> None:
    found = read_trials(written(trials(), tmp_path / "trials.csv"), "pay", "done", "village", ())
    folds = folds_of(found, seed=1)
    assert all(np.unique(folds[found.groups == group]).size == 1 for group in np.unique(found.groups))
    sizes = np.bincount(folds)
    assert sizes.min() > 0.6 * sizes.max()


def test_the_paired_interval_resamples_groups_not_rows() -> None:
    """A hundred copies of each row under one group tell no more than the row did."""
    rng = np.random.default_rng(1)
    losses = {name: rng.random(60) for name in ("response", "constant", "isotonic", "logit")}
    alone = paired(losses, np.arange(60), seed=2)["less_logit"]
    copied = paired({name: np.repeat(one, 100) for name, one in losses.items()}, np.repeat(np.arange(60), 100), seed=2)
    assert copied["less_logit"].low == pytest.approx(alone.low)
    assert copied["less_logit"].high == pytest.approx(alone.high)


def test_what_falls_with_the_reward_is_never_followed_down(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    pay = rng.integers(0, 9, 500)
    table = pl.DataFrame({"pay": pay, "done": (rng.random(500) < 0.9 - 0.1 * pay).astype(int)})
    found = measured("--data", str(written(table, tmp_path / "falls.csv")), *COLUMNS)
    assert found["monotone"] is True
    assert found["log_loss"] == pytest.approx(found["baselines"]["constant"], abs=0.02)
    read = read_trials(tmp_path / "falls.csv", "pay", "done", None, ())
    assert is_monotone(read, fitted(read.units, read.outcomes), None, seed=1)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_currency_of_the_reward_changes_nothing(tmp_path: Path, scale: float) -> None:
    one = measured("--data", str(written(trials(), tmp_path / "one.csv")), *COLUMNS)
    scaled = written(trials().with_columns(pl.col("pay") * scale), tmp_path / "scaled.parquet")
    assert measured("--data", str(scaled), *COLUMNS)["log_loss"] == pytest.approx(one["log_loss"], abs=1e-6)


def test_trees_help_where_context_tells_and_rows_suffice(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows = 26_000
    pay, age = rng.choice([0, 1, 2, 5], rows), rng.normal(size=rows)
    done = rng.random(rows) < expit(-1 + (pay > 0) + 0.4 * np.log1p(pay) + 1.5 * (age > 0.5))
    table = pl.DataFrame({"pay": pay, "done": done.astype(int), "age": age})
    found = measured("--data", str(written(table, tmp_path / "t.parquet")), *COLUMNS, "--context", "age")
    assert found["residual_folds"] == found["folds"] == 10
    assert found["log_loss"] < found["log_loss_curve"] - 0.02
    assert found["monotone"] is True


@pytest.mark.parametrize("name", ["curve.png", "curve.svg"])
def test_a_picture_is_saved(tmp_path: Path, name: str) -> None:
    file = written(trials(), tmp_path / "trials.csv")
    measured("--data", str(file), *COLUMNS, "--plot", str(tmp_path / name))
    assert (tmp_path / name).stat().st_size > 10_000


def refusals() -> dict[str, tuple[pl.DataFrame, list[str], str]]:
    table = trials(60)
    words = table.with_columns(pl.lit("much").alias("pay"))
    group = [*COLUMNS, "--group", "village"]
    return {
        "no such reward": (table, ["--reward", "cash", "--outcome", "done"], "--reward cash: t.csv has no such column"),
        "no such outcome": (table, ["--reward", "pay", "--outcome", "got"], "--outcome got: t.csv has no such column"),
        "no such group": (table, [*COLUMNS, "--group", "town"], "--group town: t.csv has no such column"),
        "no such context": (table, [*COLUMNS, "--context", "age"], "--context age: t.csv has no such column"),
        "no reward named": (table, ["--outcome", "done"], "--reward COLUMN is needed with --data"),
        "no outcome named": (table, ["--reward", "pay"], "--outcome COLUMN is needed with --data"),
        "the outcome as group": (table, [*COLUMNS, "--group", "done"], "name each column once"),
        "one for both": (table, ["--reward", "pay", "--outcome", "pay"], "name each column once"),
        "outcome of three": (table, ["--reward", "pay", "--outcome", "village"], "is neither 0 nor 1"),
        "reward in words": (words, [*COLUMNS], "--reward pay: not all of its cells are numbers"),
        "one reward": (table.with_columns(pl.lit(2).alias("pay")), [*COLUMNS], "--reward pay: 2 throughout"),
        "one class": (table.with_columns(pl.lit(1).alias("done")), [*COLUMNS], "--outcome done: 1 throughout"),
        "one group": (table.with_columns(pl.lit(1).alias("village")), group, "--group village: one group only"),
        "negative": (table.with_columns(-pl.col("pay") - 1), [*COLUMNS], "is negative"),
        "no rows": (table.clear(), [*COLUMNS], "t.csv has no rows"),
        "all blank": (table.with_columns(pl.lit(None).alias("done")), [*COLUMNS], "no row of t.csv has both"),
        "bad picture": (table, [*COLUMNS, "--plot", "curve.txt"], "--plot curve.txt: end the name in .png"),
        "no folder": (table, [*COLUMNS, "--plot", "nowhere/curve.png"], "nowhere does not exist"),
    }


@pytest.mark.parametrize("case", refusals())
def test_what_cannot_be_measured_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    table, options, words = refusals()[case]
    code, output = asked("--data", str(written(table, tmp_path / "t.csv")), *options)
    assert code == 1, output
    assert words in output
    assert "Traceback" not in output


def test_a_picture_that_cannot_be_written_is_refused_before_the_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "curve.png").mkdir()
    code, output = asked("--data", str(tmp_path / "nothing.csv"), *COLUMNS, "--plot", str(tmp_path / "curve.png"))
    assert code == 1, output
    assert "--plot: " in output
    assert "a file was expected, a folder is there" in " ".join(output.split())


@pytest.mark.parametrize(("name", "content"), [("t.csv", b""), ("t.parquet", b"no parquet"), ("t.xlsx", b"x")])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    code, output = asked("--data", str(tmp_path / name), *COLUMNS)
    assert code == 1
    assert output.startswith(f"assay: {name}")
    assert "is absent" in asked("--data", str(tmp_path / "none.csv"), *COLUMNS)[1]


@pytest.mark.data
def test_thorntons_trial_meets_its_targets() -> None:
    root = Path(__file__).resolve().parents[3]
    public = (root / os.environ.get("ASSAY_DATA", "../shared/data")).resolve()
    if not (public / "thornton_incentives").is_dir():
        pytest.skip(f"the public data thornton_incentives is not in {public}; set ASSAY_DATA to where it is")
    found = measured()
    assert found["less"]["constant"] <= -0.08
    assert found["less_intervals"]["logit"][0] <= 0
    assert found["monotone"] is True
    assert (found["trials"], found["groups"]) == (1827, 74)


def test_a_group_of_lists_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    trials(60).with_columns(pl.concat_list("village").alias("village")).write_parquet(file)
    with pytest.raises(UserError, match="--group village: a column of List"):
        read_trials(file, "pay", "done", "village", ())
