from dataclasses import replace

import pytest
from sqlalchemy import Connection

from serving.ledger import book
from serving.ledger.maturity import mature, release_on_hold
from serving.ledger.refusals import Conflicting, InsufficientFunds, Missing
from serving.ledger.rewards import Deposit, Funding, Reward, RewardState, credit_reward, find_reward, fund_campaign
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import TooSmall, Wallet, WithdrawalOrder, hold_withdrawal, wallet

DUE = 100
REWARD = Reward("e", "ann", 600, 1000, "CNY", matures_at=DUE, campaign_id="game", partner_id="network")


def posted(connection: Connection, kind: AccountKind, owner: str = "platform") -> int:
    return book.balance(connection, Account(kind, owner, "CNY")).posted_micros


def purse(connection: Connection, user_id: str = "ann") -> tuple[int, int]:
    found = wallet(connection, user_id, "CNY")
    return found.pending_micros, found.available_micros


def test_a_postpaid_reward_is_owed_by_the_partner_and_waits_for_maturity(connection: Connection) -> None:
    assert credit_reward(connection, REWARD, now=1) is RewardState.PENDING
    assert purse(connection) == (600, 0)
    assert posted(connection, AccountKind.RECEIVABLE, "network") == -1000
    assert posted(connection, AccountKind.REVENUE) == 1000
    assert posted(connection, AccountKind.REWARD_EXPENSE) == -600


def test_a_funded_campaign_pays_out_of_its_budget_until_it_is_empty(connection: Connection) -> None:
    fund_campaign(connection, Deposit("d", "game", 1500, "CNY"), now=1)
    fund_campaign(connection, Deposit("d", "game", 1500, "CNY"), now=2)
    credit_reward(connection, REWARD, now=2)
    assert posted(connection, AccountKind.BUDGET, "game") == 500
    with pytest.raises(InsufficientFunds):
        credit_reward(connection, replace(REWARD, event_id="f"), now=3)
    assert (purse(connection), find_reward(connection, "f")) == ((600, 0), None)
    fund_campaign(connection, Deposit("d2", "game", 500, "CNY"), now=4)
    credit_reward(connection, replace(REWARD, event_id="f"), now=4)
    assert posted(connection, AccountKind.BUDGET, "game") == 0


def test_the_funding_may_be_said_outright(connection: Connection) -> None:
    with pytest.raises(InsufficientFunds):
        credit_reward(connection, replace(REWARD, funding=Funding.PREPAID), now=1)
    fund_campaign(connection, Deposit("d", "game", 5000, "CNY"), now=1)
    credit_reward(connection, replace(REWARD, funding=Funding.POSTPAID), now=1)
    assert posted(connection, AccountKind.BUDGET, "game") == 5000
    with pytest.raises(ValueError, match="only a campaign"):
        replace(REWARD, campaign_id=None, funding=Funding.PREPAID)


def test_a_credit_limit_stops_a_partner_that_owes_too_much(connection: Connection) -> None:
    credit_reward(connection, REWARD, now=1, credit_limit_micros=1999)
    with pytest.raises(InsufficientFunds):
        credit_reward(connection, replace(REWARD, event_id="f"), now=1, credit_limit_micros=1999)
    book.limit(connection, Account(AccountKind.RECEIVABLE, "network", "CNY"), -2000)
    credit_reward(connection, replace(REWARD, event_id="f"), now=1, credit_limit_micros=1999)


@pytest.mark.parametrize(
    ("partner", "campaign", "owner"),
    [("network", "game", "network"), (None, "game", "game"), (None, None, "unattributed")],
)
def test_somebody_always_owes_the_revenue(
    connection: Connection, partner: str | None, campaign: str | None, owner: str
) -> None:
    credit_reward(connection, replace(REWARD, partner_id=partner, campaign_id=campaign), now=1)
    assert posted(connection, AccountKind.RECEIVABLE, owner) == -1000


def test_a_reward_that_is_due_at_once_is_available_at_once(connection: Connection) -> None:
    assert credit_reward(connection, REWARD, now=DUE) is RewardState.AVAILABLE
    assert purse(connection) == (0, 600)


@pytest.mark.parametrize(("reward", "revenue"), [(0, 1000), (600, 0), (0, 0)])
def test_what_is_zero_is_recorded_and_moves_nothing(connection: Connection, reward: int, revenue: int) -> None:
    credit_reward(connection, replace(REWARD, reward_micros=reward, revenue_micros=revenue), now=1)
    assert (purse(connection), posted(connection, AccountKind.REVENUE)) == ((reward, 0), revenue)
    assert mature(connection, DUE) == 1
    assert purse(connection) == (0, reward)


def test_the_same_reward_again_has_no_effect_and_another_body_is_refused(connection: Connection) -> None:
    credit_reward(connection, REWARD, now=1)
    assert credit_reward(connection, replace(REWARD, matures_at=5, on_hold=True), now=9) is RewardState.PENDING
    for other in (replace(REWARD, reward_micros=601), replace(REWARD, user_id="bob")):
        with pytest.raises(Conflicting):
            credit_reward(connection, other, now=2)
    assert purse(connection) == (600, 0)


def test_rewards_mature_once_when_due_the_oldest_first_in_bounded_batches(connection: Connection) -> None:
    for number in range(5):
        credit_reward(connection, replace(REWARD, event_id=f"e{number}", matures_at=DUE + number), now=1)
    assert mature(connection, DUE - 1) == 0
    assert [mature(connection, DUE + 3, limit=3) for _ in range(3)] == [3, 1, 0]
    assert purse(connection) == (600, 2400)
    assert [find_reward(connection, f"e{number}").state for number in (0, 4)] == ["available", "pending"]  # type: ignore[union-attr]  # just recorded


def test_a_reward_on_hold_never_matures_by_itself(connection: Connection) -> None:
    assert credit_reward(connection, replace(REWARD, on_hold=True), now=DUE) is RewardState.ON_HOLD
    assert mature(connection, DUE * 2) == 0
    assert purse(connection) == (600, 0)


@pytest.mark.parametrize(
    ("now", "state", "wallet"),
    [(DUE - 1, RewardState.PENDING, (600, 0)), (DUE, RewardState.AVAILABLE, (0, 600))],
)
def test_a_genuine_reward_on_hold_goes_where_its_maturity_says(
    connection: Connection, now: int, state: RewardState, wallet: tuple[int, int]
) -> None:
    credit_reward(connection, replace(REWARD, on_hold=True), now=1)
    assert [release_on_hold(connection, "e", now) for _ in range(2)] == [state, state]
    assert purse(connection) == wallet
    with pytest.raises(Missing):
        release_on_hold(connection, "nothing", now)


def test_a_withdrawal_holds_whole_units_and_the_wallet_says_what_is_left(connection: Connection) -> None:
    credit_reward(connection, replace(REWARD, reward_micros=1_234_567, revenue_micros=0), now=DUE)
    assert wallet(connection, "ann", "CNY") == Wallet(0, 1_234_567, 0, 1_230_000)
    held = hold_withdrawal(connection, WithdrawalOrder("w", "ann", 1_009_999, "CNY"), now=DUE)
    assert held.amount_micros == 1_000_000
    assert wallet(connection, "ann", "CNY") == Wallet(0, 234_567, 1_000_000, 230_000)
    with pytest.raises(TooSmall):
        hold_withdrawal(connection, WithdrawalOrder("v", "ann", 9_999, "CNY"), now=DUE)


def test_yen_are_paid_whole(connection: Connection) -> None:
    credit_reward(connection, replace(REWARD, reward_micros=2_999_999, currency="JPY"), now=DUE)
    held = hold_withdrawal(connection, WithdrawalOrder("w", "ann", 2_999_999, "JPY"), now=DUE)
    assert held.amount_micros == 2_000_000


def test_each_currency_has_its_own_wallet(connection: Connection) -> None:
    credit_reward(connection, REWARD, now=DUE)
    credit_reward(connection, replace(REWARD, event_id="f", currency="USD"), now=1)
    assert wallet(connection, "ann", "USD") == Wallet(600, 0, 0, 0)
    assert purse(connection) == (0, 600)
