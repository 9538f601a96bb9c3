"""`assay bench training`: the product's own training on a generated table, here a small one."""

import json

from typer.testing import CliRunner

from pipelines.bench.training import DAYS, NAMES, generated
from pipelines.cli import app
from training.labels import MICROS_PER_DAY


def test_every_step_of_a_real_training_is_timed() -> None:
    done = CliRunner().invoke(app, ["bench", "training", "--rows", "6000"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["table"] == [6000, 100]
    assert {"labels and slices", "part behaviour", "part reversal", "heads", "scores", "evaluation"} <= set(
        figures["steps"]
    )
    assert figures["auc"] > 0.6
    assert sum(figures["steps"].values()) >= figures["seconds"] - 1


def test_the_table_is_the_same_for_the_same_seed_and_has_both_targets() -> None:
    (frame, outcomes), (again, _) = generated(5000, 3), generated(5000, 3)
    assert frame.equals(again)
    assert len(NAMES) == 100
    assert set(outcomes["reason"]) == {"fraud", "quality", None}
    assert frame["as_of"].is_sorted()
    assert frame["as_of"].max() <= DAYS * MICROS_PER_DAY
