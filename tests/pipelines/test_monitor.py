"""`assay monitor`: a quiet home raises nothing, and each planted trouble exactly its own alert."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from features.events import OutcomeKind, instant_of
from features.frame import frames_folder
from features.home import Home
from features.log import Log
from pipelines.cli import app
from pipelines.monitor import Report, monitor
from pipelines.shown_monitor import as_json, show_report, write_metrics
from pipelines.watched import watch
from training import artefact, registry
from training.gate import Verdict
from training.heads import Head
from training.labels import MICROS_PER_DAY
from training.monitoring.findings import Check

SHIFTED = "touch__pressure_variance"
PARTNER = "partner-delta"
DAY = MICROS_PER_DAY


@pytest.fixture(scope="module")
def quiet(trained_home: Home) -> Report:
    return monitor(trained_home)


def alerts(report: Report) -> list[tuple[str, str]]:
    return [(str(finding.check), finding.name) for finding in report.alerts]


def rewritten(files: list[Path], change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    for file in files:
        change(pl.read_parquet(file, hive_partitioning=False)).write_parquet(file)


def test_a_quiet_home_raises_no_alert_and_every_check_speaks(quiet: Report) -> None:
    assert alerts(quiet) == []
    assert {finding.check for finding in quiet.findings} == set(Check)
    assert {finding.name for finding in quiet.findings if finding.check is Check.FEATURES} == set(
        quiet.watched.champion.model.features
    )
    measured = {finding.check for finding in quiet.findings if finding.value is not None}
    assert measured == set(Check) - {Check.REASONS}, "a home that never served has no reasons"


def test_scores_are_compared_where_the_champion_did_not_learn(quiet: Report) -> None:
    watched = quiet.watched
    assert watched.unlearned.reference.start == watched.champion.learned_before > watched.periods.reference.start
    assert all(cohort.rows for cohort in quiet.cohorts)
    assert [cohort.is_learned for cohort in quiet.cohorts] == sorted(
        (cohort.is_learned for cohort in quiet.cohorts), reverse=True
    )
    assert quiet.cohorts[-1].span.before <= watched.as_of - max(watched.settling.values()) + 1


def test_a_feature_that_shifts_raises_its_own_alert(home: Home) -> None:
    start = Log(home.log).last()[1] - 7 * DAY
    moved = pl.when(pl.col("as_of") > start).then(pl.col(SHIFTED) * 4).otherwise(pl.col(SHIFTED))
    (frames_folder(home.features) / "state.bin").unlink()  # it knows the parts as they were
    rewritten(
        list(frames_folder(home.features).glob("*.parquet")), lambda rows: rows.with_columns(moved.alias(SHIFTED))
    )
    found = monitor(home)
    assert alerts(found) == [("features", SHIFTED)]
    assert found.findings[0].stands, "alerts come first"
    assert SHIFTED in found.findings[0].sentence


def test_a_partner_that_begins_to_scrub_raises_its_own_alert(home: Home, quiet: Report) -> None:
    log = Log(home.log)
    sent = pl.DataFrame(pl.from_arrow(log.read(["event_id", "partner_id"])))
    settled = quiet.watched.events.filter(quiet.watched.settled(quiet.watched.periods.recent))["event_id"]
    theirs = sent.filter((pl.col("partner_id") == PARTNER) & pl.col("event_id").is_in(settled.implode()))["event_id"]
    scrubbed = (pl.col("kind") == OutcomeKind.CLEAN) & pl.col("subject_event_id").is_in(theirs.implode())
    plant = {"kind": "reversal", "reason": "quality", "reversal_kind": "advertiser_reversal", "caused_by": "partner"}
    rewritten(
        log.files(),
        lambda rows: rows.with_columns(
            pl.when(scrubbed & (pl.col("sequence") % 2 == 0)).then(pl.lit(said)).otherwise(pl.col(name)).alias(name)
            for name, said in plant.items()
        ),
    )
    assert alerts(monitor(home)) == [("partners", PARTNER)]


def test_a_score_that_expects_too_little_raises_its_own_alert(home: Home, tmp_path: Path, quiet: Report) -> None:
    model = quiet.watched.champion.model
    timid = {name: Head(head.intercept - 2.0, head.weights) for name, head in model.heads.items()}
    folder = artefact.save(replace(model, heads=timid), tmp_path / "timid")
    verdict, made_from = Verdict(passed=True, reasons=()), registry.made_from(1, home.tracking_uri)
    version = registry.register(folder, {}, {}, verdict, home.tracking_uri, made_from=made_from)
    registry.promote(version, reason="a test", by="a test", at=0, tracking_uri=home.tracking_uri)
    found = monitor(home)
    assert alerts(found) == [("calibration", "observed_over_expected")]
    assert found.watched.champion.version == version


def test_a_home_without_outcomes_and_a_period_without_events_say_so(home: Home) -> None:
    spoken = [str(kind) for kind in OutcomeKind]
    rewritten(Log(home.log).files(), lambda rows: rows.filter(~pl.col("kind").is_in(spoken)))
    found = monitor(home, as_of=Log(home.log).last()[1] + 30 * DAY)
    assert alerts(found) == []
    assert {finding.check for finding in found.findings if finding.value is None} == set(Check)
    said = {finding.check: finding.sentence for finding in found.findings}
    assert "no events" in said[Check.FEATURES]
    assert "wait until they mature" in said[Check.CALIBRATION]


def test_what_is_asked_of_the_past_does_not_know_what_came_later(trained_home: Home) -> None:
    as_of = Log(trained_home.log).last()[1] - 5 * DAY
    watched = watch(trained_home, days=3, against=10, as_of=as_of)
    assert watched.times.max() <= as_of
    assert watched.outcomes["recorded_at"].max() <= as_of  # type: ignore[operator]  # it is a whole number
    assert (watched.periods.recent.days, watched.periods.reference.days) == (3.0, 10.0)
    assert watched.unlearned is watched.periods or watched.unlearned.reference.start >= watched.champion.learned_before


def test_gauges_are_read_by_prometheus_and_json_by_anybody(quiet: Report, tmp_path: Path) -> None:
    file = tmp_path / "collector" / "assay.prom"
    write_metrics(quiet, file)
    families = {family.name: family for family in text_string_to_metric_families(file.read_text())}
    value = {tuple(sample.labels.values()): sample.value for sample in families["assay_monitor_value"].samples}
    known = {(str(one.check), one.name): one.value for one in quiet.findings if one.value is not None}
    assert value == pytest.approx(known)
    assert len(families["assay_monitor_alert"].samples) == len(quiet.findings)
    assert families["assay_monitor_alerts"].samples[0].value == 0
    assert families["assay_monitor_as_of_seconds"].samples[0].value == quiet.watched.as_of / 1e6
    assert file.stat().st_mode & 0o044, "the collector runs as another user"
    body = json.loads(as_json(quiet))
    assert (body["champion"], body["alerts"], len(body["findings"])) == (1, 0, len(quiet.findings))


def test_the_table_tells_by_what_rule_an_interval_is_an_alert(
    quiet: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    show_report(quiet)
    told = " ".join(capsys.readouterr().out.split())
    assert "Calibration is an alert when its whole interval lies beyond the limits" in told
    sentences = [finding.sentence for finding in quiet.findings if finding.check is Check.CALIBRATION]
    assert all("alert when the whole interval lies beyond" in one for one in sentences)


def test_the_command_tells_an_alert_from_an_error(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: Report
) -> None:
    def run(root: Path, *options: str) -> tuple[int, str]:
        monkeypatch.setenv("ASSAY_HOME", str(root))
        before = os.umask(0o022)
        done = CliRunner().invoke(app, ["monitor", *options])
        os.umask(before)
        return done.exit_code, done.output.replace("\n", " ")

    code, said = run(tmp_path / "nothing")
    assert (code, "assay up" in said) == (1, True)
    code, said = run(home.root, "--as-of", "2020-01-01")
    assert (code, "later --as-of" in said) == (1, True)
    assert run(home.root, "--days", "0")[0] == 2
    later = instant_of(quiet.watched.as_of + 20 * DAY).isoformat()
    code, said = run(home.root, "--as-of", later)
    assert code == 3, "the outcomes that were to come never did"
    assert "alert" in said
    shutil.rmtree(frames_folder(home.features))
    code, said = run(home.root)
    assert (code, "assay backfill" in said) == (1, True)
