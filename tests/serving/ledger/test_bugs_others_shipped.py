"""Bugs that other ledgers shipped, each by its name: here they must not be possible."""

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from sqlalchemy import Connection, Engine

from features.events import Reason
from serving.ledger import book, holds, proofs
from serving.ledger.holds import Hold
from serving.ledger.refusals import Conflicting, ConflictingTransfer, InsufficientFunds
from serving.ledger.reversals import ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
BANK = Account(AccountKind.CLEARING, "bank", "CNY")
THREADS, EACH = 4, 6


def pay(id_: str, micros: int, debit: Account = EXPENSE, credit: Account = ANN, at: int = 1) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id="cause",
        effective_at=at,
    )


def at_once(work: Callable[[int], None]) -> None:
    """Run `work(0)`, `work(1)`, ... in threads that begin together; what one raises fails the test."""
    together, failures = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        together.wait()
        try:
            work(number)
        except Exception as failure:  # noqa: BLE001  # told below, in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_hold_that_is_ignored_in_the_available_balance(connection: Connection) -> None:
    """Six holds of 1000 on 5000 were all accepted, and so was a transfer of what they held."""
    book.post(connection, [pay("t", 5000)], 1)
    granted = 0
    for number in range(6):
        with suppress(InsufficientFunds):
            holds.hold(connection, Hold(f"h{number}", ANN, 1000, "w"), 2)
            granted += 1
    assert (granted, book.balance(connection, ANN).available_micros) == (5, 0)
    with pytest.raises(InsufficientFunds):
        book.post(connection, [pay("u", 1, debit=ANN, credit=BANK)], 2)
    with pytest.raises(InsufficientFunds):
        hold_withdrawal(connection, WithdrawalOrder("w", "ann", 10_000, "CNY"), 2)


def test_a_hold_that_is_ignored_when_people_race_for_it(engine: Engine) -> None:
    with engine.begin() as connection:
        book.post(connection, [pay("t", 5000)], 1)
    granted = []

    def work(number: int) -> None:
        for turn in range(EACH):
            with suppress(InsufficientFunds), engine.begin() as connection:
                holds.hold(connection, Hold(f"h{number}-{turn}", ANN, 1000, "w"), 2)
                granted.append(turn)

    at_once(work)
    with engine.begin() as connection:
        assert (len(granted), book.balance(connection, ANN).available_micros) == (5, 0)
        assert proofs.check(connection) == []


def test_a_lost_update_on_the_destination_because_only_the_source_was_locked(engine: Engine) -> None:
    """Each thread has a source of its own; all pay into one wallet."""
    sources = [Account(AccountKind.REWARD_BUDGET, f"c{number}", "CNY") for number in range(THREADS)]
    with engine.begin() as connection:
        book.post(connection, [pay(f"fund {one.owner}", 7 * EACH, credit=one) for one in sources], 1)
        book.post(connection, [pay("first", 1)], 1)

    def work(number: int) -> None:
        for turn in range(EACH):
            with engine.begin() as connection:
                book.post(connection, [pay(f"t{number}-{turn}", 7, debit=sources[number])], 2)

    at_once(work)
    with engine.begin() as connection:
        assert book.balance(connection, ANN).posted_micros == 1 + THREADS * EACH * 7
        assert proofs.check(connection) == []


def test_two_who_pay_each_other_wait_for_each_other_for_ever(engine: Engine) -> None:
    """Accounts that are locked in the order of each transfer, not in one order, deadlock."""
    bob = Account(AccountKind.WALLET_AVAILABLE, "bob", "CNY")
    with engine.begin() as connection:
        book.post(connection, [pay("a", 1000), pay("b", 1000, credit=bob)], 1)

    def work(number: int) -> None:
        debit, credit = (ANN, bob) if number % 2 else (bob, ANN)
        for turn in range(EACH):
            with engine.begin() as connection:
                book.post(connection, [pay(f"t{number}-{turn}", 5, debit=debit, credit=credit)], 2)

    at_once(work)
    with engine.begin() as connection:
        both = [book.balance(connection, account).posted_micros for account in (ANN, bob)]
        assert (both, proofs.check(connection)) == ([1000, 1000], [])


def test_the_same_key_twice_in_one_batch_crashes(connection: Connection) -> None:
    assert book.post(connection, [pay("t", 70), pay("u", 1), pay("t", 70)], 1) == 2
    assert book.balance(connection, ANN).posted_micros == 71
    with pytest.raises(ConflictingTransfer):
        book.post(connection, [pay("v", 70), pay("v", 71)], 1)


def test_the_same_key_with_another_body_silently_replays_the_old_answer(connection: Connection) -> None:
    book.post(connection, [pay("t", 70)], 1)
    holds.hold(connection, Hold("h", ANN, 5, "w"), 1)
    reward = Reward("e", "ann", 60, 0, "CNY", 0)
    credit_reward(connection, reward, 1)
    order = ReversalOrder("o", "e", Reason.QUALITY, 10)
    reverse_reward(connection, order, 1)
    others: list[Callable[[], object]] = [
        lambda: book.post(connection, [pay("t", 71)], 2),
        lambda: book.post(connection, [pay("t", 70, credit=BANK)], 2),
        lambda: holds.hold(connection, Hold("h", ANN, 6, "w"), 2),
        lambda: credit_reward(connection, Reward("e", "ann", 61, 0, "CNY", 0), 2),
        lambda: credit_reward(connection, Reward("e", "bob", 60, 0, "CNY", 0), 2),
        lambda: reverse_reward(connection, ReversalOrder("o", "e", Reason.QUALITY, 11), 2),
        lambda: reverse_reward(connection, ReversalOrder("o", "e", Reason.FRAUD, 10), 2),
    ]
    before = wallet(connection, "ann", "CNY")
    for other in others:
        with pytest.raises(Conflicting):
            other()
    assert wallet(connection, "ann", "CNY") == before


def test_a_timestamp_inside_the_compared_body_turns_every_retry_into_a_conflict(connection: Connection) -> None:
    reward, order = Reward("e", "ann", 60, 0, "CNY", 5), ReversalOrder("o", "e", Reason.QUALITY, 10)
    for now in (1, 9):
        assert book.post(connection, [pay("t", 70, at=now)], now) == (now == 1)
        holds.hold(connection, Hold("h", ANN, 5, "w"), now)
        credit_reward(connection, Reward("e", "ann", 60, 0, "CNY", 5 + now), now)
        assert reverse_reward(connection, order, now).reversed_micros == 10
    credit_reward(connection, reward, 10)
    found = wallet(connection, "ann", "CNY")
    assert (found.pending_micros, found.available_micros, found.held_micros) == (50, 65, 5)
