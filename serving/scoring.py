"""The champion, called natively: LightGBM boosters on one array, and a logistic head over their margins.

The only reader of MLflow's registry. The format of the model folder is written down where it is made, in training.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# MLflow reads these while it is imported, and sends usage reports without them.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

import lightgbm
import mlflow.artifacts
import numpy as np
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from features.events import Kind
from features.fold import Vector
from features.vector import FEATURES, VERSION
from serving.decision import Score

NAME: Final = "assay-fraud"
CHAMPION: Final = "champion"
CONTRIBUTIONS_MAX: Final = 12


class SignatureMismatchError(ValueError):
    """The model was trained on other features than this service computes."""


@dataclass(frozen=True)
class Part:
    """One booster, and where its columns lie in the vector."""

    booster: lightgbm.Booster
    names: tuple[str, ...]
    places: Any

    def margin(self, vector: Vector) -> float:
        return float(self.booster.predict(vector[None, self.places], raw_score=True, num_threads=1)[0])

    def contributions(self, vector: Vector) -> list[tuple[str, float]]:
        weights = self.booster.predict(vector[None, self.places], pred_contrib=True, num_threads=1)[0]
        return list(zip(self.names, weights[:-1].tolist(), strict=True))


class FraudModel:
    """A model folder in memory. Raises SignatureMismatchError when its features are not this service's."""

    def __init__(self, folder: Path, version: str) -> None:
        signature = json.loads((folder / "signature.json").read_text())
        if "parts" not in signature:
            raise SignatureMismatchError(f"model {version} is of an older format: retrain with `assay train`")
        if signature["features_version"] != VERSION or tuple(signature["features"]) != FEATURES:
            raise SignatureMismatchError(
                f"model {version} was trained on features {signature['features_version']}, this service computes "
                f"{VERSION}: retrain with `assay backfill` and `assay train`"
            )
        self.version, self.target = version, str(signature["target"])
        self._heads: dict[str, Any] = json.loads((folder / "heads.json").read_text())
        self._parts = {part: _part(folder / f"{part}.txt", names) for part, names in signature["parts"].items()}

    def score(self, kind: Kind, vector: Vector, explain_from: float) -> Score:
        """The calibrated probability; what spoke for it only from `explain_from` on, for that costs a hundredfold."""
        asked = "withdrawal" if kind is Kind.WITHDRAWAL_REQUESTED else "event"
        head = self._head("reversal" if self.target == "reversal" else asked)
        margins = {part: self._parts[part].margin(vector) for part in head["weights"]}
        total = head["intercept"] + sum(weight * margins[part] for part, weight in head["weights"].items())
        probability = float(1 / (1 + np.exp(-total)))
        reasons = self._contributions(head, vector) if probability >= explain_from else ()
        return Score(probability, self.target, self.version, reasons)

    def _head(self, name: str) -> dict[str, Any]:
        head: dict[str, Any] = self._heads[name]
        return self._heads[head["shared_with"]] if "shared_with" in head else head

    def _contributions(self, head: dict[str, Any], vector: Vector) -> tuple[tuple[str, float], ...]:
        weighed = [
            (name, weight * contribution)
            for part, weight in head["weights"].items()
            for name, contribution in self._parts[part].contributions(vector)
        ]
        return tuple(sorted(weighed, key=lambda pair: -pair[1])[:CONTRIBUTIONS_MAX])


class NoModel:
    """Stands in while no model is registered: everything that needs a score is held."""

    version, target = "none", "fraud"

    def score(self, kind: Kind, vector: Vector, explain_from: float) -> Score:
        return Score(None)


def load_champion(tracking_uri: str, cache: Path) -> FraudModel | NoModel:
    """The model that the alias names, downloaded once per version; NoModel before the first was promoted."""
    database = Path(tracking_uri.removeprefix("sqlite:///"))
    if tracking_uri.startswith("sqlite:///") and not database.exists():
        return NoModel()
    # A download of `models:/` asks the process-wide registry, whatever address it is given.
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    try:
        version = str(MlflowClient().get_model_version_by_alias(NAME, CHAMPION).version)
    except MlflowException:
        return NoModel()
    folder = cache / version
    if not list(folder.rglob("signature.json")):
        folder.mkdir(parents=True, exist_ok=True)
        mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version}/data/model", dst_path=str(folder))
    return FraudModel(next(folder.rglob("signature.json")).parent, version)


def _part(file: Path, names: list[str]) -> Part:
    booster = lightgbm.Booster(model_str=file.read_text())
    return Part(booster, tuple(names), np.array([FEATURES.index(name) for name in names]))
