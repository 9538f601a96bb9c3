"""Serving follows the aliases: between two requests, only to what fits, and whatever happens to the registry."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select
from structlog.testing import capture_logs

from features.events import Event, instant_of
from features.home import Home
from features.log import recorded_now
from serving.database import reading
from serving.flows import score_event
from serving.following import Following
from serving.parts import Parts, assemble, assert_can_start, registry_of
from serving.problems import Problem, busy
from serving.records import DECISION
from serving.scoring import NoModel
from serving.shadow import Shadow
from training import registry
from training.gate import Verdict

CALM, STRICT, MISMATCHED, BROKEN, ALSO_CALM = 1, 2, 3, 4, 5
"""Versions of the registry that the tests share."""

VERDICT = Verdict(passed=True, reasons=())


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, write_model: Callable[..., Path]) -> Home:
    """A home with five versions and no alias."""
    root = tmp_path_factory.mktemp("registered")
    home = Home(root / "home")
    folders = [
        write_model(root / "calm", event=0.01),
        write_model(root / "strict", event=0.99),
        write_model(root / "mismatched", {"features_version": "another"}, event=0.5),
        write_model(root / "broken", event=0.5),
        write_model(root / "also calm", event=0.02, reversal=0.03),
    ]
    (root / "broken" / "heads.json").write_text('{"event": {"intercept": 0, "weights": {"missing": 1}}}')
    for folder in folders:
        registry.register(folder, {}, {}, VERDICT, home.tracking_uri)
    return home


class Service:
    """The parts of a service whose writer runs, and what follows the registry beside them; looks happen when asked."""

    def __init__(self, home: Home) -> None:
        self.home, self._ids = home, iter(range(1_000_000))
        self.parts: Parts = assemble(home)
        self.shadow = Shadow(self.parts.engine, self.parts.writer, self.parts.policy)
        self.following = Following(self.parts, registry_of(home), self.shadow)
        self.parts.writer.start()

    def stop(self) -> None:
        self.parts.writer.stop()
        self.parts.engine.dispose()

    def name(self, version: int, alias: str = "champion") -> None:
        said = {"reason": "a test", "by": "Li", "at": 1, "force": True}
        registry.promote(version, tracking_uri=self.home.tracking_uri, alias=alias, **said)  # type: ignore[arg-type]  # a dict of several kinds

    def look(self) -> str:
        """Look once; the version that serves then."""
        self.following.look()
        return self.parts.fraud.version

    def score(self, user: str = "ann") -> Any:
        body = {"event_id": f"{user}-{next(self._ids)}", "kind": "ad_viewed", "user_id": user, "campaign_id": "tea"}
        event = Event.model_validate(
            body | {"occurred_at": instant_of(recorded_now()), "currency": "CNY", "reward_micros": 10_000}
        )
        return self.parts.writer.do_now(lambda unit: score_event(event, self.parts, unit))

    def versions(self) -> list[str]:
        """Which model decided, in the order of arrival."""
        with reading(self.parts.engine) as connection:
            return list(connection.scalars(select(DECISION.c.model_version).order_by(DECISION.c.sequence)))


@pytest.fixture
def service(registered: Home, tmp_path: Path) -> Iterator[Service]:
    """A service of its own records, on the registry that the module shares."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    (home.root / "mlflow").symlink_to(registered.mlflow)
    for alias in ("champion", "shadow"):
        client = registry._client(home.tracking_uri)
        if registry.aliased(alias, home.tracking_uri) is not None:
            client.delete_registered_model_alias(registry.NAME, alias)
    service = Service(home)
    yield service
    service.stop()


def gauge(name: str, alias: str = "champion") -> float | None:
    return REGISTRY.get_sample_value(name, {"alias": alias})


def test_a_promotion_serves_without_a_restart_and_so_does_a_rollback(service: Service) -> None:
    assert isinstance(service.parts.fraud, NoModel)
    assert service.score().versions.model == "none"
    for version in (CALM, STRICT, CALM):
        service.name(version)
        assert service.look() == str(version)
        assert service.score().versions.model == str(version)
        assert gauge("assay_model_version") == version
    assert service.versions() == ["none", "1", "2", "1"]


def test_the_model_changes_between_two_requests_and_none_fails(service: Service) -> None:
    service.name(CALM)
    service.look()
    answers: list[Any] = []
    enough = threading.Event()

    def keep_asking(user: str) -> None:
        while not enough.is_set():
            answers.append(service.score(user))

    askers = [threading.Thread(target=keep_asking, args=(f"u{at}",)) for at in range(4)]
    for asker in askers:
        asker.start()
    wait_until(lambda: len(answers) > 50)
    service.name(STRICT)
    service.look()
    reached = len(answers)
    wait_until(lambda: len(answers) > reached + 50)
    enough.set()
    for asker in askers:
        asker.join()
    versions = service.versions()
    assert len(versions) == len(answers)
    assert sorted(versions) == versions
    assert set(versions) == {"1", "2"}
    assert {(answer.versions.model, answer.decision) for answer in answers} == {("1", "approve"), ("2", "decline")}


def wait_until(is_so: Callable[[], bool]) -> None:
    """Pytest's time limit ends what never comes about."""
    pause = threading.Event()
    while not is_so():
        pause.wait(0.01)


@pytest.mark.parametrize(("version", "why"), [(MISMATCHED, "trained on features another"), (BROKEN, "cannot be read")])
def test_a_model_that_does_not_fit_is_refused_once_and_the_old_one_serves_on(
    service: Service, version: int, why: str
) -> None:
    service.name(CALM)
    service.look()
    service.name(version)
    with capture_logs() as said:
        assert [service.look(), service.look()] == ["1", "1"]
    assert service.score().versions.model == "1"
    (warning,) = said
    assert (warning["event"], warning["version"], warning["serving"]) == ("model_refused", str(version), "1")
    assert why in warning["reason"]
    assert (gauge("assay_model_refused_version"), gauge("assay_model_version")) == (version, CALM)
    assert service.parts.refused == {"champion": str(version)}
    service.name(STRICT)
    service.look()
    assert service.look() == "2"
    assert gauge("assay_model_refused_version") == 0
    assert service.parts.refused == {}


def test_a_champion_that_does_not_fit_stops_a_start_and_says_what_to_do(service: Service) -> None:
    service.name(MISMATCHED)
    with pytest.raises(ValueError, match="trained on features another"):
        assemble(service.home)
    with pytest.raises(ValueError, match=r"the champion cannot serve: .* Let `assay promote` name a version that fits"):
        assert_can_start(service.home)


def test_a_registry_that_is_away_leaves_the_old_model_and_is_said_once(service: Service) -> None:
    service.name(CALM)
    service.look()
    assert gauge_up() == 1
    link = service.home.mlflow
    target = link.readlink()
    link.unlink()
    with capture_logs() as said:
        assert [service.look(), service.look()] == ["1", "1"]
    assert [(entry["event"], entry["serving"]) for entry in said] == [("registry_away", "1")]
    assert gauge_up() == 0
    assert service.score().versions.model == "1"
    link.symlink_to(target)
    service.name(STRICT)
    assert service.look() == "2"
    assert gauge_up() == 1


def test_a_registry_that_was_put_back_from_a_backup_is_read_anew(service: Service, tmp_path: Path) -> None:
    service.name(CALM)
    backup = tmp_path / "backup.db"
    file = service.home.mlflow / "mlflow.db"
    shutil.copy(file, backup)
    service.name(STRICT)
    assert service.look() == "2"
    backup.rename(file)
    assert service.look() == "1"
    service.name(STRICT)
    assert service.look() == "2"


def test_a_registry_that_fails_is_told_in_one_line_without_sql(
    service: Service, capfd: pytest.CaptureFixture[str]
) -> None:
    service.name(CALM)
    service.look()
    capfd.readouterr()
    with sqlite3.connect(service.home.mlflow / "mlflow.db", isolation_level=None) as other:
        other.execute("ALTER TABLE registered_model_aliases RENAME TO away")
        try:
            with capture_logs() as said:
                assert service.look() == "1"
        finally:
            other.execute("ALTER TABLE away RENAME TO registered_model_aliases")
    other.close()
    assert [entry["event"] for entry in said] == ["registry_away"]
    assert "SELECT" not in said[0]["reason"]
    assert capfd.readouterr() == ("", "")


def gauge_up() -> float | None:
    return REGISTRY.get_sample_value("assay_registry_up")


def test_a_database_that_is_no_registry_counts_as_away(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.mlflow.mkdir(parents=True)
    (home.mlflow / "mlflow.db").write_text("not a database, and longer than the header of one, as it happens here" * 9)
    service = Service(home)
    assert isinstance(service.parts.fraud, NoModel)
    assert service.look() == "none"
    assert gauge_up() == 0
    assert service.score().degraded == ["model"]
    service.stop()


def test_an_alias_that_was_taken_away_leaves_the_model(service: Service) -> None:
    service.name(CALM)
    service.look()
    registry._client(service.home.tracking_uri).delete_registered_model_alias(registry.NAME, "champion")
    assert service.look() == "1"


def test_a_busy_writer_only_delays_the_change(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.name(CALM)
    with monkeypatch.context() as patched:
        patched.setattr(service.parts.writer, "do_now", refuse)
        with pytest.raises(Problem):
            service.look()
    assert isinstance(service.parts.fraud, NoModel)
    assert service.look() == "1"


def refuse(_: object) -> None:
    raise busy()


def test_a_download_that_was_cut_short_is_no_model(service: Service) -> None:
    service.name(CALM)
    (service.home.root / "models").mkdir(exist_ok=True)
    (service.home.root / "models" / "1-cut-short").mkdir()
    assert service.look() == "1"


def test_the_shadow_follows_its_alias_and_goes_when_it_is_dismissed(service: Service) -> None:
    service.name(CALM)
    service.name(STRICT, "shadow")
    assert service.look() == "1"
    assert (service.shadow.version, gauge("assay_model_version", "shadow")) == ("2", 2)
    service.name(MISMATCHED, "shadow")
    service.look()
    assert (service.shadow.version, gauge("assay_model_refused_version", "shadow")) == ("2", 3)
    registry.dismiss("shadow", reason="seen", by="Li", at=2, tracking_uri=service.home.tracking_uri)
    service.look()
    assert service.shadow.version is None
    assert gauge("assay_model_refused_version", "shadow") == 0


def test_a_shadow_that_becomes_champion_is_its_own_shadow_no_more(service: Service) -> None:
    service.name(CALM)
    service.name(ALSO_CALM, "shadow")
    service.look()
    service.name(ALSO_CALM)
    assert service.look() == "5"
    assert service.shadow.version is None
