"""The registered model as a data scientist opens it: `mlflow.pyfunc.load_model("models:/assay-fraud@champion")`.

It takes a pandas frame of the signature's features and gives one probability a head. Serving does not use it: it reads
the raw folder and calls the boosters, which is hundreds of times faster for one row.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from training.artefact import load
from training.models import Model


@dataclass(frozen=True)
class Loaded:
    model: Model

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Columns `event` and `withdrawal`: the calibrated probability of each row under each head."""
        del params  # part of MLflow's interface; there is nothing to set
        margins = self.model.margins(pl.from_pandas(rows))
        heads = {name: self.model.head(name) for name in ("event", "withdrawal")}
        return pd.DataFrame({name: head.probabilities(margins) for name, head in heads.items()}, index=rows.index)


def _load_pyfunc(path: str) -> Loaded:
    """MLflow finds this function by its name."""
    return Loaded(load(Path(path)))
