"""The book on the command line: exposure, the reserve, and what a named person corrects."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from features.events import Reason, micros_of
from features.home import Home
from features.windows import DAY
from pipelines.cli import app
from serving.database import open_database
from serving.ledger.bans import freeze_tainted
from serving.ledger.debts import owed
from serving.ledger.holds import capture
from serving.ledger.reserve import SETTLED, set_aside
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet
from serving.payouts import saga
from serving.payouts.saga import PayoutOrder

LATER = 100_000 * DAY
"""A partner's date that has not come yet, whenever this runs."""
BY = ["--by", "Mo", "--reason", "as agreed"]


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["ledger", *words])
    assert result.exit_code == code, result.output
    return result.output


def said(*words: str, code: int = 0) -> str:
    """The same however the terminal wraps it."""
    return " ".join(run(*words, code=code).split())


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Ann was paid a reward that was fraud, and owes it; another is frozen by a ban."""
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.delenv("ASSAY_DATABASE", raising=False)
    home = Home(tmp_path)
    engine = open_database(home.records)
    with engine.begin() as connection:
        credit_reward(connection, Reward("e", "ann", 10**6, 0, "CNY", 0, partner_id="amber", final_at=LATER), 1)
        hold_withdrawal(connection, WithdrawalOrder("w", "ann", 10**6, "CNY"), 2)
        capture(connection, "w/hold", Account(AccountKind.CLEARING, "bank", "CNY"), 3)
        reverse_reward(connection, ReversalOrder("o", "e", Reason.FRAUD, 400_000, Ground.CLAWBACK), 4)
        credit_reward(connection, Reward("f", "bob", 10**6, 0, "CNY", 0), 5)
        freeze_tainted(connection, "ban", ["f"], "bob", 6)
    engine.dispose()
    return home


def test_exposure_is_shown_by_partner_and_ends_in_one_json_object(served: Home, tmp_path: Path) -> None:
    told = run("exposure", "--json", str(tmp_path / "exposure.json"))
    (one,) = json.loads(told.splitlines()[-1])["exposure"]
    assert (one["partner_id"], one["advanced_micros"], one["cap_micros"]) == ("amber", 600_000, None)
    assert micros_of(datetime.fromisoformat(one["until"])) == LATER
    assert json.loads((tmp_path / "exposure.json").read_text())["exposure"] == [one]


def test_a_balance_is_shown_at_any_time(served: Home, tmp_path: Path) -> None:
    told = run("balance", "wallet_available:CNY:bob", "--json", str(tmp_path / "balance.json"))
    assert "wallet_available:CNY:bob: 1.00 CNY, of which 1.00 CNY are held" in told
    now = json.loads(told.splitlines()[-1])
    assert (now["balance_micros"], now["held_micros"], now["available_micros"]) == (10**6, 10**6, 0)
    assert json.loads((tmp_path / "balance.json").read_text()) == now
    then = json.loads(run("balance", "wallet_available:CNY:bob", "--as-of", "1970-01-01").splitlines()[-1])
    early = json.loads(run("balance", "wallet_available:CNY:bob", "--at", "1970-01-01").splitlines()[-1])
    assert (then["balance_micros"], early["held_micros"]) == (0, 0)
    assert "'wallet' is no account: write kind:currency:owner" in said("balance", "wallet", code=1)
    assert "'cash:CNY' is no account: write kind:currency:owner" in said("balance", "cash:CNY", code=1)
    assert "kinds are cash, budget," in said("balance", "purse:CNY:bob", code=1)
    assert "there is no account wallet_available:CNY:eve" in said("balance", "wallet_available:CNY:eve", code=1)
    assert "--at: 'noon' is no instant" in said("balance", "wallet_available:CNY:bob", "--at", "noon", code=1)


def test_a_named_person_forgives_tops_up_and_lifts_once(served: Home) -> None:
    forgiving = ["forgive", "ann", "--id", "a", "--micros", "300000", "--currency", "CNY", *BY]
    assert [said(*forgiving) for _ in range(2)] == ["done", "known already: nothing was changed"]
    told = said("reserve")
    assert "0.30 CNY are missing: the share of rewards is not yet set aside" in told
    assert "raise reserve.share" not in told
    run("top-up", "--id", "t", "--micros", "900000", "--currency", "CNY", *BY)
    (state,) = json.loads(run("reserve").splitlines()[-1])["reserve"]
    assert (state["balance_micros"], state["corrected_micros"]) == (600_000, 300_000)
    assert "1 reward is free" in said("lift-ban", "ban", *BY)
    engine = open_database(served.records)
    with engine.begin() as connection:
        assert (owed(connection, "ann", "CNY"), wallet(connection, "bob", "CNY").frozen_micros) == (100_000, 0)
    engine.dispose()


def test_a_reserve_that_lacks_money_after_its_share_is_told_what_fills_it(served: Home) -> None:
    run("forgive", "ann", "--id", "a", "--micros", "300000", "--currency", "CNY", *BY)
    engine = open_database(served.records)
    with engine.begin() as connection:
        assert set_aside(connection, 0.01, 10 + SETTLED) == 1
    engine.dispose()
    assert "0.28 CNY are missing: raise reserve.share" in said("reserve")


def test_the_reserve_fits_a_narrow_terminal(served: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run("top-up", "--id", "t", "--micros", "9000000000000000", "--currency", "CNY", *BY)
    *lines, last = run("reserve").splitlines()
    assert json.loads(last)["reserve"][0]["topped_up_micros"] == 9_000_000_000_000_000
    assert any("topped up" in line and "9000000000.00 CNY" in line for line in lines), lines
    assert max(map(len, lines)) <= 80


def test_what_cannot_be_is_refused_in_one_sentence(served: Home) -> None:
    told = said("forgive", "ann", "--id", "a", "--micros", "400001", "--currency", "CNY", *BY, code=1)
    assert "at most so much can be forgiven" in told
    assert "nope freezes nothing" in said("lift-ban", "nope", *BY, code=1)
    assert "a name" in said("lift-ban", "ban", "--by", " ", "--reason", "x", code=1)


def test_a_book_without_rewards_shows_no_empty_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    open_database(Home(tmp_path).records).dispose()
    for command, told in (("reserve", "the reserve is empty: "), ("exposure", "no partner may take back")):
        sentence, last = run(command).splitlines()
        assert sentence.startswith(told)
        assert list(json.loads(last).values()) == [[]]


def test_a_home_that_never_served_has_no_book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "nothing"))
    monkeypatch.delenv("ASSAY_DATABASE", raising=False)
    assert "has no records" in said("exposure", code=1)


def test_the_tax_of_a_year_is_written_by_country_and_account(served: Home, tmp_path: Path) -> None:
    engine = open_database(served.records)
    with engine.begin() as connection:
        saga.start(connection, PayoutOrder("v", _held(connection, "v", "carl"), "a bank"), 8)
        begun = {"tax_micros": 120_000, "tax_country": "CN", "tax_year": 2026}
        saga.swap_each(connection, [(saga.get(connection, "v"), begun)], 9)
    engine.dispose()
    wanted = "year,country,user_id,currency,paid,withheld\n2026,CN,carl,CNY,1.50,0.12\n"
    assert run("tax", "--year", "2026").replace("\r\n", "\n") == wanted
    file = tmp_path / "tax.csv"
    assert said("tax", "--year", "2026", "--csv", str(file)).startswith("1 line written")
    assert file.read_text() == wanted
    assert run("tax", "--year", "2027").splitlines() == wanted.splitlines()[:1]


def _held(connection: Connection, id_: str, user: str) -> str:
    credit_reward(connection, Reward(f"{id_}/e", user, 1_500_000, 0, "CNY", 0), 7)
    return hold_withdrawal(connection, WithdrawalOrder(id_, user, 1_500_000, "CNY"), 7).id
