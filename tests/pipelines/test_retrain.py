"""Retraining: nothing is trained twice, a run that was ended goes on, a day of the past is trained as on that day."""

import json
from pathlib import Path

import polars as pl
import pytest

from features.events import instant_of
from features.home import Home
from features.log import Log
from pipelines import retrain as pipeline
from pipelines.console import UserError, out
from pipelines.retrain import How, Registered, retrain
from pipelines.shown import show_registered
from training import registry

DAY = 86_400_000_000


def never(*_: object, **__: object) -> None:
    pytest.fail("this was done already")


def test_a_run_that_was_ended_goes_on_and_equal_inputs_are_never_trained_or_registered_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as before_the_end:
        before_the_end.setattr(pipeline, "_register", ended)
        with pytest.raises(KeyboardInterrupt):
            retrain(home)
    monkeypatch.setattr(pipeline, "train", never)
    monkeypatch.setattr(pipeline, "describe", never)
    first = retrain(home)
    monkeypatch.setattr(pipeline, "_register", never)
    again = retrain(home)
    assert (first.version, again.version) == (2, 2)
    assert (first.is_new, again.is_new) == (True, False)
    assert again.trained.metrics == first.trained.metrics
    assert again.verdict == first.verdict
    assert "version 2 of assay-fraud" in _file(home, 2, "card.html", home.root / "fetched").read_text()
    assert "data, settings, code and policy are those of version 2" in shown(again)
    told = shown(first)
    assert first.equals_champion
    assert "nothing is new: version 2 gives every event of the test the champion's score" in told
    assert "beware: labels were read as of the end (optimistic)" in told
    assert "beware: the takeover part was left out: " in told
    assert "days that a unit of honest money waits (events, CNY)" in told
    assert "false-positive rate by country, beside the champion: not enough to tell" in told


def shown(found: Registered) -> str:
    with out.capture() as told:
        show_registered(found)
    return told.get()


def test_a_day_of_the_past_is_trained_as_on_that_day(home: Home, tmp_path: Path) -> None:
    until = Log(home.log).last()[1] - 8 * DAY
    past = retrain(home, until)
    assert past.trained.model.context["trained_at"] == until
    rows = past.trained.scored
    assert rows["as_of"].to_numpy().max() <= until
    lineage = _artifact(home, past.version, "lineage.json", tmp_path)
    assert lineage["train"]["inputs"]["as_of"] == until
    assert lineage["train"]["inputs"]["frame"]
    assert pl.Series(list(lineage["judge"]["files"])).is_in(["card.html", "tables.json"]).sum() == 2


def _artifact(home: Home, version: int, name: str, into: Path) -> dict[str, dict[str, dict[str, object]]]:
    read: dict[str, dict[str, dict[str, object]]] = json.loads(_file(home, version, name, into).read_text())
    return read


def _file(home: Home, version: int, name: str, into: Path) -> Path:
    client = registry._client(home.tracking_uri)
    run_id = client.get_model_version(registry.NAME, str(version)).run_id
    into.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, name, str(into)))


def test_a_day_before_the_log_is_refused_with_the_day(home: Home) -> None:
    with pytest.raises(UserError, match=f"no event before {instant_of(DAY):%Y-%m-%d}"):
        retrain(home, DAY)


def test_a_search_within_its_seconds_makes_another_challenger_and_keeps_its_trials(home: Home) -> None:
    found = retrain(home, how=How(search_seconds=2.0))
    trials = found.trained.tables["search"]
    assert found.version == 2
    assert found.trained.params["search.trials"] == len(trials) >= 1
    assert trials[0]["log_loss"] > 0


def test_an_engine_that_nobody_knows_is_refused_before_anything_is_read(home: Home) -> None:
    with pytest.raises(ValueError, match="engine must be one of local, dask"):
        retrain(home, how=How(engine="cloud"))
