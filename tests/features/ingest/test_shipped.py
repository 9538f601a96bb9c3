"""The shipped mappings take in the real files whole."""

import csv
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pyarrow.compute as pc
import pytest

from features.events import Event, Outcome
from features.ingest.doctor import Severity, doctor
from features.ingest.ingest import IngestReport, ingest
from features.ingest.load import mapping_for
from features.log import SCHEMA, Log, record_of

ROOT = Path(__file__).parents[3]
DATA = (ROOT / os.environ.get("ASSAY_DATA", "../shared/data")).resolve()
pytestmark = pytest.mark.data


def taken_in(name: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestReport, Log]:
    if not (DATA / name).is_dir():
        pytest.skip(f"the public data {name} is not in {DATA}; set ASSAY_DATA to where it is")
    mapping, files = mapping_for(DATA / name)
    log = tmp_path_factory.mktemp(name) / "log"
    return ingest(mapping, files, log), Log(log)


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestReport, Log]:
    return taken_in("talkingdata", tmp_path_factory)


@pytest.fixture(scope="module")
def purchases(tmp_path_factory: pytest.TempPathFactory) -> tuple[IngestReport, Log]:
    return taken_in("fraudecom", tmp_path_factory)


@pytest.fixture(scope="module")
def payments(
    first_rows: Callable[[str, int], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[IngestReport, Log]:
    """The first 20,000 rows: the whole file takes minutes."""
    log = tmp_path_factory.mktemp("handbook") / "log"
    return ingest(*mapping_for(first_rows("handbook", 20_000)), log), Log(log)


def by_id(log: Log, *wanted: str) -> list[Event | Outcome]:
    rows = log.read(SCHEMA.names).filter(pc.field("event_id").isin(wanted)).to_pylist()
    found = {row["event_id"]: row for row in rows}
    return [record_of(found[event_id]) for event_id in wanted]


def in_order(log: Log) -> bool:
    times = log.read(["recorded_at"])["recorded_at"].to_pylist()
    return all(earlier <= later for earlier, later in pairwise(times))


def test_every_click_and_its_outcome_is_taken_in(clicks: tuple[IngestReport, Log]) -> None:
    report, log = clicks
    assert (report.rows, report.events, report.outcomes, report.rejected) == (100_000, 100_000, 100_000, 0)
    assert log.read(["kind"])["kind"].to_pylist().count("clean") == 227
    assert in_order(log)


def test_the_first_click_of_the_file_keeps_its_values(clicks: tuple[IngestReport, Log]) -> None:
    click, outcome = by_id(clicks[1], "td-1", "td-1-outcome")
    assert isinstance(click, Event)
    assert click.occurred_at == datetime(2017, 11, 7, 9, 30, tzinfo=UTC)
    assert (click.campaign_id, click.partner_id, click.user_id, click.device_key) == ("12", "497", None, None)
    assert click.fingerprint is not None
    assert (click.fingerprint.model, click.fingerprint.os) == ("1", "13")
    assert click.ip is not None
    assert click.ip.address.startswith("fd")
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.reversal_kind, outcome.reason) == ("reversal", "advertiser_reversal", "attribution")
    assert outcome.occurred_at == datetime(2017, 11, 7, 22, 30, tzinfo=UTC)


def test_every_whole_row_makes_two_events_and_the_one_cut_off_at_the_end_is_written_aside(
    purchases: tuple[IngestReport, Log],
) -> None:
    report, log = purchases
    assert (report.rows, report.events, report.outcomes) == (30_190, 2 * 30_189, 30_189)
    assert report.rejected == 1
    assert report.rejected_file is not None
    with report.rejected_file.open(newline="") as file:
        assert [row[:3] for row in csv.reader(file)][1:] == [
            ["Fraud_Data_sample30k.csv", "30190", "purchase.occurred_at"]
        ]
    assert in_order(log)


def test_the_first_purchase_of_the_file_keeps_its_values(purchases: tuple[IngestReport, Log]) -> None:
    sign_up, purchase, clean, fraud = by_id(
        purchases[1], "fe-1-sign_up", "fe-1-purchase", "fe-1-purchase-outcome", "fe-3-purchase-outcome"
    )
    assert isinstance(sign_up, Event)
    assert sign_up.occurred_at == datetime(2015, 2, 24, 22, 55, tzinfo=UTC)
    assert isinstance(purchase, Event)
    assert purchase.occurred_at == datetime(2015, 4, 18, 2, 47, tzinfo=UTC)
    assert (purchase.user_id, purchase.device_key, purchase.ip_key) == ("22058", "web:QVPSPJUOCKZAR", "43.173.1.96")
    assert (purchase.amount_micros, purchase.currency, sign_up.amount_micros) == (34_000_000, "USD", None)
    assert purchase.extensions == {"source": "SEO"}
    assert isinstance(clean, Outcome)
    assert (clean.kind, clean.occurred_at) == ("clean", datetime(2015, 4, 25, 2, 47, tzinfo=UTC))
    assert isinstance(fraud, Outcome)
    assert (fraud.reversal_kind, fraud.reason, fraud.user_id) == ("card_chargeback", "fraud", "1359")


def test_a_payment_at_a_terminal_is_a_purchase_from_a_partner(payments: tuple[IngestReport, Log]) -> None:
    report, log = payments
    assert (report.rows, report.events, report.outcomes, report.rejected) == (20_000, 20_000, 20_000, 0)
    payment, outcome = by_id(log, "hb-0", "hb-0-outcome")
    assert isinstance(payment, Event)
    assert payment.occurred_at == datetime(2018, 4, 1, 0, 0, 31, tzinfo=UTC)
    assert (payment.user_id, payment.partner_id, payment.amount_micros) == ("596", "3156", 57_160_000)
    assert isinstance(outcome, Outcome)
    assert outcome.occurred_at - payment.occurred_at == timedelta(days=7)
    assert in_order(log)


def test_the_doctor_finds_no_fault_in_real_data_and_says_that_its_delay_is_assumed(
    purchases: tuple[IngestReport, Log],
) -> None:
    findings = doctor(purchases[1].folder)
    assert not [finding for finding in findings if finding.severity is Severity.FAULT or finding.name == "leak"]
    assert any("7.00 days after its event: a delay assumed" in finding.sentence for finding in findings)
