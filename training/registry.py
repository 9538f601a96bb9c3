"""The only writer to MLflow: one run and one version of `assay-fraud` for each training, and the aliases.

`champion` names the version that serves, `shadow` one that is scored beside it and decides nothing.

A version holds the raw `model/` folder (see artefact.py) at `data/model`, so that serving can download
`models:/assay-fraud@champion/data/model`, and the same files open as an MLflow pyfunc in this repository's environment.
"""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Final

# MLflow reads these when it is imported. It sends usage reports unless one of the first two is "true".
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
# It would otherwise run `uv` where it finds a lock file, and infer what is pinned here by name.
os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")

import mlflow.pyfunc
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from training.estimates import Metrics
from training.gate import Verdict

NAME: Final = "assay-fraud"
EXPERIMENT: Final = "assay-fraud"
CHAMPION: Final = "champion"
SHADOW: Final = "shadow"
RAW_MODEL: Final = "data/model"
MADE_FROM: Final = "made_from"
BETWEEN_REASONS: Final = "; "
# MLflow refuses longer values.
PARAM_LENGTH_MAX: Final = 6000
TAG_LENGTH_MAX: Final = 5000
_REQUIREMENTS: Final = ("lightgbm", "numpy", "pandas", "polars", "scipy")


class PromotionRefusedError(ValueError):
    """The version failed its gate, and nobody took it upon themselves to force it."""


def register(
    folder: Path,
    metrics: Metrics,
    params: Mapping[str, object],
    verdict: Verdict,
    tracking_uri: str,
    artifacts: Sequence[Path] = (),
    made_from: str = "",
) -> int:
    """Log a saved model folder as one run and register it as the next version, whose number is answered.

    Metrics go in with the ends of their intervals (`auc`, `auc.low`, `auc.high`); `artifacts` are files for people:
    plots, the model card. `made_from` is the digest of all that it was made from (see `version_of`). Runs and
    files of a SQLite tracking URI live beside its database.
    Raises FileNotFoundError for a folder without a model.
    """
    client = _client(tracking_uri)
    described = json.loads((folder / "signature.json").read_text())
    started = int(described.get("trained_at", 0)) // 1000
    tags = _tags(described, verdict) | ({MADE_FROM: made_from} if made_from else {})
    with _run(client, tracking_uri, started) as run_id:
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, started, 0) for name, value in _plain(metrics).items()],
            params=[Param(name, str(value)[:PARAM_LENGTH_MAX]) for name, value in params.items()],
            tags=[RunTag(name, value) for name, value in tags.items()],
        )
        for file in artifacts:
            client.log_artifact(run_id, str(file))
        _log_model(client, run_id, folder, described["features"])
        return _new_version(client, run_id, tags)


def replace_text(version: int, name: str, text: str, tracking_uri: str) -> None:
    """Put `text` in the place of the artifact `name` of a version's run, as for a card that tells the number."""
    client = _client(tracking_uri)
    client.log_text(str(_found(client, version).run_id), text, name)


def promote(
    version: int, *, reason: str, by: str, at: int, tracking_uri: str, alias: str = CHAMPION, force: bool = False
) -> int | None:
    """Let `alias` name `version`; answers the version that it named before. Rolling back is promoting an older one.

    Who, why and when (`at`, microseconds) are kept on the version, under the name of the alias. Raises
    PromotionRefusedError for a champion whose verdict was not `passed`, unless `force`; a shadow decides nothing and
    needs no verdict. Raises ValueError without a reason or a name; LookupError for no such version.
    """
    assert_said(reason, by)
    client = _client(tracking_uri)
    tags = _found(client, version).tags
    if alias == CHAMPION and not force:
        _assert_may_serve(version, tags)
    before = aliased(alias, tracking_uri)
    client.set_registered_model_alias(NAME, alias, str(version))
    _keep(client, version, alias, {"reason": reason, "by": by, "at": at, "forced": force, "before": before})
    return before


def dismiss(alias: str, *, reason: str, by: str, at: int, tracking_uri: str) -> int | None:
    """Let `alias` name nothing; answers the version that it named, which keeps who, why and when.

    Raises ValueError without a reason or a name, and for the champion: something must decide.
    """
    assert_said(reason, by)
    if alias == CHAMPION:
        raise ValueError("the champion is not dismissed: promote another version in its place")
    before = aliased(alias, tracking_uri)
    if before is not None:
        client = _client(tracking_uri)
        client.delete_registered_model_alias(NAME, alias)
        _keep(client, before, f"{alias}.dismissed", {"reason": reason, "by": by, "at": at})
    return before


def version_of(made_from: str, tracking_uri: str) -> int | None:
    """The newest version that was registered with this digest, or None: the same work is not registered twice."""
    found = _client(tracking_uri).search_model_versions(f"name = '{NAME}' and tag.`{MADE_FROM}` = '{made_from}'")
    return max((int(version.version) for version in found), default=None)


def made_from(version: int, tracking_uri: str) -> str:
    """The digest that a version was registered with; "" for none. Raises LookupError for no such version."""
    return str(_found(_client(tracking_uri), version).tags.get(MADE_FROM, ""))


@dataclass(frozen=True)
class Act:
    """One move of an alias: what was done (`champion`, `shadow`, `shadow.dismissed`), by whom, why and when."""

    what: str
    by: str
    reason: str
    at: int
    forced: bool = False


@dataclass(frozen=True)
class Known:
    """What the registry holds on a version: its run, the gate's word (`passed` or `refused`) with the reasons, and the
    latest move of each alias to it or away from it, oldest first.
    """

    run_id: str
    verdict: str
    reasons: str
    acts: tuple[Act, ...]


def known_of(version: int, tracking_uri: str) -> Known:
    """Raises LookupError for no such version."""
    found = _found(_client(tracking_uri), version)
    tags = found.tags
    acts = [
        Act(
            act,
            tags.get(f"{act}.by", ""),
            tags.get(f"{act}.reason", ""),
            int(tags[f"{act}.at"]),
            forced=tags.get(f"{act}.forced") == "True",
        )
        for act in (CHAMPION, SHADOW, f"{SHADOW}.dismissed")
        if f"{act}.at" in tags
    ]
    verdict = "passed" if tags.get("verdict") == "passed" else "refused"
    return Known(
        str(found.run_id), verdict, tags.get("verdict_reasons", ""), tuple(sorted(acts, key=lambda act: act.at))
    )


def features_version_of(version: int, tracking_uri: str) -> str:
    """The version of the features that a version was trained on. Raises LookupError for no such version."""
    return str(_found(_client(tracking_uri), version).tags.get("features_version"))


def aliased(alias: str, tracking_uri: str) -> int | None:
    """The version that `alias` names, or None."""
    try:
        return int(_client(tracking_uri).get_model_version_by_alias(NAME, alias).version)
    except MlflowException:
        return None


def fetch(version: int, tracking_uri: str, into: Path) -> Path:
    """Download the raw model folder of a version into the folder `into`, for a comparison on the same rows.

    Raises LookupError for no such version.
    """
    client = _client(tracking_uri)
    # Through the run: a download of `models:/` asks the process-wide registry, whatever address it is given.
    run_id = _found(client, version).run_id
    into.mkdir(parents=True, exist_ok=True)
    return Path(client.download_artifacts(run_id, f"model/{RAW_MODEL}", str(into)))


def assert_said(reason: str, by: str) -> None:
    """Raises ValueError without a reason or a name: no alias moves unexplained."""
    if not reason.strip() or not by.strip():
        raise ValueError("a promotion needs a reason and the name of who decided it")


def _assert_may_serve(version: int, tags: Mapping[str, str]) -> None:
    # What served before may serve again: a rollback waits for no gate. Having been a shadow is no such merit.
    if tags.get("verdict") != "passed" and f"{CHAMPION}.at" not in tags:
        raise PromotionRefusedError(
            f"version {version} did not pass its gate: {tags.get('verdict_reasons', 'no verdict on record')}. "
            "Train a better one, or promote with --force and say why."
        )


def _keep(client: MlflowClient, version: int, act: str, facts: Mapping[str, object]) -> None:
    for name, value in facts.items():
        client.set_model_version_tag(NAME, str(version), f"{act}.{name}", str(value)[:TAG_LENGTH_MAX])


def _client(tracking_uri: str) -> MlflowClient:
    if tracking_uri.startswith("sqlite:///"):
        _folder_of(tracking_uri).mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _folder_of(tracking_uri: str) -> Path:
    return Path(tracking_uri.removeprefix("sqlite:///")).resolve().parent


@contextmanager
def _run(client: MlflowClient, tracking_uri: str, started: int) -> Iterator[str]:
    """A run that ends as FINISHED, or as FAILED when its block raises."""
    run_id: str = client.create_run(_experiment(client, tracking_uri), start_time=started).info.run_id
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _experiment(client: MlflowClient, tracking_uri: str) -> str:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    local = tracking_uri.startswith("sqlite:///")
    location = (_folder_of(tracking_uri) / "artifacts").as_uri() if local else None
    return str(client.create_experiment(EXPERIMENT, artifact_location=location))


def _log_model(client: MlflowClient, run_id: str, folder: Path, features: Sequence[str]) -> None:
    """As `mlflow.pyfunc.log_model` would, but without its global state and without guessing requirements."""
    with tempfile.TemporaryDirectory() as place:
        raw, packed = Path(place, "model"), Path(place, "packed")
        shutil.copytree(folder, raw)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*input example was not provided.*")
            mlflow.pyfunc.save_model(
                str(packed),
                loader_module="training.pyfunc",
                data_path=str(raw),
                pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIREMENTS],
                signature=_mlflow_signature(features),
            )
        client.log_artifacts(run_id, str(packed), "model")


def _mlflow_signature(features: Sequence[str]) -> ModelSignature:
    outputs = [ColSpec("double", name) for name in ("event", "withdrawal", "reversal")]
    return ModelSignature(Schema([ColSpec("double", name) for name in features]), Schema(outputs))


def _new_version(client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> int:
    if not client.search_registered_models(f"name = '{NAME}'"):
        client.create_registered_model(NAME)
    made = client.create_model_version(NAME, f"runs:/{run_id}/model", run_id, tags=dict(tags))
    return int(made.version)


def _found(client: MlflowClient, version: int) -> ModelVersion:
    try:
        return client.get_model_version(NAME, str(version))
    except MlflowException:
        raise LookupError(f"there is no version {version} of {NAME}") from None


def _tags(described: Mapping[str, Any], verdict: Verdict) -> dict[str, str]:
    return {
        "target": str(described.get("target")),
        "features_version": str(described.get("features_version")),
        "verdict": "passed" if verdict.passed else "refused",
        "verdict_reasons": BETWEEN_REASONS.join(verdict.reasons)[:TAG_LENGTH_MAX],
    }


def _plain(metrics: Metrics) -> dict[str, float]:
    """Known figures only: MLflow has no word for a figure that could not be measured."""
    ends = {f"{name}.{end}": getattr(e, end) for name, e in metrics.items() for end in ("low", "high")}
    figures = {name: estimate.value for name, estimate in metrics.items()} | ends
    return {name: value for name, value in figures.items() if value is not None}
