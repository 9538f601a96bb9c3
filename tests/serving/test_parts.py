"""What the flows need is wired once, and knows from which scores on a decision needs reasons."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from features.events import Kind, parse
from features.home import Home
from features.log import LogWriter, row_of, table_of
from features.secrets import SECRET_BYTES
from serving.contract import OfferRequest
from serving.database import open_database
from serving.decision import Levels
from serving.knowledge import Clock
from serving.parts import assemble, assert_can_start
from serving.payouts.destinations import Vault
from serving.payouts.identity.sealing import seal_of_home
from serving.pricing.learned import Learned
from serving.pricing.offers import make_offers
from serving.records import Unit
from serving.scoring import FraudModel, NoModel


def test_reasons_are_asked_for_from_the_lowest_level_that_needs_them(
    tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    parts = assemble(Home(tmp_path / "home"))
    assert isinstance(parts.fraud, NoModel)
    likely = parts.policy.reversal.hold
    assert parts.explain_from(Kind.AD_VIEWED) == Levels(parts.policy.event.hold, likely)
    assert parts.explain_from(Kind.WITHDRAWAL_REQUESTED) == Levels(parts.policy.withdrawal.challenge, likely)
    parts.fraud = FraudModel(write_model(tmp_path / "model", reversal=0.1), "1")
    assert {parts.explain_from(kind) for kind in Kind} == {Levels(likely, likely)}
    parts.engine.dispose()


def test_a_home_on_its_events_clock_moves_no_price_before_it_has_a_time(tmp_path: Path) -> None:
    """By the wall's clock, everything in the log of another year would be over."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    for clock, is_ticked in ((Clock.EVENTS, False), (Clock.WALL, True)):
        home.manifest_file.write_text(json.dumps({"clock": clock}))
        parts = assemble(home)
        assert isinstance(parts.pricer, Learned)
        assert (parts.pricer.desk_of(parts.policy).ticked_at is not None) is is_ticked
        parts.engine.dispose()


def test_a_ban_of_an_imported_log_closes_the_account(tmp_path: Path) -> None:
    """Outcomes of a log name their person, or only the event that they speak of."""
    home, when = Home(tmp_path / "home"), "2026-03-01T12:00:00Z"
    said = [
        {"event_id": f"e-{user}", "kind": "login", "occurred_at": when, "user_id": user}
        for user in ("ann", "bob", "eve")
    ]
    ban = {"kind": "ban", "caused_by": "partner", "occurred_at": when}
    said += [
        ban | {"event_id": "o-ann", "subject_event_id": "e-ann"},
        ban | {"event_id": "o-bob", "subject_event_id": "gone", "user_id": "bob"},
    ]
    rows = [row_of(parse(one)) for one in said]
    home.root.mkdir()
    (home.root / "offer.key").write_bytes(bytes(SECRET_BYTES))  # which price is tried is the same in every run
    LogWriter(home.log).append(table_of([row | {"recorded_at": row["event_time"]} for row in rows]))
    parts = assemble(home)
    assert parts.terms.banned == {"ann", "bob"}
    with parts.engine.begin() as connection:
        for user, is_open in (("ann", False), ("bob", False), ("eve", True)):
            candidate = {"task_id": "t", "campaign_id": "c", "value_micros": 2_000_000, "currency": "CNY"}
            asked = {"request_id": user, "user_id": user, "occurred_at": when, "candidates": [candidate]}
            answer = make_offers(Unit(connection, 0), OfferRequest.model_validate(asked), parts.terms)
            assert bool(answer.offers) is is_open
    parts.engine.dispose()


def test_a_store_that_does_not_answer_or_a_damaged_secret_stops_a_start_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    assert_can_start(home)
    (home.root / "offer.key").write_bytes(b"")
    with pytest.raises(ValueError, match="holds 0 bytes, a secret has 32"):
        assert_can_start(home)
    monkeypatch.setenv("ASSAY_REDIS", "redis://127.0.0.1:1/0")
    with pytest.raises(ValueError, match="ASSAY_REDIS"):
        assert_can_start(home)


def test_who_a_file_names_pays_and_a_simulation_pays_by_the_fake_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, file = Home(tmp_path / "home"), tmp_path / "providers.yaml"
    shop = "{name: stripe, api_key_from: TOLD_KEY, webhook_secret_from: TOLD_KEY}"
    file.write_text(f"providers: [{shop}]")
    monkeypatch.setenv("ASSAY_PAYOUT_PROVIDERS", str(file))
    with pytest.raises(ValueError, match=r"^ASSAY_PAYOUT_PROVIDERS: stripe\.api_key_from: TOLD_KEY is not set; "):
        assert_can_start(home)
    monkeypatch.setenv("TOLD_KEY", "Zebulon-1961")
    assert_can_start(home)
    parts, simulated = assemble(home), assemble(home, place=home.records)
    assert [route.provider for route in parts.policy.payouts.routes] == list(parts.providers) == ["stripe"]
    assert (parts.vault is None, list(simulated.providers), simulated.vault) == (False, ["fake"], None)
    with structlog.testing.capture_logs() as lines:
        parts.tell_who_pays()
        simulated.tell_who_pays()
    assert [line["event"] for line in lines] == ["payout_providers", "payouts_pay_nobody"]
    assert "Zebulon" not in repr(parts) + str(vars(parts)) + str(lines)
    parts.doors.close()
    for made in (parts, simulated):
        made.engine.dispose()


def test_a_home_whose_seal_was_lost_does_not_start_and_says_what_to_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    engine = open_database(home.records)
    with engine.begin() as connection:
        Vault(seal_of_home(home)).keep(connection, "ab" * 32, "ann@example.com", 1)
    engine.dispose()
    assert_can_start(home)
    monkeypatch.setenv("ASSAY_SEAL_KEY", b64encode(b"s" * 32).decode())
    with pytest.raises(
        ValueError, match=r"sealed with another secret: put back ASSAY_SEAL_KEY, or the home's seal\.key"
    ):
        assert_can_start(home)
