"""A training result as files, so that what follows can be done, or done again, without training anew."""

import json
from pathlib import Path
from typing import Final

import polars as pl

from training import artefact
from training.estimates import as_json, from_json
from training.train import Trained

MODEL: Final = "model"
_FIGURES, _SCORED = "figures.json", "scored.parquet"


def keep(trained: Trained, folder: Path) -> None:
    """`model/` (see artefact), `figures.json` and `scored.parquet`."""
    artefact.save(trained.model, folder / MODEL)
    gains = None if trained.difference is None else as_json(trained.difference)
    figures = {
        "metrics": as_json(trained.metrics),
        "difference": gains,
        "params": trained.params,
        "tables": trained.tables,
    }
    (folder / _FIGURES).write_text(json.dumps(figures, indent=1, sort_keys=True))
    trained.scored.write_parquet(folder / _SCORED)


def read_kept(folder: Path) -> Trained:
    """The inverse of `keep`: equal figures, the same scores to the last bit."""
    figures = json.loads((folder / _FIGURES).read_text())
    return Trained(
        model=artefact.load(folder / MODEL),
        metrics=from_json(figures["metrics"]),
        difference=None if figures["difference"] is None else from_json(figures["difference"]),
        params=figures["params"],
        tables=figures["tables"],
        scored=pl.read_parquet(folder / _SCORED),
    )
