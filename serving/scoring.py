"""A model, called natively: LightGBM boosters on one array, and logistic heads over their margins.

Also the only reader of MLflow's registry, whose aliases say which version serves. The format of the model folder is
written down where it is made, in training.
"""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

# MLflow reads these while it is imported, and sends usage reports without them.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# It would otherwise wait for two minutes, eight times over, for a registry that does not answer.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")

import lightgbm
import numpy as np
import numpy.typing as npt
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from features.events import Kind
from features.fold import Vector
from features.vector import FEATURES, VERSION
from serving.decision import Levels, Score

# It writes every database error with its SQL and a traceback, and raises it besides: ours is told in one line.
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)

NAME: Final = "assay-fraud"
CHAMPION: Final = "champion"
SHADOW: Final = "shadow"
RAW_MODEL: Final = "model/data/model"
CONTRIBUTIONS_MAX: Final = 12
Floats = npt.NDArray[np.float64]


class UnfitModelError(ValueError):
    """The model cannot be read, or answers with what is no probability."""


class SignatureMismatchError(UnfitModelError):
    """The model was trained on other features than this service computes."""


class RegistryAwayError(Exception):
    """The registry did not answer, or not with what it should hold."""


@dataclass(frozen=True)
class Part:
    """One booster, and where its columns lie in the vector."""

    booster: lightgbm.Booster
    names: tuple[str, ...]
    places: Any

    def margins(self, vectors: Floats) -> Floats:
        margins: Floats = self.booster.predict(vectors[:, self.places], raw_score=True, num_threads=1)
        return margins

    def contributions(self, vector: Vector) -> list[tuple[str, float]]:
        weights = self.booster.predict(vector[None, self.places], pred_contrib=True, num_threads=1)[0]
        return list(zip(self.names, weights[:-1].tolist(), strict=True))


class FraudModel:
    """A model folder in memory. Raises SignatureMismatchError when its features are not this service's."""

    def __init__(self, folder: Path, version: str) -> None:
        signature = json.loads((folder / "signature.json").read_text())
        if "parts" not in signature:
            raise SignatureMismatchError(f"model {version} is of an older format: run `assay retrain`")
        if signature["features_version"] != VERSION or tuple(signature["features"]) != FEATURES:
            raise SignatureMismatchError(
                f"model {version} was trained on features {signature['features_version']}, this service computes "
                f"{VERSION}: restart the service on the code that computes the features of the model, or train one for "
                "the features of this service with `assay retrain`"
            )
        self.version, self.target = version, str(signature["target"])
        self._heads: dict[str, Any] = json.loads((folder / "heads.json").read_text())
        self._parts = {part: _part(folder / f"{part}.txt", names) for part, names in signature["parts"].items()}

    def score(self, kind: Kind, vector: Vector, explain_from: Levels) -> Score:
        """The calibrated probabilities; what spoke for one only from its level on, for that costs a hundredfold."""
        return self.scores(kind, vector[None], explain_from)[0]

    def scores(self, kind: Kind, vectors: Floats, explain_from: Levels) -> list[Score]:
        """One a row of `vectors` (events, features), of events that are all withdrawals or none; the same to the last
        bit as each by itself.
        """
        names = self._asked(kind)
        heads = {name: self._head(name) for name in names}
        needed = {part for head in heads.values() for part in head["weights"]}
        margins = {part: self._parts[part].margins(vectors) for part in needed}
        found = {name: [_probability(head, margins, at) for at in range(len(vectors))] for name, head in heads.items()}
        beside = found[names[1]] if len(names) > 1 else [None] * len(vectors)
        return [
            self._score(names[0], vector, main, reversal, explain_from)
            for vector, main, reversal in zip(vectors, found[names[0]], beside, strict=True)
        ]

    def warm_up(self) -> None:
        """Score and explain once, so that nothing is slow the first time. Raises UnfitModelError for a wrong answer."""
        nothing = np.full(len(FEATURES), np.nan)
        for kind in (Kind.CLICK, Kind.WITHDRAWAL_REQUESTED):
            score = self.score(kind, nothing, Levels(0.0, 0.0))
            for probability in (score.probability, score.reversal):
                if probability is not None and not 0 <= probability <= 1:
                    raise UnfitModelError(f"model {self.version} answers {probability}, which is no probability")

    def _asked(self, kind: Kind) -> Sequence[str]:
        """The heads that speak of an event, that of the model's target first. A withdrawal cannot be reversed."""
        if self.target == "reversal":
            return ("reversal",)
        if kind is Kind.WITHDRAWAL_REQUESTED:
            return ("withdrawal",)
        return ("event", "reversal") if "reversal" in self._heads else ("event",)

    def _score(self, name: str, vector: Vector, main: float, reversal: float | None, levels: Levels) -> Score:
        contributions: tuple[tuple[str, float], ...] = ()
        if main >= levels.probability:
            contributions = self._contributions(self._head(name), vector)
        elif reversal is not None and reversal >= levels.reversal:
            contributions = self._contributions(self._head("reversal"), vector)
        return Score(main, self.target, self.version, contributions, reversal)

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

    def score(self, kind: Kind, vector: Vector, explain_from: Levels) -> Score:
        return Score(None)

    def warm_up(self) -> None:
        """There is nothing to warm."""


class Registry:
    """What MLflow says: the version that an alias names, and its files, which are kept in the folder `cache`."""

    def __init__(self, tracking_uri: str, cache: Path) -> None:
        self._uri, self._cache = tracking_uri, cache
        self._database = (
            Path(tracking_uri.removeprefix("sqlite:///")) if tracking_uri.startswith("sqlite:///") else None
        )
        self._was_there = False
        self._file: tuple[int, int, int] | None = None

    @cached_property
    def _client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)

    def named(self) -> dict[str, str]:
        """Versions by alias; none before the first model was registered. Raises RegistryAwayError."""
        if self._database is not None and not self._database.exists():
            if self._was_there:
                raise RegistryAwayError(f"{self._database} is gone")
            return {}  # looking would make it
        try:
            self._follow_file()
            aliases = self._client.get_registered_model(NAME).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise RegistryAwayError(_without_sql(error)) from error
            aliases = {}
        except (SQLAlchemyError, OSError) as error:
            raise RegistryAwayError(_without_sql(error)) from error
        self._was_there = True
        return {alias: str(version) for alias, version in aliases.items()}

    def _follow_file(self) -> None:
        """A database that was put back from a backup is another file: open connections would go on reading the old."""
        if self._database is None:
            return
        stat = self._database.stat()
        file = stat.st_dev, stat.st_ino, stat.st_mtime_ns
        if self._file is not None and file != self._file:
            # MLflow keeps one engine an address for the whole process; new connections open what is there now.
            self._client._get_registry_client().store.engine.dispose()  # noqa: SLF001  # it has no public way
            self._client._tracking_client.store.engine.dispose()  # noqa: SLF001  # as above
        self._file = file

    def model(self, version: str) -> FraudModel:
        """That version, warm, downloaded once. Raises RegistryAwayError; UnfitModelError for one that cannot serve."""
        folder = self._folder(version)
        try:
            model = FraudModel(folder, version)
            model.warm_up()
        except UnfitModelError:
            raise
        except Exception as error:  # a folder can be wrong in any way, and none may end in a request
            raise UnfitModelError(f"model {version} cannot be read: {type(error).__name__}: {error}") from error
        return model

    def _folder(self, version: str) -> Path:
        try:
            # Through the run: a download of `models:/` asks the process-wide registry, whatever address it is given.
            run_id = self._client.get_model_version(NAME, version).run_id
            folder = self._cache / f"{version}-{run_id}"
            if not folder.exists():
                self._cache.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=self._cache, prefix=f"{version}-") as scratch:
                    # Renamed when it is whole: a download that was cut short is never taken for a model.
                    Path(self._client.download_artifacts(run_id, RAW_MODEL, scratch)).rename(folder)
        except (MlflowException, SQLAlchemyError, OSError) as error:
            raise RegistryAwayError(f"version {version} cannot be fetched: {_without_sql(error)}") from error
        return folder


def load_champion(registry: Registry) -> FraudModel | NoModel:
    """The model that the alias names; NoModel before the first was promoted, and while the registry is away.

    Raises UnfitModelError, which says what to do, for one that cannot serve.
    """
    try:
        version = registry.named().get(CHAMPION)
        return NoModel() if version is None else registry.model(version)
    except RegistryAwayError:
        return NoModel()


def _without_sql(error: Exception) -> str:
    return str(error).partition("[SQL:")[0].strip()


def _probability(head: dict[str, Any], margins: dict[str, Floats], at: int) -> float:
    total = head["intercept"] + sum(weight * margins[part][at] for part, weight in head["weights"].items())
    return float(1 / (1 + np.exp(-total)))


def _part(file: Path, names: list[str]) -> Part:
    booster = lightgbm.Booster(model_str=file.read_text())
    return Part(booster, tuple(names), np.array([FEATURES.index(name) for name in names]))
