"""Tax withheld by a country's rule: on what exceeds a year's threshold, to the micro, given back with its payment."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from features.windows import DAY, HOUR
from serving.ledger import book
from serving.ledger.refusals import Conflicting, Missing
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.tax import Taxed, YearLine, due, give_back, of_year, withhold, year_of
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import wallet
from serving.policy import load_policy
from serving.policy_money import TaxPolicy, TaxRule

NEW_YEAR = 20_454 * DAY
"""Midnight of 1 January 2026, UTC."""
RULE = TaxRule(rate=0.2, threshold_micros=1000, currency="CNY")
POLICY = TaxPolicy(booked_at="payout", time_zone="UTC", rules={"CN": RULE})
PAID = Taxed("w", "ann", "CN", "CNY", 1500)


@pytest.fixture
def rich(connection: Connection) -> Connection:
    credit_reward(connection, Reward("e", "ann", 100_000, 0, "CNY", 0), 1)
    return connection


def withheld(connection: Connection) -> tuple[int, int]:
    """What the authority is owed, and what is left to the person."""
    kept = book.balance(connection, Account(AccountKind.TAX_WITHHELD, "CN", "CNY")).posted_micros
    return kept, wallet(connection, "ann", "CNY").available_micros


def test_the_shipped_policy_withholds_nothing(rich: Connection) -> None:
    assert withhold(rich, PAID, load_policy().tax, NEW_YEAR) == 0
    assert (withheld(rich), of_year(rich, 2026)) == ((0, 100_000), [])


def test_only_what_exceeds_the_years_threshold_is_taxed_and_a_retry_once(rich: Connection) -> None:
    assert withhold(rich, replace(PAID, cause_id="v", base_micros=900), POLICY, NEW_YEAR) == 0
    assert [withhold(rich, PAID, POLICY, NEW_YEAR + DAY) for _ in range(2)] == [280, 280]
    assert withheld(rich) == (280, 99_720)
    assert of_year(rich, 2026) == [YearLine(2026, "CN", "ann", "CNY", 2400, 280)]
    with pytest.raises(Conflicting):
        withhold(rich, replace(PAID, base_micros=1501), POLICY, NEW_YEAR)


def test_many_small_payments_are_taxed_as_one_large_one(rich: Connection) -> None:
    for number in range(50):
        withhold(rich, replace(PAID, cause_id=f"w{number}", base_micros=33), POLICY, NEW_YEAR)
    assert withheld(rich)[0] == due(50 * 33, 0.2, 1000) == 130


def test_a_year_begins_where_the_policy_says(rich: Connection) -> None:
    eastern = POLICY.model_copy(update={"time_zone": "Asia/Shanghai"})
    eve = NEW_YEAR - 4 * HOUR
    assert (year_of(eve, POLICY), year_of(eve, eastern)) == (2025, 2026)
    withhold(rich, PAID, POLICY, eve)
    assert withhold(rich, replace(PAID, cause_id="next"), POLICY, NEW_YEAR) == 100
    assert [len(of_year(rich, year)) for year in (2025, 2026)] == [1, 1]


def test_what_did_not_reach_the_person_is_not_taxed(rich: Connection) -> None:
    withhold(rich, PAID, POLICY, NEW_YEAR)
    assert [give_back(rich, "w", NEW_YEAR + DAY) for _ in range(2)] == [100, 0]
    assert withheld(rich) == (0, 100_000)
    assert of_year(rich, 2026) == [YearLine(2026, "CN", "ann", "CNY", 0, 0)]
    with pytest.raises(Missing):
        give_back(rich, "nothing", NEW_YEAR)


def test_what_the_wallet_cannot_give_is_withheld_with_the_next(connection: Connection) -> None:
    assert withhold(connection, PAID, POLICY, NEW_YEAR) == 0
    credit_reward(connection, Reward("e", "ann", 500, 0, "CNY", 0), NEW_YEAR)
    assert withhold(connection, replace(PAID, cause_id="x", base_micros=10), POLICY, NEW_YEAR) == 102


@pytest.mark.parametrize("other", [replace(PAID, country="DE"), replace(PAID, currency="USD")])
def test_other_countries_and_currencies_have_no_rule(rich: Connection, other: Taxed) -> None:
    assert withhold(rich, other, POLICY, NEW_YEAR) == 0


def test_a_rate_is_taken_as_it_is_written() -> None:
    assert due(10**15 + 7, 0.1, 0) == 10**14
    with pytest.raises(ValueError, match="above zero"):
        replace(PAID, base_micros=0)
