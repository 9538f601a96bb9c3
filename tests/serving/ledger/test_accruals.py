"""Micro-rewards that are posted together: by person and window, to the micro, and at once for whoever asks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, select, text

from features.events import Reason
from serving.database import open_database
from serving.ledger import accruals, book, proofs
from serving.ledger.accounts import TRANSFER
from serving.ledger.accruals import accrue, post_due, window_end
from serving.ledger.bans import freeze_tainted
from serving.ledger.refusals import Conflicting
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Deposit, Reward, RewardState, fund_campaign
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet

MEMORY = Path(":memory:")
MINUTE = 60_000_000
ENDS = 10 * MINUTE
TAP = Reward("e", "ann", 7, 9, "CNY", 0, partner_id="amber")


def transfers(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(TRANSFER)).scalar_one()


def purse(connection: Connection, user: str = "ann") -> tuple[int, int]:
    assert accruals.check(connection) == []
    found = wallet(connection, user, "CNY")
    return found.accrued_micros, found.available_micros


def tap(connection: Connection, count: int, user: str = "ann", partner: str = "amber", at: int = 1) -> None:
    for number in range(count):
        one = replace(TAP, event_id=f"{user}-{partner}-{number}", user_id=user, partner_id=partner)
        assert accrue(connection, one, ENDS, at) is RewardState.ACCRUED


def test_a_window_ends_at_the_same_instant_for_all() -> None:
    assert [window_end(now, 10) for now in (0, ENDS - 1, ENDS)] == [ENDS, ENDS, 2 * ENDS]


def test_a_window_of_a_person_is_two_transfers_however_many_taps(connection: Connection) -> None:
    tap(connection, 40)
    tap(connection, 3, user="bob")
    assert (transfers(connection), purse(connection)) == (0, (280, 0))
    assert post_due(connection, ENDS - 1) == 0
    assert [post_due(connection, ENDS) for _ in range(2)] == [2, 0]
    assert (transfers(connection), purse(connection), purse(connection, "bob")) == (4, (0, 280), (0, 21))
    owed = book.balance(connection, Account(AccountKind.RECEIVABLE, "amber", "CNY"))
    assert owed.posted_micros == -9 * 43


def test_each_partner_is_billed_its_own(connection: Connection) -> None:
    tap(connection, 2)
    tap(connection, 3, partner="blue")
    post_due(connection, ENDS)
    accounts = [Account(AccountKind.RECEIVABLE, partner, "CNY") for partner in ("amber", "blue")]
    assert [book.balance(connection, account).posted_micros for account in accounts] == [-18, -27]


def test_a_retry_accrues_once_before_and_after_posting_and_another_body_is_refused(connection: Connection) -> None:
    assert accrue(connection, TAP, ENDS, 1) is RewardState.ACCRUED
    assert accrue(connection, TAP, ENDS, 2) is RewardState.ACCRUED
    post_due(connection, ENDS)
    assert accrue(connection, TAP, 2 * ENDS, ENDS) is RewardState.AVAILABLE
    assert purse(connection) == (0, 7)
    with pytest.raises(Conflicting):
        accrue(connection, replace(TAP, reward_micros=8), ENDS, 3)


@pytest.mark.parametrize(
    "other",
    [
        replace(TAP, matures_at=5),
        replace(TAP, on_hold=True),
        replace(TAP, reward_micros=0),
        replace(TAP, campaign_id="tea"),
        replace(TAP, payer=Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")),
    ],
)
def test_what_must_be_seen_at_once_is_posted_at_once(connection: Connection, other: Reward) -> None:
    fund_campaign(connection, Deposit("d", "tea", 1000, "CNY"), 1)
    assert accrue(connection, other, ENDS, 1) is not RewardState.ACCRUED
    assert purse(connection)[0] == 0


def test_who_withdraws_takes_what_is_accrued_along(connection: Connection) -> None:
    for number in range(3):
        accrue(connection, replace(TAP, event_id=f"e{number}", reward_micros=4000), ENDS, 1)
    hold_withdrawal(connection, WithdrawalOrder("w", "ann", 10_000, "CNY"), 2)
    assert purse(connection) == (0, 2000)


@pytest.mark.parametrize(
    ("act", "left"),
    [
        (lambda c: reverse_reward(c, ReversalOrder("o", "ann-amber-1", Reason.QUALITY), 2), 21),
        (lambda c: reverse_reward(c, ReversalOrder("o", "ann-amber-1", Reason.FRAUD, ground=Ground.CLAWBACK), 2), 14),
        (lambda c: freeze_tainted(c, "ban", ["ann-amber-1"], "ann", 2), 14),
    ],
)
def test_who_asks_about_an_entry_gets_it_posted_first(
    connection: Connection, act: Callable[[Connection], object], left: int
) -> None:
    tap(connection, 3)
    act(connection)
    assert purse(connection) == (0, left)
    assert post_due(connection, ENDS) == 0


def test_beyond_a_partners_credit_limit_what_was_promised_is_paid_and_the_partner_not_billed(
    connection: Connection,
) -> None:
    for number in range(3):
        accrue(connection, replace(TAP, event_id=f"e{number}"), ENDS, 1, credit_limit_micros=20)
    post_due(connection, ENDS)
    assert purse(connection) == (0, 21)
    kinds = AccountKind.NO_FAULT_RESERVE, AccountKind.REVENUE
    assert [book.balance(connection, Account(kind, "platform", "CNY")).posted_micros for kind in kinds] == [-21, 0]
    assert reverse_reward(connection, ReversalOrder("o", "e1", Reason.QUALITY), ENDS).revenue_returned_micros == 0


def test_a_debt_is_paid_by_a_quarter_of_what_is_posted(connection: Connection) -> None:
    accrue(connection, replace(TAP, event_id="big", reward_micros=10_000), ENDS, 1)
    hold_withdrawal(connection, WithdrawalOrder("w", "ann", 10_000, "CNY"), 2)
    reverse_reward(connection, ReversalOrder("o", "big", Reason.FRAUD, ground=Ground.CLAWBACK), 3)
    accrue(connection, replace(TAP, event_id="next", reward_micros=401), ENDS, 4)
    post_due(connection, ENDS)
    assert purse(connection) == (0, 401 - 100)


@pytest.mark.parametrize(
    ("corruption", "finding"),
    [
        ("UPDATE accrual SET posted_as = 'net/x' WHERE event_id = 'ann-amber-0'", "was posted with 0"),
        ("UPDATE accrual SET reward_micros = 8 WHERE event_id = 'ann-amber-0'", "its accrual of 8"),
        ("UPDATE reward SET state = 'available' WHERE event_id = 'ann-amber-0'", "its accrual says otherwise"),
        ("DELETE FROM accrual WHERE event_id = 'ann-amber-0'", "its accrual says otherwise"),
    ],
)
def test_an_entry_that_was_lost_or_changed_is_found(engine: Engine, corruption: str, finding: str) -> None:
    with engine.connect() as connection:  # left without a commit
        tap(connection, 2)
        connection.execute(text(corruption))
        assert any(finding in sentence for sentence in accruals.check(connection))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 99), st.integers(0, 3 * ENDS)), max_size=25))
def test_whatever_the_windows_everybody_gets_every_micro(entries: list[tuple[str, int, int]]) -> None:
    engine = open_database(MEMORY)
    with engine.begin() as connection:
        for number, (user, micros, at) in enumerate(sorted(entries, key=lambda entry: entry[2])):
            one = replace(TAP, event_id=f"e{number}", user_id=user, reward_micros=micros, matures_at=at)
            accrue(connection, one, window_end(at, 10), at)
            post_due(connection, at)
            assert accruals.check(connection) == []
        post_due(connection, 4 * ENDS)
        for user in "abc":
            assert purse(connection, user) == (0, sum(micros for name, micros, _ in entries if name == user))
        assert proofs.check(connection) == []
    engine.dispose()
