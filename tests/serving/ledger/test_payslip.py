"""A person's statement: what was promised, what came of it, what was paid, and what an hour paid."""

import pytest
from sqlalchemy import Connection

from features.events import Reason
from features.windows import HOUR
from serving.ledger import book, holds
from serving.ledger.adjustments import Adjustment, Corrects, adjust
from serving.ledger.maturity import mature
from serving.ledger.payslip import Payslip, Work, payslip
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal

CENT = 10_000
BANK = Account(AccountKind.CLEARING, "bank", "CNY")


def earn(connection: Connection, id_: str, cents: int, now: int, matures_at: int = 0, user: str = "ann") -> None:
    credit_reward(connection, Reward(id_, user, cents * CENT, 0, "CNY", matures_at), now)


def pay(connection: Connection, id_: str, cents: int, fee: int, now: int) -> None:
    hold_withdrawal(connection, WithdrawalOrder(id_, "ann", cents * CENT, "CNY"), now)
    holds.capture(connection, f"{id_}/hold", BANK, now)
    if fee:
        part(connection, f"{id_}/fee", TransferKind.FEE, Account(AccountKind.FEES, "bank", "CNY"), fee, now)


def part(connection: Connection, id_: str, kind: TransferKind, credit: Account, cents: int, now: int) -> None:
    """What is taken out of a payment after it has left the wallet."""
    taken = Transfer(
        id=id_,
        debit=BANK,
        credit=credit,
        amount_micros=cents * CENT,
        kind=kind,
        cause_id=id_.partition("/")[0],
        effective_at=now,
    )
    book.post(connection, [taken], now)


def cents(slip: Payslip) -> dict[str, int]:
    """What is not zero."""
    names = [name for name in Payslip.__dataclass_fields__ if name.endswith("_micros") and name != "worked_micros"]
    amounts = {name.removesuffix("_micros"): getattr(slip, name) for name in names}
    return {name: micros // CENT for name, micros in amounts.items() if micros}


def test_a_period_says_everything_once_and_why(connection: Connection) -> None:
    earn(connection, "before", 500, now=5)
    earn(connection, "e1", 100, now=10)
    earn(connection, "e2", 80, now=11, matures_at=90)
    earn(connection, "theirs", 70, now=11, user="bob")
    reverse_reward(connection, ReversalOrder("o1", "e2", Reason.QUALITY, 30 * CENT), 12)
    reverse_reward(connection, ReversalOrder("o2", "e1", Reason.QUALITY, 40 * CENT), 13)
    pay(connection, "w", 300, fee=2, now=14)
    adjust(connection, Adjustment("a", Corrects.WALLET, "ann", "CNY", 7 * CENT, "Mo", "a survey paid too little"), 15)
    slip = payslip(connection, "ann", "CNY", 10, 20)
    assert cents(slip) == {
        "promised": 180,
        "reversed": 30,
        "spared": 40,
        "paid": 298,
        "fee": 2,
        "adjusted": 7,
        "pending": 50,
        "withdrawable": 307,
    }
    assert [(line.at, line.what, line.amount_micros // CENT, line.reason, line.cause_id) for line in slip.lines] == [
        (10, "promised", 100, "the person's own", "e1"),
        (11, "promised", 80, "waits until its time of waiting is over", "e2"),
        (12, "taken back", -30, "chargeback: quality", "e2"),
        (13, "taken back, borne by the platform", 0, "chargeback: quality", "e1"),
        (14, "of it, the fee", -2, "what sending it cost", "w"),
        (14, "paid", -300, "a withdrawal", "w"),
        (15, "put right by a person", 7, "a correction", "a"),
    ]
    assert {line.cause_id: line.matures_at for line in slip.lines if line.matures_at} == {"e2": 90}


def test_what_is_owed_and_what_was_kept_for_it_is_said(connection: Connection) -> None:
    earn(connection, "e1", 100, now=1)
    pay(connection, "w", 100, fee=0, now=2)
    reverse_reward(connection, ReversalOrder("o", "e1", Reason.FRAUD, ground=Ground.CLAWBACK), 3)
    earn(connection, "e2", 200, now=11)
    assert cents(payslip(connection, "ann", "CNY", 10, 20)) == {
        "promised": 200,
        "debt_collected": 50,
        "withdrawable": 150,
        "owed": 50,
    }


def test_a_payment_that_came_back_was_not_paid(connection: Connection) -> None:
    earn(connection, "e1", 100, now=1)
    pay(connection, "w", 100, fee=0, now=2)
    book.reverse(connection, holds.capture_id("w/hold"), "returned", 3)
    slip = payslip(connection, "ann", "CNY", 0, 10)
    assert cents(slip) == {"promised": 100, "withdrawable": 100}
    assert [line.what for line in slip.lines] == ["promised", "paid", "payment returned"]


def test_fee_and_tax_are_a_part_of_what_was_paid_and_come_back_with_it(connection: Connection) -> None:
    earn(connection, "e1", 100, now=1)
    pay(connection, "w", 100, fee=2, now=2)
    part(connection, "w/tax", TransferKind.TAX, Account(AccountKind.TAX_WITHHELD, "CN", "CNY"), 15, now=2)
    slip = payslip(connection, "ann", "CNY", 0, 3)
    assert cents(slip) == {"promised": 100, "paid": 83, "fee": 2, "tax": 15}
    assert [(line.what, line.amount_micros // CENT) for line in slip.lines[1:]] == [
        ("of it, the fee", -2),
        ("of it, the tax", -15),
        ("paid", -100),
    ]
    for id_ in ("w/fee", "w/tax", holds.capture_id("w/hold")):
        book.reverse(connection, id_, "w", 4)
    assert cents(payslip(connection, "ann", "CNY", 0, 10)) == {"promised": 100, "withdrawable": 100}
    later = payslip(connection, "ann", "CNY", 3, 10)
    assert cents(later) == {"paid": -83, "fee": -2, "tax": -15, "withdrawable": 100}
    assert {line.what for line in later.lines} == {
        "of what came back, the fee",
        "of what came back, the tax",
        "payment returned",
    }


def test_an_hour_counts_the_time_of_what_was_screened_out_and_what_was_taken_back(connection: Connection) -> None:
    earn(connection, "done", 600, now=10, matures_at=20)
    earn(connection, "taken", 400, now=10, matures_at=90)
    mature(connection, 20)
    reverse_reward(connection, ReversalOrder("o1", "taken", Reason.QUALITY), 21)
    half = HOUR // 2
    ends = {"done": (0, HOUR), "taken": (HOUR, HOUR + half), "screened-out": (HOUR + half, 2 * HOUR), "odd": (9, 3)}
    work = [Work(event, *times) for event, times in ends.items()]
    slip = payslip(connection, "ann", "CNY", 0, 100, work)
    assert (slip.worked_micros, slip.hourly_micros) == (2 * HOUR, 300 * CENT)
    assert payslip(connection, "ann", "CNY", 0, 100).hourly_micros is None


def test_two_tasks_at_once_take_the_time_of_one_and_a_moment_says_nothing_of_an_hour(connection: Connection) -> None:
    earn(connection, "done", 600, now=10, matures_at=20)
    both = [Work("done", 0, HOUR), Work("beside", HOUR // 2, HOUR)]
    assert payslip(connection, "ann", "CNY", 0, 100, both).worked_micros == HOUR
    assert payslip(connection, "ann", "CNY", 0, 100, [Work("done", 0, 7)]).hourly_micros is None


def test_who_never_earned_has_an_empty_payslip_and_a_period_ends_after_it_begins(connection: Connection) -> None:
    slip = payslip(connection, "nobody", "CNY", 0, 10)
    assert (cents(slip), slip.lines) == ({}, ())
    with pytest.raises(ValueError, match="until"):
        payslip(connection, "ann", "CNY", 2, 1)
