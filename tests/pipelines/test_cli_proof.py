"""What proves the book, on the command line: an auditor with a key and heads, a person with a file, both without us."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from features.home import Home
from pipelines.cli import app
from serving.database import open_database, reading
from serving.ledger import book, holds
from serving.ledger.holds import Hold
from serving.ledger.proof.growth import prove_growth
from serving.ledger.proof.signing import Places, Signer, key_of_home
from serving.ledger.proof.tree import Tree
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

NOW = 1_790_000_000_000_000
EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
BY = ["--by", "Mo", "--reason", "she asked"]


def said(*words: object, code: int = 0) -> str:
    """What a command says, however the terminal wraps it."""
    result = CliRunner().invoke(app, ["ledger", *map(str, words)])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def paid(id_: str, micros: int, debit: Account = EXPENSE, credit: Account = ANN) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id=id_,
        effective_at=NOW,
    )


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ASSAY_HEADS", str(tmp_path / "elsewhere"))
    monkeypatch.delenv("ASSAY_DATABASE", raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    """Twenty rewards, signed, and one that came after."""
    engine = open_database(home.records)
    with engine.begin() as connection:
        book.post(connection, [paid(f"r{number}", 1_000_000 + number) for number in range(20)], NOW)
    Signer(engine, Places.of_home(home), key_of_home(home)).sign(NOW)
    with engine.begin() as connection:
        book.post(connection, [paid("late", 7)], NOW + 1)
    yield engine
    engine.dispose()


def rewrite(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").all():
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(statement)


def test_a_sound_book_is_said_to_fit_with_what_no_head_covers_yet(engine: Engine) -> None:
    told = said("verify")
    assert "23 events verified, 1 head believed, 1 events newer" in told
    assert told.endswith("all of it fits")


def test_a_change_is_told_with_its_event_and_exit_code_2(engine: Engine) -> None:
    rewrite(engine, "UPDATE transfer SET amount_micros = 5 WHERE id = 'r7'")
    told = said("verify", code=2)
    assert "(transfer 'r7') is not what was recorded" in told
    assert said("verify", "--from", 22).endswith("all of it fits")


def test_an_auditor_brings_key_and_heads(engine: Engine, home: Home, tmp_path: Path) -> None:
    said("key", "--out", tmp_path / "key.pem")
    brought = ["--key", tmp_path / "key.pem", "--heads", tmp_path / "elsewhere"]
    assert said("verify", *brought).endswith("all of it fits")
    (home.root / "heads.key").unlink()
    for file in (home.root / "heads").iterdir():
        file.unlink()
    assert said("verify", *brought).endswith("all of it fits")
    assert "has no heads.key" in said("verify", code=1)
    said("key", "--out", tmp_path / "other.pem")
    assert "is not believed" in said("verify", "--key", tmp_path / "other.pem", code=2)


def test_without_any_head_that_is_said(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    assert "rewrote the whole database would not be noticed" in said("verify", "--heads", tmp_path / "nothing")


def test_heads_that_were_signed_and_are_gone_are_a_finding(engine: Engine, home: Home, tmp_path: Path) -> None:
    for folder in (home.root / "heads", tmp_path / "elsewhere"):
        for file in folder.iterdir():
            file.unlink()
    assert "heads were signed, and none is left" in said("verify", code=2)


def test_a_hold_that_was_opened_again_is_a_finding(engine: Engine) -> None:

    with engine.begin() as connection:
        holds.hold(connection, Hold("h", ANN, 1_000_000, "w"), NOW)
        holds.release(connection, "h", NOW)
    rewrite(engine, "UPDATE hold SET state = 'open', resolved_at = NULL, captured_micros = 0")
    assert "says 0 micros held, its open holds say 1000000" in said("verify", code=2)


def test_tax_that_no_settled_payout_withheld_is_a_finding(engine: Engine) -> None:
    with engine.begin() as connection:
        book.post(connection, [paid("t", 5, ANN, Account(AccountKind.TAX_WITHHELD, "CN", "CNY"))], NOW)
    assert "settled payouts withheld 0 micros of CNY for CN, their account says 5" in said("verify", code=2)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["verify", "--from", "0"], "--from: the first event is event 1"),
        (["verify", "--from", "99"], "--from: the book has 23 events"),
        (["verify", "--heads", "nowhere"], "--heads: nowhere is no folder"),
        (["payslip-proof", "bob", "--out", "x"], "no person with an account 'bob'"),
        (["export", "--out", "x", "--format", "ledger"], "--format: 'ledger' is not known"),
        (["forget", "bob", *BY], "no person with an account 'bob'"),
        (["forget", "ann", *BY], "pay out, or write off"),
    ],
)
def test_what_cannot_be_done_names_the_remedy(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert remedy in said(*words, code=1)
    assert not (tmp_path / "x").exists()


def test_a_home_without_records_is_told_so(home: Home) -> None:
    assert "has no records" in said("export", "--out", "x", code=1)


def test_a_person_checks_a_payslip_without_the_home(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slip, key = tmp_path / "slip.json", tmp_path / "key.pem"
    assert "20 entries with proofs" in said("payslip-proof", "ann", "--out", slip)
    said("key", "--out", key)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "nothing"))
    told = said("check-payslip", slip, "--key", key)
    assert "20 entries, from the first entry on; in 20.00019 CNY, out 0.00 CNY" in told
    assert "proven, by the head over the first 22 events" in told
    changed = json.loads(slip.read_text())
    changed["accounts"][0]["entries"][3]["amount_micros"] += 1
    slip.write_text(json.dumps(changed))
    assert "not proven: entry 6 of account 2" in said("check-payslip", slip, "--key", key, code=2)
    slip.write_text("no json")
    assert "is no JSON" in said("check-payslip", slip, "--key", key, code=1)
    key.write_text("no key")
    slip.write_text("{}")
    assert "no public key of Ed25519" in said("check-payslip", slip, "--key", key, code=1)


def test_an_auditor_who_kept_one_head_sees_that_the_book_only_grew(
    engine: Engine, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places, key = Places.of_home(home), tmp_path / "key.pem"
    old, new, proof = (tmp_path / name for name in ("old.json", "new.json", "proof.json"))
    signer = Signer(engine, places, key_of_home(home))
    later = signer.sign(NOW + 2)
    assert later is not None
    old.write_text((tmp_path / "elsewhere" / "2026-09.jsonl").read_text().splitlines()[0])
    new.write_text(json.dumps({"head": later.as_json(), "public_key": "not read"}))
    with reading(engine) as connection:
        path = prove_growth(connection, 22, 23, later, Tree())
    asked = ["check-heads", old, new, "--proof", proof, "--key", key]
    proof.write_text(json.dumps({"from": 22, "to": 23, "path": [step.hex() for step in path]}))
    said("key", "--out", key)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "nothing"))
    assert "proven: the first 22 events of the book stand unchanged among the 23 of 2026-09-" in said(*asked)
    proof.write_text(json.dumps({"from": 22, "to": 23, "path": ["00" * 32 for _ in path]}))
    assert "not proven: the first 22 events are not the same" in said(*asked, code=2)
    proof.write_text("[]")
    assert "not proven: the proof is not what" in said(*asked, code=2)
    old.write_text(json.dumps(replace(later, size=22).as_json()))
    assert "not proven: the earlier head is not signed with this key" in said(*asked, code=2)
    old.write_text('{"size": 22}')
    assert "is no head" in said(*asked, code=1)


def test_a_person_is_forgotten_and_the_book_still_fits(engine: Engine, home: Home) -> None:
    with engine.begin() as connection:
        book.post(connection, [paid("back", 20_000_197, debit=ANN, credit=EXPENSE)], NOW)
    assert "1 account has no name any more" in said("forget", "ann", *BY)
    assert said("verify").endswith("all of it fits")
    assert "no person with an account 'ann'" in said("payslip-proof", "ann", "--out", "x", code=1)


def test_the_export_is_there_whole(engine: Engine, tmp_path: Path) -> None:
    assert "21 transfers in" in said("export", "--out", tmp_path / "book.beancount")
    assert "ann" not in (tmp_path / "book.beancount").read_text().split()
    said("export", "--out", tmp_path / "ids.beancount", "--with-ids")
    assert 'owner: "ann"' in (tmp_path / "ids.beancount").read_text()
    assert {file.name for file in tmp_path.iterdir()} >= {"book.beancount", "ids.beancount"}
    assert not list(tmp_path.glob(".*.part"))
