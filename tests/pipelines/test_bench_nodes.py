"""`assay bench nodes` on small graphs of other origins."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli_bench import app

NODES = 160


def written(folder: Path, splits: int = 2) -> Path:
    """Bad nodes keep to themselves; words for ids and labels, gaps, an empty column, an isolated node."""
    rng = np.random.default_rng(6)
    bad = rng.random(NODES) < 0.3
    ends = rng.integers(0, NODES - 1, (2, NODES * 6))
    kept = (bad[ends[0]] == bad[ends[1]]) | (rng.random(ends.shape[1]) < 0.2)
    ids = np.array([f"worker {number}" for number in range(NODES)])
    labels = [None if rng.random() < 0.2 else "yes" if one else "no" for one in bad]
    table = {"id": ids, "fraud": labels, "noise": rng.random(NODES), "kind": rng.choice(["a", "b"], NODES)}
    pl.DataFrame(table | {"empty": [None] * NODES}).write_csv(folder / "nodes.tsv", separator="\t")
    one, two = ids[ends[:, kept]]
    pl.DataFrame({"source": one, "target": two}).write_csv(folder / "edges.tsv", separator="\t")
    part = np.stack([rng.permutation(NODES) % 4 for _ in range(splits)])
    np.savez(folder / "splits.npz", train_masks=part < 2, val_masks=part == 2, test_masks=part == 3)
    return folder


def asked(*options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["nodes", *options])
    return done.exit_code, done.output


def test_ties_tell_bad_nodes_from_good_ones_and_scores_cover_blank_labels(tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    code, output = asked("--data", str(written(tmp_path)), "--label", "fraud", "--scores", str(scores))
    assert code == 0, output
    found = json.loads(output.splitlines()[-1])
    assert found["auc"] > 0.8
    assert found["positive"] == "yes"
    assert found["split_count"] == len(found["splits"]) == 2
    assert found["auc"] == pytest.approx(np.mean([split["auc"] for split in found["splits"]]))
    assert {"ap", "recall_at_1pct_fpr"} <= found.keys() & found["splits"][0].keys()
    assert found["left_out"] == {"empty": "missing everywhere"}
    table = pl.read_parquet(scores)
    assert len(table) == sum(split["nodes"] + split["blank"] for split in found["splits"])
    assert table.columns == ["id", "split", "score"]


def test_labels_of_test_nodes_change_no_score(tmp_path: Path) -> None:
    folder = written(tmp_path, splits=1)
    asked("--data", str(folder), "--label", "fraud", "--scores", str(tmp_path / "one.parquet"))
    test = np.load(folder / "splits.npz")["test_masks"][0]
    table = pl.read_csv(folder / "nodes.tsv", separator="\t")
    turned = {"yes": "no", "no": "yes", None: None}
    labels = [turned[cell] if tested else cell for cell, tested in zip(table["fraud"], test, strict=True)]
    table.with_columns(pl.Series("fraud", labels)).write_csv(folder / "nodes.tsv", separator="\t")
    asked("--data", str(folder), "--label", "fraud", "--scores", str(tmp_path / "two.parquet"), "--positive", "yes")
    assert pl.read_parquet(tmp_path / "one.parquet").equals(pl.read_parquet(tmp_path / "two.parquet"))


def test_a_graph_without_edges_has_its_attributes_alone(tmp_path: Path) -> None:
    folder = written(tmp_path, splits=1)
    (folder / "edges.tsv").write_text("source\ttarget\n")
    code, output = asked("--data", str(folder), "--label", "fraud")
    assert code == 0, output
    assert "no edges: attributes alone" in output


def test_the_folder_is_asked_for(tmp_path: Path) -> None:
    assert "needs --data FOLDER" in asked()[1]
    assert asked("--data", str(tmp_path)) == (1, f"assay: {tmp_path}/nodes.tsv does not exist\n")
