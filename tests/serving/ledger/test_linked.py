"""Linked transfers: all of a group, or none."""

from sqlalchemy import Connection

from serving.ledger import book
from serving.ledger.linked import post_linked
from serving.ledger.refusals import ConflictingTransfer, InsufficientFunds
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
BOB = Account(AccountKind.WALLET_AVAILABLE, "bob", "CNY")


def pay(id_: str, micros: int, debit: Account = EXPENSE, credit: Account = ANN) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id="cause",
        effective_at=1,
    )


def posted(connection: Connection, account: Account) -> int:
    return book.balance(connection, account).posted_micros


def test_a_group_is_posted_whole_or_not_at_all_and_takes_no_other_with_it(connection: Connection) -> None:
    groups = [
        [pay("a", 10), pay("b", 4, ANN, BOB)],
        [pay("c", 7), pay("d", 100, BOB, ANN)],
        [pay("e", 1)],
    ]
    refused = post_linked(connection, groups, 1)
    assert [type(one) for one in refused] == [type(None), InsufficientFunds, type(None)]
    assert (posted(connection, ANN), posted(connection, BOB)) == (7, 4)
    assert [type(one) for one in post_linked(connection, groups, 2)] == [type(None), InsufficientFunds, type(None)]
    assert (posted(connection, ANN), posted(connection, BOB)) == (7, 4)


def test_groups_that_fit_together_are_one_batch(connection: Connection) -> None:
    assert post_linked(connection, [[pay("a", 1, ANN, BOB)], [pay("b", 1)]], 1) == [None, None]
    assert (posted(connection, ANN), posted(connection, BOB)) == (0, 1)


def test_a_used_id_with_another_body_refuses_its_group_alone(connection: Connection) -> None:
    book.post(connection, [pay("a", 1)], 1)
    refused = post_linked(connection, [[pay("a", 2), pay("b", 1)], [pay("c", 1)]], 2)
    assert [type(one) for one in refused] == [ConflictingTransfer, type(None)]
    assert posted(connection, ANN) == 2
