"""Event log -> point-in-time frame with mature labels -> train -> evaluate -> gate -> register.

Promotion is its own act.
"""

import json
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version as installed
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

import training
from features.events import instant_of
from features.frame import frames_folder, outcomes_of, read_frame
from features.home import Home
from features.log import Log
from features.vector import CATEGORICAL, FEATURES, VERSION
from pipelines.assessment import assess_on
from pipelines.console import UserError, err, progress
from pipelines.frame import maturity_of
from pipelines.locks import alone
from pipelines.releases import FILE as RELEASES
from pipelines.releases import with_releases
from pipelines.steps import MANIFEST, Made, Steps, digest_of, digest_of_file
from serving.policy import load_policy
from training import artefact, costs, registry
from training.assess import table_of
from training.boosters import Train
from training.card import CARD, Judged, cautions, describe, numbered
from training.distributed import engine
from training.evaluate import Bootstrap
from training.gate import Beside, Rules, Verdict, judge
from training.kept import MODEL, keep, read_kept
from training.models import Model
from training.parts import outside_versions
from training.search import Search
from training.train import Spec, Trained, train

RULE: Final = "device__distinct_user_id__360d"
"""One honest rule to stand beside every model: more than one person has used this device within a year."""
_VERDICT: Final = "verdict.json"


@dataclass(frozen=True)
class How:
    """Seconds to look for better parameters (0: none), and the engine that fits: local, or dask with its workers."""

    search_seconds: float = 0.0
    engine: str = "local"
    workers: int = 2


PLAIN: Final = How()


@dataclass(frozen=True)
class Registered:
    """`is_new` False: this very model, judged by this very policy, had its version already."""

    version: int
    verdict: Verdict
    trained: Trained
    is_new: bool = True

    @property
    def equals_champion(self) -> bool:
        """Whether it gives each event of the test the score that the champion gives it."""
        scores = self.trained.scored
        return bool((scores["score"] == scores["champion_score"]).fill_null(value=False).all())


def retrain(home: Home, as_of: int | None = None, how: How = PLAIN) -> Registered:
    """Train a challenger, judge it against the champion and by the policy, and register it with its verdict.

    `as_of` (microseconds; left out: the log's newest) trains as on that day: later events and outcomes are not read.
    `how` looks for parameters first, or fits on Dask's workers.
    Every step is kept under a digest of what it was made from: what was killed goes on where it was, and the same
    data, settings and code are never trained or registered twice. Raises UserError when another retraining is at work.
    """
    with alone(home.root / "retrain.lock", "retraining"):
        Steps(home.steps).clear_away()
        return _retrained(home, as_of, how)


def _retrained(home: Home, as_of: int | None, how: How) -> Registered:
    with engine(how.engine, how.workers) as on_workers:
        steps, source = Steps(home.steps), _source(home, as_of, how, on_workers)
        made = steps.run("train", source.inputs, lambda folder: _train(home, source, folder))
    trained = read_kept(made.folder)
    judging = {"trained": made.digest, "policy": load_policy().version, "costs": digest_of_file(costs.DEFAULT)}
    judged = steps.run("judge", judging, lambda folder: _judge(home, trained, judging, folder))
    verdict, version = _verdict(judged.folder), registry.version_of(judged.digest, home.tracking_uri)
    if version is not None:
        return Registered(version, verdict, trained, is_new=False)
    with progress("register"):
        return Registered(_register(home, made, judged, trained, verdict), verdict, trained)


@dataclass(frozen=True)
class _Source:
    """What a model is made from. `inputs` are digests and settings: equal ones give the same model."""

    frame: pl.DataFrame
    outcomes: pl.DataFrame
    spec: Spec
    champion: int | None
    inputs: dict[str, Any]


def _source(home: Home, as_of: int | None, how: How, on_workers: Train | None) -> _Source:
    until = Log(home.log).last()[1] if as_of is None else as_of
    frame = with_releases(home, _frame(home).filter(pl.col("as_of") <= until))
    outcomes = outcomes_of(Log(home.log)).filter(pl.col("recorded_at") <= until)
    if frame.is_empty():
        raise UserError(f"{home.log} holds no event before {instant_of(until):%Y-%m-%d %H:%M}")
    search = Search(seconds=how.search_seconds) if how.search_seconds else None
    spec, champion = replace(_spec(home, frame, until), search=search, train=on_workers), champion_version(home)
    written = BytesIO()
    outcomes.write_ipc(written)
    inputs = {
        "as_of": until,
        "frame": {file.name: digest_of_file(file) for file in sorted(frames_folder(home.features).glob("*.parquet"))},
        "outcomes": sha256(written.getvalue()).hexdigest(),
        "releases": digest_of_file(home.root / RELEASES) if (home.root / RELEASES).exists() else None,
        "settings": repr(spec),
        "settings_changed": _changed(spec),
        "champion": champion and (registry.made_from(champion, home.tracking_uri) or champion),
        "code": _code(),
    }
    return _Source(frame, outcomes, spec, champion, inputs)


def _changed(spec: Spec) -> dict[str, str]:
    """The settings that are not their defaults, as a person would write them."""
    usual = Spec(spec.features, spec.categorical, spec.features_version, spec.trained_at)
    pairs = {one.name: (getattr(spec, one.name), getattr(usual, one.name)) for one in fields(Spec)}
    return {name: str(chosen) for name, (chosen, default) in pairs.items() if chosen != default}


@cache
def _code() -> str:
    """A digest of the training package, of the parts that others add, and of the library that fits."""
    sources = {file.name: digest_of_file(file) for file in sorted(Path(training.__path__[0]).rglob("*.py"))}
    return digest_of([sources, installed("lightgbm"), VERSION, *outside_versions()])


def _train(home: Home, source: _Source, folder: Path) -> None:
    with TemporaryDirectory() as scratch, progress("train") as advance:
        champion = _champion(home, source.champion, Path(scratch))
        keep(train(source.frame, source.outcomes, source.spec, champion, advance), folder)


def _register(home: Home, made: Made, judged: Made, trained: Trained, verdict: Verdict) -> int:
    with TemporaryDirectory() as scratch:
        lineage = Path(scratch) / "lineage.json"
        lineage.write_text(json.dumps({step.name: Steps(home.steps).find(step.digest) for step in (made, judged)}))
        people = [file for file in sorted(judged.folder.iterdir()) if file.name != MANIFEST]
        version = registry.register(
            made.folder / MODEL,
            trained.metrics,
            trained.params,
            verdict,
            home.tracking_uri,
            [*people, lineage],
            judged.digest,
        )
    card = numbered((judged.folder / CARD).read_text(), registry.NAME, version)
    registry.replace_text(version, CARD, card, home.tracking_uri)
    return version


def champion_version(home: Home) -> int | None:
    """The version that serves, or None."""
    if not (home.mlflow / "mlflow.db").exists():
        return None
    return registry.aliased(registry.CHAMPION, home.tracking_uri)


def _frame(home: Home) -> pl.DataFrame:
    if not frames_folder(home.features).exists():
        raise UserError("there is no frame of today's features: run `assay backfill` first")
    return read_frame(home.features)


def _spec(home: Home, frame: pl.DataFrame, until: int) -> Spec:
    knows_devices = frame[RULE].is_not_nan().any()
    return Spec(
        features=FEATURES,
        categorical=CATEGORICAL,
        features_version=VERSION,
        trained_at=until,
        target=home.manifest.get("target", "fraud"),
        maturity=maturity_of(home),
        rule=RULE if knows_devices else None,
        rule_above=1.0,
    )


def _champion(home: Home, version: int | None, scratch: Path) -> Model | None:
    if version is None:
        return None
    try:
        return artefact.load(registry.fetch(version, home.tracking_uri, scratch / "champion"))
    except artefact.OlderFormatError:
        err.print(f"the champion, version {version}, has an older format, which is read no more: it is not compared")
        return None


def _judge(home: Home, trained: Trained, judging: dict[str, str], folder: Path) -> None:
    """The verdict, and for people the model card, its pictures, and the tables behind them."""
    with progress("judge"):
        assessment = assess_on(home, trained, Bootstrap())
    beside = None if trained.difference is None else Beside(trained.difference, assessment.harms)
    verdict = judge(trained.metrics, None, Rules(), beside, cautions(trained.model, trained.params))
    judged = Judged(
        trained.model, trained.metrics, trained.difference, trained.params, trained.tables, assessment, verdict, judging
    )
    files = {
        _VERDICT: json.dumps(asdict(verdict), indent=1),
        CARD: describe(judged),
        "tables.json": json.dumps(trained.tables | table_of(assessment), indent=1),
        **{f"{name}.svg": picture for name, picture in assessment.pictures.items()},
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def _verdict(folder: Path) -> Verdict:
    body = json.loads((folder / _VERDICT).read_text())
    return Verdict(body["passed"], tuple(body["reasons"]))
