"""A challenger lives as a shadow, becomes champion while people are served, and every decision can be scored again."""

import json
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from features.events import Kind
from features.home import Home
from features.vector import VERSION
from pipelines.audit import audit
from pipelines.promotion import name_shadow, promote
from pipelines.rescored import Rescoring
from pipelines.shadowed import report
from serving.database import open_database, reading
from serving.parts import registry_of
from serving.records import DECISION, unpacked
from training import registry
from training.gate import Verdict

Make = Callable[..., dict[str, Any]]
Served = Callable[[Home], AbstractContextManager[httpx.Client]]
SECONDS_MAX = 120
ALWAYS = (0, 2**62)


def another_version(home: Home, scratch: Path, **signature: Any) -> int:
    """The champion, a little more suspicious, as a version of its own; keywords change what its signature says."""
    folder = registry.fetch(1, home.tracking_uri, scratch / "fetched")
    heads = json.loads((folder / "heads.json").read_text())
    for head in heads.values():
        if "intercept" in head:
            head["intercept"] += 0.25
    (folder / "heads.json").write_text(json.dumps(heads))
    described = json.loads((folder / "signature.json").read_text())
    (folder / "signature.json").write_text(json.dumps(described | signature))
    return registry.register(folder, {}, {}, Verdict(passed=True, reasons=()), home.tracking_uri)


def figure(client: httpx.Client, name: str) -> float:
    """One figure of /metrics; 0 while it is not there."""
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


def wait_for(client: httpx.Client, name: str, least: float) -> None:
    pause = threading.Event()
    for _ in range(SECONDS_MAX * 10):
        if figure(client, name) >= least:
            return
        pause.wait(0.1)
    raise AssertionError(f"{name} is {figure(client, name)}, not {least}")


@pytest.fixture
def decided(home: Home, event: Make, served: Served, tmp_path: Path) -> list[dict[str, Any]]:
    """Answers, in order, from a service that met a shadow, a promotion under load, and a model of other features."""
    challenger = another_version(home, tmp_path / "challenger")
    answers: list[dict[str, Any]] = []
    with served(home) as client:

        def send(count: int = 1) -> None:
            for _ in range(count):
                answer = client.post("/v1/score/event", json=event()).raise_for_status()
                answers.append(answer.json())

        name_shadow(home, challenger, "to be watched", "Li")
        wait_for(client, 'assay_model_version{alias="shadow"}', challenger)
        send(10)
        wait_for(client, 'assay_shadow_decisions_total{result="scored"}', 10)
        promote(home, challenger, "it is better", "Li")
        for _ in range(SECONDS_MAX * 100):
            send()
            if answers[-1]["versions"]["model"] == str(challenger):
                break
        unfit = another_version(home, tmp_path / "unfit", features_version="another")
        registry.promote(unfit, reason="by mistake", by="Li", at=1, tracking_uri=home.tracking_uri)
        wait_for(client, 'assay_model_refused_version{alias="champion"}', unfit)
        send(3)
        ready = client.get("/readyz").raise_for_status().json()
        assert (ready["model_version"], ready["features_version"]) == (str(challenger), VERSION)
        assert ready["refused_versions"] == {"champion": str(unfit)}
    return answers


def test_a_challenger_is_watched_promoted_under_load_and_every_score_can_be_had_again(
    home: Home, decided: list[dict[str, Any]]
) -> None:
    versions = [answer["versions"]["model"] for answer in decided]
    assert (versions, set(versions)) == (sorted(versions), {"1", "2"})
    assert versions[-3:] == ["2", "2", "2"]
    assert_rescored_to_the_last_bit(home, len(decided))
    found = audit(home, *ALWAYS)
    assert found.is_clean
    assert (found.decisions, found.rescored, found.unscored) == (len(decided), len(decided), 0)
    tamper(home, decided[0]["decision_id"])
    tampered = audit(home, *ALWAYS)
    assert (tampered.misscored, tampered.mismatches, tampered.is_clean) == (1, 0, False)
    watched = report(home, "2")
    assert watched.champions == ("1",)
    assert 10 <= watched.decisions <= versions.count("1")
    assert watched.difference_mean is not None
    assert watched.difference_mean > 0


def assert_rescored_to_the_last_bit(home: Home, count: int) -> None:
    """By the version that each decision names, from the vector that it saw."""
    models, engine = Rescoring(registry_of(home)), open_database(home.records)
    with reading(engine) as connection:
        rows = connection.execute(select(DECISION)).all()
    engine.dispose()
    assert len(rows) == count
    for row in rows:
        score = models.score(row, unpacked(row.vector))
        assert score is not None
        assert Kind(row.kind) is Kind.AD_VIEWED
        assert (score.probability, score.reversal) == (row.score, row.reversal_score)


def tamper(home: Home, decision_id: str) -> None:
    """Let a decision claim a score that its model did not give."""
    engine = open_database(home.records)
    with engine.begin() as connection:
        chosen = update(DECISION).where(DECISION.c.decision_id == decision_id)
        connection.execute(chosen.values(score=DECISION.c.score + 1e-6))
    engine.dispose()
