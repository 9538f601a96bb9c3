"""Event log -> point-in-time frame with mature labels -> train -> evaluate -> gate -> register.

Promotion is its own act.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import polars as pl

from features.frame import frames_folder, outcomes_of, read_frame
from features.home import Home
from features.log import Log, recorded_now
from features.vector import CATEGORICAL, FEATURES, VERSION
from pipelines.assessment import assess_on
from pipelines.console import UserError, err, progress
from training import artefact, registry
from training.assess import Assessment, table_of
from training.card import Judged, describe
from training.gate import Rules, Verdict, judge
from training.labels import default_maturity
from training.models import Model
from training.train import Spec, Trained, train

RULE: Final = "graph__device_users"
"""One honest rule to stand beside every model: somebody else has used this device."""


@dataclass(frozen=True)
class Registered:
    version: int
    verdict: Verdict
    trained: Trained


def retrain(home: Home) -> Registered:
    """Train a challenger on the home's frame, judge it against the champion, and register it with its verdict."""
    frame, outcomes = _frame(home), outcomes_of(Log(home.log))
    spec = _spec(home, frame)
    with TemporaryDirectory() as scratch:
        champion = _champion(home, Path(scratch))
        with progress("train") as advance:
            trained = train(frame, outcomes, spec, champion, advance)
        verdict = judge(trained.metrics, None, Rules(), trained.difference)
        folder = artefact.save(trained.model, Path(scratch) / "model")
        with progress("assess"):
            people = _for_people(trained, assess_on(home, trained, spec.bootstrap), verdict, Path(scratch))
        with progress("register"):
            version = registry.register(folder, trained.metrics, trained.params, verdict, home.tracking_uri, people)
    return Registered(version, verdict, trained)


def promote(home: Home, version: int, reason: str, by: str, *, force: bool = False) -> int | None:
    """Let `champion` name a version. Rolling back is promoting an older one."""
    return registry.promote(
        version, reason=reason, by=by, at=recorded_now(), tracking_uri=home.tracking_uri, force=force
    )


def champion_version(home: Home) -> int | None:
    """The version that serves, or None."""
    if not (home.mlflow / "mlflow.db").exists():
        return None
    return registry.aliased(registry.CHAMPION, home.tracking_uri)


def _frame(home: Home) -> pl.DataFrame:
    if not frames_folder(home.features).exists():
        raise UserError("there is no frame of today's features: run `assay backfill` first")
    return read_frame(home.features)


def _spec(home: Home, frame: pl.DataFrame) -> Spec:
    newest = Log(home.log).last()[1]
    knows_devices = frame[RULE].is_not_nan().any()
    return Spec(
        features=FEATURES,
        categorical=CATEGORICAL,
        features_version=VERSION,
        trained_at=newest,
        target=home.manifest.get("target", "fraud"),
        maturity=_maturity(home),
        rule=RULE if knows_devices else None,
        rule_above=1.0,
    )


def _maturity(home: Home) -> dict[str, int]:
    """A historical file's outcomes are final; live ones may still be corrected for a while."""
    waits = default_maturity()
    return dict.fromkeys(waits, 0) if home.manifest.get("clock") == "events" else waits


def _champion(home: Home, scratch: Path) -> Model | None:
    version = champion_version(home)
    if version is None:
        return None
    try:
        return artefact.load(registry.fetch(version, home.tracking_uri, scratch / "champion"))
    except artefact.OlderFormatError:
        err.print(f"the champion, version {version}, has an older format, which is read no more: it is not compared")
        return None


def _for_people(trained: Trained, assessment: Assessment, verdict: Verdict, scratch: Path) -> list[Path]:
    """The model card, its pictures, and the tables behind them."""
    judged = Judged(
        trained.model, trained.metrics, trained.difference, trained.params, trained.tables, assessment, verdict
    )
    files = {
        "card.html": describe(judged),
        "tables.json": json.dumps(trained.tables | table_of(assessment), indent=1),
        **{f"{name}.svg": picture for name, picture in assessment.pictures.items()},
    }
    for name, text in files.items():
        (scratch / name).write_text(text)
    return [scratch / name for name in files]
