"""The registered model as a data scientist opens it: `mlflow.pyfunc.load_model("models:/assay-fraud@champion")`.

It takes a pandas frame of the signature's features and gives one probability a head. Serving does not use it: it reads
the raw folder and calls the boosters, which is hundreds of times faster for one row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from training.artefact import load
from training.heads import HEADS
from training.models import Model
from training.table import Floats


@dataclass(frozen=True)
class Loaded:
    model: Model

    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Columns `event`, `withdrawal` and `reversal`: each head's calibrated probability, NaN for an absent head."""
        del params  # part of MLflow's interface; there is nothing to set
        margins = self.model.margins(pl.from_pandas(rows))
        return pd.DataFrame({name: self._probabilities(name, margins) for name in HEADS}, index=rows.index)

    def _probabilities(self, name: str, margins: Mapping[str, Floats]) -> Floats | float:
        try:
            return self.model.head(name).probabilities(margins)
        except KeyError:
            return float("nan")


def _load_pyfunc(path: str) -> Loaded:
    """MLflow finds this function by its name."""
    return Loaded(load(Path(path)))
