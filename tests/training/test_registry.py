import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from training import registry
from training.artefact import load, save
from training.boosters import Parameters
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap
from training.gate import Verdict
from training.train import Spec, train

DAY = 86_400_000_000
PASSED = Verdict(passed=True, reasons=("positives in the test: 200",))
FAILED = Verdict(passed=False, reasons=("calibration error: 0.2, at most 0.05",))


@pytest.fixture(scope="module")
def folder(
    log: tuple[pl.DataFrame, pl.DataFrame], features: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    small = Parameters(rounds_max=20, leaves=7, threads=1)
    result = train(*log, Spec(features, (), "1", 45 * DAY, parameters=small, bootstrap=Bootstrap(0)))
    return save(result.model, tmp_path_factory.mktemp("trained") / "any name")


@pytest.fixture(scope="module")
def uri(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry with version 1, which passed its gate, and version 2, which did not."""
    place = f"sqlite:///{tmp_path_factory.mktemp('home') / 'mlflow' / 'mlflow.db'}"
    card = folder.parent / "card.md"
    card.write_text("# A card\n")
    metrics = {"auc": Estimate(0.8, 0.7, 0.9), "brier": unknown("one class only")}
    assert registry.register(folder, metrics, {"rows": 4000}, PASSED, place, [card]) == 1
    assert registry.register(folder, metrics, {"rows": 4000}, FAILED, place) == 2
    return place


def promoted(uri: str, version: int, **more: Any) -> int | None:
    return registry.promote(version, reason="better", by="Li", at=1, tracking_uri=uri, **more)


def test_usage_reports_are_off_outside_of_tests_too() -> None:
    # MLflow also keeps silent under pytest and in CI, which would hide a missing switch.
    hints = ("PYTEST", "CI", "GITHUB", "MLFLOW", "DO_NOT_TRACK")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(hints)}
    asked = "import training.registry; from mlflow.telemetry.utils import is_telemetry_disabled as off; print(off())"
    answer = subprocess.run([sys.executable, "-c", asked], env=bare, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "True"


def test_a_run_keeps_figures_with_their_intervals_and_the_verdict(uri: str) -> None:
    client = registry._client(uri)
    version = client.get_model_version(registry.NAME, "1")
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"auc": 0.8, "auc.low": 0.7, "auc.high": 0.9}
    assert run.data.params == {"rows": "4000"}
    assert version.tags["verdict"] == "passed"
    assert version.tags["target"] == "fraud"
    assert "card.md" in [file.path for file in client.list_artifacts(version.run_id)]


def test_promotion_moves_the_alias_and_keeps_who_and_why(uri: str) -> None:
    promoted(uri, 1)
    assert registry.aliased("champion", uri) == 1
    tags = registry._client(uri).get_model_version(registry.NAME, "1").tags
    assert (tags["champion.by"], tags["champion.reason"], tags["champion.at"]) == ("Li", "better", "1")
    assert "shadow.by" not in tags


def test_a_failed_verdict_is_refused_unless_someone_takes_it_upon_themselves(uri: str) -> None:
    promoted(uri, 1)
    with pytest.raises(registry.PromotionRefusedError, match="calibration error"):
        promoted(uri, 2)
    assert registry.aliased("champion", uri) == 1
    assert promoted(uri, 2, force=True) == 1
    assert promoted(uri, 1) == 2


def test_a_rollback_to_what_served_before_waits_for_no_gate(uri: str) -> None:
    promoted(uri, 2, force=True)
    promoted(uri, 1)
    assert promoted(uri, 2) == 1


def test_a_challenger_promotes_itself_nowhere_and_earns_nothing_as_a_shadow(folder: Path, tmp_path: Path) -> None:
    place = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry.register(folder, {}, {}, FAILED, place)
    assert [registry.aliased(alias, place) for alias in ("champion", "shadow")] == [None, None]
    assert promoted(place, 1, alias="shadow") is None
    assert (registry.aliased("shadow", place), registry.aliased("champion", place)) == (1, None)
    with pytest.raises(registry.PromotionRefusedError, match="calibration error"):
        promoted(place, 1)


def test_a_shadow_is_dismissed_and_the_version_keeps_why(uri: str) -> None:
    promoted(uri, 1, alias="shadow")
    assert registry.dismiss("shadow", reason="seen enough", by="Li", at=2, tracking_uri=uri) == 1
    assert registry.aliased("shadow", uri) is None
    tags = registry._client(uri).get_model_version(registry.NAME, "1").tags
    assert (tags["shadow.dismissed.reason"], tags["shadow.dismissed.by"]) == ("seen enough", "Li")
    assert registry.dismiss("shadow", reason="again", by="Li", at=3, tracking_uri=uri) is None


def test_the_champion_is_replaced_and_never_dismissed(uri: str) -> None:
    promoted(uri, 1)
    with pytest.raises(ValueError, match="promote another version"):
        registry.dismiss("champion", reason="bad", by="Li", at=2, tracking_uri=uri)
    assert registry.aliased("champion", uri) == 1


def test_a_promotion_needs_a_reason_a_name_and_a_version_that_exists(uri: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        registry.promote(1, reason=" ", by="Li", at=1, tracking_uri=uri)
    with pytest.raises(LookupError, match="no version 9"):
        promoted(uri, 9)


def test_the_raw_folder_can_be_fetched_and_scores_the_same(
    uri: str, folder: Path, log: tuple[pl.DataFrame, pl.DataFrame], tmp_path: Path
) -> None:
    fetched = load(registry.fetch(1, uri, tmp_path / "fetched"))
    assert np.array_equal(fetched.score(log[0]), load(folder).score(log[0]))


def test_the_pyfunc_gives_the_same_numbers_without_any_network(
    uri: str,
    folder: Path,
    features: tuple[str, ...],
    log: tuple[pl.DataFrame, pl.DataFrame],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    promoted(uri, 1)
    before = registry.mlflow.get_tracking_uri()
    registry.mlflow.set_tracking_uri(uri)
    try:
        opened = registry.mlflow.pyfunc.load_model(f"models:/{registry.NAME}@champion")
    finally:
        registry.mlflow.set_tracking_uri(before)
    found = opened.predict(log[0].select(features).to_pandas())
    own = load(folder).score(log[0])
    withdraws = (log[0]["kind"] == "withdrawal_requested").to_numpy()
    assert np.array_equal(np.where(withdraws, found["withdrawal"], found["event"]), own)


def test_registering_says_nothing_to_the_terminal_and_touches_no_network(
    uri: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    registry.register(folder, {}, {}, PASSED, uri)
    assert capfd.readouterr() == ("", "")
