from dataclasses import replace

import pytest
from sqlalchemy import Connection

from features.events import Reason
from serving.ledger import book
from serving.ledger.holds import Hold, hold
from serving.ledger.maturity import mature, release_on_hold
from serving.ledger.refusals import Conflicting, Missing
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Deposit, Reward, credit_reward, find_reward, fund_campaign
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import wallet

DUE = 100
REWARD = Reward("e", "ann", 600, 1000, "CNY", matures_at=DUE, campaign_id="game", partner_id="network")
WHOLE, PART, TOO_MUCH = None, 200, 9999


def earn(connection: Connection, *, stage: str) -> None:
    credit_reward(connection, replace(REWARD, on_hold=stage == "on hold"), now=1)
    if stage == "available":
        mature(connection, DUE)


def purse(connection: Connection) -> tuple[int, int]:
    found = wallet(connection, "ann", "CNY")
    return found.pending_micros, found.available_micros


def posted(connection: Connection, kind: AccountKind, owner: str = "platform") -> int:
    return book.balance(connection, Account(kind, owner, "CNY")).posted_micros


def state(connection: Connection) -> str:
    row = find_reward(connection, "e")
    assert row is not None
    return str(row.state)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize(("asked", "taken"), [(WHOLE, 600), (PART, 200), (TOO_MUCH, 600), (0, 0)])
@pytest.mark.parametrize("stage", ["pending", "on hold"])
def test_before_maturity_it_comes_out_of_the_pending_wallet(
    connection: Connection, stage: str, asked: int | None, taken: int, reason: Reason
) -> None:
    earn(connection, stage=stage)
    reversal = reverse_reward(connection, ReversalOrder("o", "e", reason, asked), now=2)
    assert (reversal.from_pending_micros, reversal.reversed_micros) == (taken, taken)
    assert purse(connection) == (600 - taken, 0)
    assert posted(connection, AccountKind.RECEIVABLE, "network") == -1000 + reversal.revenue_returned_micros
    assert reversal.revenue_returned_micros == 1000 * taken // 600


@pytest.mark.parametrize(("asked", "taken"), [(WHOLE, 600), (PART, 200), (TOO_MUCH, 600)])
def test_after_maturity_fraud_is_taken_out_of_the_wallet(connection: Connection, asked: int | None, taken: int) -> None:
    earn(connection, stage="available")
    reversal = reverse_reward(connection, ReversalOrder("o", "e", Reason.FRAUD, asked), now=DUE)
    assert (reversal.from_available_micros, reversal.from_reserve_micros) == (taken, 0)
    assert purse(connection) == (0, 600 - taken)


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.FRAUD])
@pytest.mark.parametrize(("asked", "taken"), [(WHOLE, 600), (PART, 200), (TOO_MUCH, 600)])
def test_after_maturity_who_did_nothing_wrong_keeps_the_reward(
    connection: Connection, asked: int | None, taken: int, reason: Reason
) -> None:
    earn(connection, stage="available")
    reversal = reverse_reward(connection, ReversalOrder("o", "e", reason, asked), now=DUE)
    assert reversal.from_reserve_micros == taken
    assert purse(connection) == (0, 600)
    assert posted(connection, AccountKind.NO_FAULT_RESERVE) == -taken
    assert posted(connection, AccountKind.REWARD_EXPENSE) == -600 + taken


def test_fraud_takes_what_is_left_in_the_wallet_and_the_reserve_bears_the_rest(connection: Connection) -> None:
    earn(connection, stage="available")
    hold(connection, Hold("h", Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY"), 450, "w"), now=DUE)
    reversal = reverse_reward(connection, ReversalOrder("o", "e", Reason.FRAUD), now=DUE)
    assert (reversal.from_available_micros, reversal.from_reserve_micros) == (150, 450)
    assert wallet(connection, "ann", "CNY").available_micros == 0
    assert wallet(connection, "ann", "CNY").held_micros == 450


def test_the_same_outcome_twice_takes_once_and_answers_the_same(connection: Connection) -> None:
    earn(connection, stage="pending")
    order = ReversalOrder("o", "e", Reason.QUALITY, PART)
    assert reverse_reward(connection, order, now=2) == reverse_reward(connection, order, now=3)
    assert purse(connection) == (400, 0)
    for other in (replace(order, amount_micros=201), replace(order, reason=Reason.FRAUD)):
        with pytest.raises(Conflicting):
            reverse_reward(connection, other, now=4)


def test_several_outcomes_never_take_more_than_the_reward_and_return_the_revenue_exactly(
    connection: Connection,
) -> None:
    earn(connection, stage="pending")
    orders = [ReversalOrder(f"o{number}", "e", Reason.BUDGET, 250) for number in range(4)]
    taken = [reverse_reward(connection, order, now=2) for order in orders]
    assert [reversal.reversed_micros for reversal in taken] == [250, 250, 100, 0]
    assert [reversal.revenue_returned_micros for reversal in taken] == [416, 417, 167, 0]
    assert (purse(connection), state(connection)) == ((0, 0), "reversed")


def test_what_remains_after_a_partial_reversal_matures(connection: Connection) -> None:
    earn(connection, stage="pending")
    reverse_reward(connection, ReversalOrder("o", "e", Reason.QUALITY, PART), now=2)
    mature(connection, DUE)
    assert (purse(connection), state(connection)) == ((0, 400), "available")
    reverse_reward(connection, ReversalOrder("p", "e", Reason.FRAUD), now=DUE)
    assert (purse(connection), state(connection)) == ((0, 0), "reversed")


def test_what_was_reversed_whole_neither_matures_nor_is_released(connection: Connection) -> None:
    earn(connection, stage="on hold")
    reverse_reward(connection, ReversalOrder("o", "e", Reason.FRAUD), now=2)
    assert (release_on_hold(connection, "e", DUE), mature(connection, DUE)) == ("reversed", 0)
    assert purse(connection) == (0, 0)


def test_the_budget_of_a_prepaid_campaign_gets_its_money_back(connection: Connection) -> None:
    fund_campaign(connection, Deposit("d", "game", 1000, "CNY"), now=1)
    earn(connection, stage="pending")
    reverse_reward(connection, ReversalOrder("o", "e", Reason.DUPLICATE), now=2)
    assert posted(connection, AccountKind.BUDGET, "game") == 1000
    assert posted(connection, AccountKind.REVENUE) == 0


def test_revenue_without_a_reward_is_returned_whole(connection: Connection) -> None:
    credit_reward(connection, replace(REWARD, reward_micros=0), now=1)
    reversal = reverse_reward(connection, ReversalOrder("o", "e", Reason.ATTRIBUTION), now=2)
    assert (reversal.revenue_returned_micros, state(connection)) == (1000, "reversed")


def test_a_reward_that_does_not_exist_cannot_be_reversed(connection: Connection) -> None:
    with pytest.raises(Missing):
        reverse_reward(connection, ReversalOrder("o", "nothing", Reason.FRAUD), now=2)
    with pytest.raises(ValueError, match="zero or more"):
        ReversalOrder("o", "e", Reason.FRAUD, -1)


def test_what_the_reserve_paid_and_must_bear_stays_where_it_is_until_fraud_is_found(connection: Connection) -> None:
    reserve = Account(AccountKind.NO_FAULT_RESERVE, "platform", "CNY")
    credit_reward(connection, replace(REWARD, payer=reserve, revenue_micros=0), now=DUE)
    reverse_reward(connection, ReversalOrder("o", "e", Reason.QUALITY), now=DUE)
    assert (posted(connection, AccountKind.NO_FAULT_RESERVE), purse(connection)) == (-600, (0, 600))
    reverse_reward(connection, ReversalOrder("p", "e", Reason.FRAUD, ground=Ground.CLAWBACK), now=DUE)
    assert (posted(connection, AccountKind.NO_FAULT_RESERVE), purse(connection)) == (0, (0, 0))
