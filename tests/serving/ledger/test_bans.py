"""A ban freezes what is tainted, and nothing else; a reviewer lifts it."""

import pytest
from sqlalchemy import Connection

from features.events import Reason
from serving.ledger.bans import freeze_tainted, lift_ban, lift_event
from serving.ledger.maturity import mature
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet

CENT = 10_000


@pytest.fixture
def paid(connection: Connection) -> Connection:
    """Three rewards of 100 cents that have matured, and one that has not."""
    for number in range(1, 4):
        earn(connection, f"e{number}", matures_at=number)
    earn(connection, "late", matures_at=50)
    mature(connection, 10)
    return connection


def earn(connection: Connection, id_: str, matures_at: int, on_hold: bool = False) -> None:
    credit_reward(connection, Reward(id_, "ann", 100 * CENT, 0, "CNY", matures_at, on_hold=on_hold), 0)


def withdraw(connection: Connection, cents: int, id_: str = "w") -> None:
    hold_withdrawal(connection, WithdrawalOrder(id_, "ann", cents * CENT, "CNY"), 20)


def purse(connection: Connection) -> tuple[int, int, int]:
    """Cents: pending, available, frozen."""
    found = wallet(connection, "ann", "CNY")
    return found.pending_micros // CENT, found.available_micros // CENT, found.frozen_micros // CENT


def test_other_money_that_has_matured_can_still_be_withdrawn(paid: Connection) -> None:
    assert [freeze_tainted(paid, "ban", ["e2"], "ann", 20) for _ in range(2)] == [100 * CENT, 0]
    assert purse(paid) == (100, 200, 100)
    with pytest.raises(InsufficientFunds):
        withdraw(paid, 201)
    withdraw(paid, 200)
    assert purse(paid) == (100, 0, 100)


def test_what_is_frozen_before_it_matures_waits_until_the_ban_is_lifted(paid: Connection) -> None:
    freeze_tainted(paid, "ban", ["late"], "ann", 20)
    assert mature(paid, 60) == 0
    assert purse(paid) == (100, 300, 100)
    assert [lift_ban(paid, "ban", "Mo", "mistaken", 60) for _ in range(2)] == [1, 0]
    assert purse(paid) == (0, 400, 0)


def test_what_was_on_hold_before_the_ban_is_on_hold_after_it(connection: Connection) -> None:
    earn(connection, "e", 5, on_hold=True)
    freeze_tainted(connection, "ban", ["e"], "ann", 20)
    lift_ban(connection, "ban", "Mo", "mistaken", 30)
    assert (mature(connection, 40), purse(connection)) == (0, (100, 0, 0))


@pytest.mark.parametrize(("withdrawn", "frozen"), [(0, 100), (100, 100), (150, 50), (200, 0), (300, 0)])
def test_the_oldest_money_was_withdrawn_first_so_other_money_is_not_frozen_for_what_is_gone(
    paid: Connection, withdrawn: int, frozen: int
) -> None:
    if withdrawn:
        withdraw(paid, withdrawn)
    freeze_tainted(paid, "ban", ["e2"], None, 30)
    assert purse(paid) == (100, 300 - withdrawn - frozen, frozen)


def test_several_tainted_rewards_are_frozen_each_for_itself(paid: Connection) -> None:
    withdraw(paid, 150)
    freeze_tainted(paid, "ban", ["e3", "e2", "e1"], "ann", 30)
    assert purse(paid) == (100, 0, 150)
    lift_event(paid, "e3", "Mo", "genuine", 31)
    assert purse(paid) == (100, 100, 50)


def test_what_was_taken_back_in_part_for_fraud_is_tainted_without_being_named(paid: Connection) -> None:
    reverse_reward(paid, ReversalOrder("o", "late", Reason.FRAUD, 30 * CENT), 20)
    reverse_reward(paid, ReversalOrder("p", "e1", Reason.QUALITY, 30 * CENT), 20)
    freeze_tainted(paid, "ban", ["login"], "ann", 21)
    assert (mature(paid, 60), purse(paid)) == (0, (70, 300, 70))


def test_what_two_bans_froze_is_free_when_both_are_lifted(paid: Connection) -> None:
    for ban in ("one", "two"):
        freeze_tainted(paid, ban, ["e2", "late"], "ann", 20)
    lift_ban(paid, "one", "Mo", "mistaken", 30)
    assert (mature(paid, 60), purse(paid)) == (0, (100, 200, 200))
    lift_ban(paid, "two", "Mo", "mistaken", 60)
    assert purse(paid) == (0, 400, 0)


def test_what_two_bans_froze_is_free_at_once_when_the_event_is_found_genuine(paid: Connection) -> None:
    for ban in ("one", "two"):
        freeze_tainted(paid, ban, ["e2"], None, 20)
    assert lift_event(paid, "e2", "Mo", "genuine", 30) == 2
    assert purse(paid)[2] == 0


def test_fraud_that_is_found_takes_what_the_ban_had_frozen(paid: Connection) -> None:
    freeze_tainted(paid, "ban", ["e2"], "ann", 20)
    withdraw(paid, 200)
    order = ReversalOrder("o", "e2", Reason.FRAUD, ground=Ground.CLAWBACK)
    assert reverse_reward(paid, order, 30).from_available_micros == 100 * CENT
    assert (purse(paid), lift_ban(paid, "ban", "Mo", "mistaken", 31)) == ((100, 0, 0), 0)


def test_who_lifts_a_ban_gives_a_name_and_a_reason(paid: Connection) -> None:
    freeze_tainted(paid, "ban", ["e2"], "ann", 20)
    with pytest.raises(ValueError, match="a name"):
        lift_ban(paid, "ban", " ", "mistaken", 30)
