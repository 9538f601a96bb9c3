"""Who owes, why, and how it is paid: only for fraud that a reviewer found, a quarter of each later reward at most."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from features.events import Reason
from serving.ledger import book, holds
from serving.ledger.adjustments import Adjustment, Corrects, Excessive, adjust
from serving.ledger.debts import debts, owed
from serving.ledger.maturity import mature
from serving.ledger.refusals import Conflicting, InsufficientFunds
from serving.ledger.reversals import Ground, Reversal, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward, find_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import Wallet, WithdrawalOrder, hold_withdrawal, wallet

CENT = 10_000
BANK = Account(AccountKind.CLEARING, "bank", "CNY")
FORGIVEN = Adjustment("a", Corrects.DEBT, "ann", "CNY", 10 * CENT, "Mo of the desk", "the account was taken over")


def earn(connection: Connection, id_: str, cents: int, matures_at: int = 0, now: int = 1) -> None:
    credit_reward(connection, Reward(id_, "ann", cents * CENT, 2 * cents * CENT, "CNY", matures_at), now)


def withdraw(connection: Connection, cents: int, id_: str = "w", now: int = 2) -> None:
    hold_withdrawal(connection, WithdrawalOrder(id_, "ann", cents * CENT, "CNY"), now)


def say(connection: Connection, event: str, ground: Ground, id_: str = "o", **more: Any) -> Reversal:
    reason = more.pop("reason", Reason.FRAUD if ground is Ground.CLAWBACK else Reason.QUALITY)
    return reverse_reward(connection, ReversalOrder(id_, event, reason, ground=ground, **more), now=more.pop("now", 5))


def purse(connection: Connection) -> tuple[int, int, int, int]:
    """Cents: pending, available, held, owed."""
    found = wallet(connection, "ann", "CNY")
    amounts = found.pending_micros, found.available_micros, found.held_micros, found.owed_micros
    return tuple(micros // CENT for micros in amounts)  # type: ignore[return-value]  # there are four


def reserve(connection: Connection) -> int:
    return book.balance(connection, Account(AccountKind.NO_FAULT_RESERVE, "platform", "CNY")).posted_micros // CENT


@pytest.fixture
def gone(connection: Connection) -> Connection:
    """A reward of 100 cents that was paid out."""
    earn(connection, "e", 100)
    withdraw(connection, 100)
    holds.capture(connection, "w/hold", BANK, 3)
    return connection


@pytest.mark.parametrize(
    ("ground", "reason"),
    [
        (Ground.CHARGEBACK, Reason.QUALITY),
        (Ground.CHARGEBACK, Reason.FRAUD),
        (Ground.CHARGEBACK, Reason.UNKNOWN),
        (Ground.ADJUSTMENT, Reason.DUPLICATE),
    ],
)
def test_nobody_owes_for_what_no_reviewer_found(gone: Connection, ground: Ground, reason: Reason) -> None:
    say(gone, "e", ground, reason=reason, by="Mo", note="paid twice")
    assert (owed(gone, "ann", "CNY"), reserve(gone)) == (0, -100)
    assert debts(gone) == []


def test_fraud_that_a_reviewer_found_after_the_payout_is_owed_and_the_wallet_stays_at_zero(gone: Connection) -> None:
    assert say(gone, "e", Ground.CLAWBACK).from_debt_micros == 100 * CENT
    assert (purse(gone), reserve(gone)) == ((0, 0, 0, 100), 0)
    assert [(row.owner, row.posted) for row in debts(gone)] == [("ann", -100 * CENT)]


def test_a_quarter_of_each_later_reward_pays_until_nothing_is_owed(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK)
    earn(gone, "f", 200)
    assert purse(gone) == (0, 150, 0, 50)
    earn(gone, "g", 160, matures_at=9)
    assert purse(gone) == (160, 150, 0, 50)
    mature(gone, 9)
    assert purse(gone) == (0, 270, 0, 10)
    earn(gone, "h", 100)
    earn(gone, "i", 100)
    assert purse(gone) == (0, 460, 0, 0)


def test_several_rewards_that_mature_together_pay_no_more_than_is_owed(gone: Connection) -> None:
    for number in range(4):
        earn(gone, f"f{number}", 160, matures_at=9)
    say(gone, "e", Ground.CLAWBACK)
    mature(gone, 9)
    assert purse(gone) == (0, 4 * 160 - 100, 0, 0)


def test_a_quarter_of_a_micro_is_nothing(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK)
    credit_reward(gone, Reward("f", "ann", 3, 0, "CNY", 0), 6)
    assert wallet(gone, "ann", "CNY") == Wallet(0, 3, 0, 0, owed_micros=100 * CENT)


def test_a_retry_collects_once(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK)
    for _ in range(2):
        earn(gone, "f", 100)
        mature(gone, 9)
    assert purse(gone) == (0, 75, 0, 75)


def test_a_named_person_forgives_once_and_never_more_than_is_owed(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK)
    assert [adjust(gone, FORGIVEN, now) for now in (6, 7)] == [True, False]
    assert (purse(gone)[3], reserve(gone)) == (90, -10)
    with pytest.raises(Conflicting):
        adjust(gone, replace(FORGIVEN, reason="another"), 7)
    with pytest.raises(Excessive, match="at most so much"):
        adjust(gone, replace(FORGIVEN, id="b", amount_micros=91 * CENT), 7)


@pytest.mark.parametrize("field", ["decided_by", "reason"])
def test_an_adjustment_without_a_name_or_a_reason_is_none(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        replace(FORGIVEN, **{field: " "})  # type: ignore[arg-type]  # both are strings


def test_a_wallet_is_put_right_either_way_and_never_below_zero(connection: Connection) -> None:
    raised = replace(FORGIVEN, corrects=Corrects.WALLET)
    adjust(connection, raised, 1)
    adjust(connection, replace(raised, id="b", amount_micros=-4 * CENT), 2)
    assert (purse(connection), reserve(connection)) == ((0, 6, 0, 0), -6)
    with pytest.raises(InsufficientFunds):
        adjust(connection, replace(raised, id="c", amount_micros=-7 * CENT), 3)
    with pytest.raises(ValueError, match="only a wallet"):
        replace(FORGIVEN, amount_micros=-1)


def test_what_the_reserve_bore_is_recovered_once_fraud_is_found(connection: Connection) -> None:
    earn(connection, "e", 100)
    withdraw(connection, 70)
    holds.capture(connection, "w/hold", BANK, 3)
    say(connection, "e", Ground.CHARGEBACK, "o1", amount_micros=60 * CENT)
    assert (purse(connection), reserve(connection)) == ((0, 30, 0, 0), -60)
    found = say(connection, "e", Ground.CLAWBACK, "o2")
    assert (found.from_available_micros, found.from_debt_micros) == (30 * CENT, 10 * CENT)
    assert (found.recovered_available_micros, found.recovered_debt_micros) == (0, 60 * CENT)
    assert (purse(connection), reserve(connection)) == ((0, 0, 0, 70), 0)


def test_what_was_held_when_fraud_was_found_is_taken_whole_when_it_comes_back(connection: Connection) -> None:
    earn(connection, "e", 100)
    withdraw(connection, 80)
    say(connection, "e", Ground.CLAWBACK)
    assert purse(connection) == (0, 0, 80, 80)
    holds.release(connection, "w/hold", 6)
    assert wallet(connection, "ann", "CNY").withdrawable_micros == 0
    with pytest.raises(InsufficientFunds), connection.begin_nested():
        withdraw(connection, 80, "v", now=7)
    earn(connection, "f", 40, now=8)
    withdraw(connection, 40, "u", now=9)
    assert purse(connection) == (0, 0, 40, 0)


def test_what_was_paid_when_fraud_was_found_is_taken_whole_when_it_is_returned(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK)
    book.reverse(gone, holds.capture_id("w/hold"), "returned", 6)
    earn(gone, "f", 100, now=7)
    assert purse(gone) == (0, 175, 0, 75)
    withdraw(gone, 100, "v", now=8)
    assert purse(gone) == (0, 0, 100, 0)


def test_what_was_returned_before_fraud_was_found_is_the_persons(gone: Connection) -> None:
    book.reverse(gone, holds.capture_id("w/hold"), "returned", 4)
    earn(gone, "f", 50, now=4)
    withdraw(gone, 150, "v", now=4)
    holds.capture(gone, "v/hold", BANK, 4)
    say(gone, "e", Ground.CLAWBACK)
    earn(gone, "g", 80, now=6)
    withdraw(gone, 60, "u", now=7)
    assert purse(gone) == (0, 0, 60, 80)


def test_a_refund_gives_back_what_was_taken_off_the_debt_first(gone: Connection) -> None:
    say(gone, "e", Ground.CLAWBACK, "o1")
    earn(gone, "f", 120)
    assert purse(gone) == (0, 90, 0, 70)
    refund = say(gone, "e", Ground.REFUND, "o2")
    assert (refund.refunded_debt_micros, refund.refunded_wallet_micros) == (70 * CENT, 30 * CENT)
    assert (purse(gone), reserve(gone)) == ((0, 120, 0, 0), 0)
    row = find_reward(gone, "e")
    assert row is not None
    assert (row.state, row.reversed_micros) == ("available", 0)


@pytest.mark.parametrize(("now", "expected"), [(5, (60, 0, 0, 0)), (9, (0, 60, 0, 0))])
def test_a_refund_before_maturity_waits_for_it(
    connection: Connection, now: int, expected: tuple[int, int, int, int]
) -> None:
    earn(connection, "e", 60, matures_at=9)
    say(connection, "e", Ground.CHARGEBACK, "o1")
    assert purse(connection) == (0, 0, 0, 0)
    order = ReversalOrder("o2", "e", Reason.UNKNOWN, ground=Ground.REFUND)
    assert [reverse_reward(connection, order, now).refunded_micros for _ in range(2)] == [60 * CENT, 60 * CENT]
    assert purse(connection) == expected
    mature(connection, 9)
    assert purse(connection) == (0, 60, 0, 0)


def test_a_refund_gives_back_no_more_than_was_taken_from_the_person(connection: Connection) -> None:
    earn(connection, "e", 100)
    say(connection, "e", Ground.CHARGEBACK, "o1")
    assert say(connection, "e", Ground.REFUND, "o2").refunded_micros == 0
    assert (purse(connection), reserve(connection)) == ((0, 100, 0, 0), -100)


def test_only_fraud_is_clawed_back_and_only_a_named_person_adjusts() -> None:
    with pytest.raises(ValueError, match="only fraud"):
        ReversalOrder("o", "e", Reason.QUALITY, ground=Ground.CLAWBACK)
    with pytest.raises(ValueError, match="names who decided"):
        ReversalOrder("o", "e", Reason.QUALITY, ground=Ground.ADJUSTMENT, by="Mo")
