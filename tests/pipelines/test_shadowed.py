"""The report of a shadow: who would have been treated otherwise, and which model tells better who is bad."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest

from features.events import Event, Outcome, instant_of
from features.home import Home
from features.log import recorded_now
from features.vector import FEATURES, VERSION
from pipelines.console import UserError
from pipelines.export import append_recorded
from pipelines.shadowed import Agreement, report
from pipelines.shown_shadow import show_shadow
from serving.flows import record_outcome, score_event
from serving.parts import assemble
from serving.scoring import FraudModel
from serving.shadow import Shadow
from training.estimates import unknown


def model(folder: Path, version: str, probability: float) -> FraudModel:
    """Gives everything one probability."""
    place = folder / f"{version}-{probability}"
    place.mkdir()
    head = {"intercept": math.log(probability / (1 - probability)), "weights": {}}
    (place / "heads.json").write_text(json.dumps({"event": head, "withdrawal": {"shared_with": "event"}}))
    signature = {"features": FEATURES, "parts": {}, "features_version": VERSION, "target": "fraud"}
    (place / "signature.json").write_text(json.dumps(signature))
    return FraudModel(place, version)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Version 1 approved forty events; version 2 would have declined the ten that people then found fraudulent."""
    home = Home(tmp_path / "home")
    parts = assemble(home)
    parts.fraud = model(tmp_path, "1", 0.01)
    shadow = Shadow(parts.engine, parts.writer, parts.policy)
    parts.writer.start()
    for suspicion, numbers in ((0.02, range(30)), (0.99, range(30, 40))):
        shadow.follow(model(tmp_path, "2", suspicion))
        for number in numbers:
            when = instant_of(recorded_now())
            body = {"event_id": f"e{number}", "kind": "ad_viewed", "user_id": f"u{number}", "occurred_at": when}
            event = Event.model_validate(body | {"currency": "CNY", "reward_micros": 10_000, "revenue_micros": 50_000})
            parts.writer.do_now(lambda unit, event=event: score_event(event, parts, unit))
        shadow.catch_up()
    for number in range(20, 40):
        word = "fraud" if number >= 30 else "genuine"
        body = {"event_id": f"o{number}", "kind": "disposition", "subject_event_id": f"e{number}", "disposition": word}
        outcome = Outcome.model_validate(body | {"occurred_at": instant_of(recorded_now())})
        parts.writer.do_now(lambda unit, outcome=outcome: record_outcome(outcome, parts, unit))
    parts.writer.stop()
    parts.engine.dispose()
    return home


def test_the_report_counts_who_would_have_been_treated_otherwise(home: Home) -> None:
    found = report(home)
    assert (found.version, found.champions) == ("2", ("1",))
    assert found.actions == Counter({("approve", "approve"): 30, ("approve", "decline"): 10})
    assert (found.decisions, found.agreed) == (40, 30)
    assert found.difference_mean == pytest.approx((30 * 0.02 + 10 * 0.99) / 40 - 0.01)


def test_where_outcomes_matured_both_models_are_measured_on_the_same_decisions(home: Home) -> None:
    found = report(home)
    assert (found.labelled, found.positives) == (20, 10)
    assert (found.auc_champion.value, found.auc_shadow.value) == (0.5, 1.0)


def test_outcomes_that_were_exported_to_the_log_count_all_the_same(home: Home) -> None:
    before = report(home)
    assert append_recorded(home) == 60
    assert report(home) == before


def test_a_version_that_was_no_shadow_is_named(home: Home) -> None:
    with pytest.raises(UserError, match="version 7 has scored no"):
        report(home, "7")


def test_a_home_that_never_served_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="promote VERSION --shadow"):
        report(Home(tmp_path / "nothing"))


def test_the_report_is_a_table_of_done_and_would_have_been(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    show_shadow(report(home))
    told = " ".join(capsys.readouterr().out.split())
    assert "40 decisions, 75.0% alike; score of the shadow less the champion's: mean +0.2525" in told
    assert "20 with a matured outcome, 10 of them positive" in told
    assert "champion 0.5000" in told
    assert "shadow 1.0000" in told


def test_what_could_not_be_measured_of_either_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = unknown("no outcome of these decisions has matured")
    show_shadow(Agreement("2", ("1",), Counter({("approve", "approve"): 3}), 0.0, 0, 0, nothing, nothing))
    told = " ".join(capsys.readouterr().out.split())
    assert "0 of them positive; AUC unknown for both: no outcome of these decisions has matured" in told
    assert told.count("matured") == 2
