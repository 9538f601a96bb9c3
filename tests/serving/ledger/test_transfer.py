from typing import Any

import pytest

from features.money import MICROS_MAX
from serving.ledger.transfer import CHART, Account, AccountKind, Transfer, TransferKind, Unbalanced

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
WALLET = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")


def transfer(**changes: Any) -> Transfer:
    body = {"id": "t", "debit": EXPENSE, "credit": WALLET, "amount_micros": 1, "kind": TransferKind.REWARD}
    return Transfer(**body | {"cause_id": "e", "effective_at": 0} | changes)


@pytest.mark.parametrize("amount", [0, -1, MICROS_MAX + 1, 1.0, True])
def test_an_amount_is_a_positive_integer_below_2_to_the_53(amount: Any) -> None:
    with pytest.raises(Unbalanced, match="an amount is an integer"):
        transfer(amount_micros=amount)


def test_the_largest_amount_is_taken() -> None:
    assert transfer(amount_micros=MICROS_MAX).amount_micros == MICROS_MAX


def test_one_asset_cannot_become_another() -> None:
    with pytest.raises(Unbalanced, match="CNY cannot become JPY"):
        transfer(credit=Account(AccountKind.WALLET_AVAILABLE, "ann", "JPY"))


def test_an_account_cannot_pay_itself() -> None:
    with pytest.raises(Unbalanced, match="cannot pay itself"):
        transfer(debit=WALLET)


def test_an_advertisers_money_cannot_reach_a_wallet_directly() -> None:
    with pytest.raises(Unbalanced, match="different circles"):
        transfer(debit=Account(AccountKind.BUDGET, "c", "CNY"))


def test_an_asset_is_a_currency() -> None:
    with pytest.raises(ValueError, match="XXX"):
        transfer(
            debit=Account(AccountKind.REWARD_EXPENSE, "platform", "XXX"),
            credit=Account(AccountKind.WALLET_AVAILABLE, "ann", "XXX"),
        )


@pytest.mark.parametrize("id_", ["", "x" * 256])
def test_an_id_has_bounds(id_: str) -> None:
    with pytest.raises(Unbalanced, match="transfer id"):
        transfer(id=id_)


def test_an_account_id_can_be_read_back_whatever_its_owner_is_called() -> None:
    account = Account(AccountKind.CLEARING, "a:b:c", "JPY")
    assert Account.parse(account.id) == account


def test_every_kind_of_account_has_a_rule() -> None:
    assert set(CHART) == set(AccountKind)


def test_the_body_of_a_transfer_has_no_time_so_that_a_late_retry_is_the_same() -> None:
    assert transfer(effective_at=1).body == transfer(effective_at=2).body
