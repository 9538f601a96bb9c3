import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from features.money import MICROS_MAX
from serving.ledger import book, holds, proofs
from serving.ledger.holds import Hold, HoldState
from serving.ledger.refusals import (
    AlreadyResolved,
    BeyondTheBook,
    Conflicting,
    ConflictingTransfer,
    InsufficientFunds,
    Missing,
)
from serving.ledger.statement import statement, trial_balance
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
BOB = Account(AccountKind.WALLET_AVAILABLE, "bob", "CNY")
CLEARING = Account(AccountKind.CLEARING, "bank", "CNY")


def pay(id_: str, amount: int, debit: Account = EXPENSE, credit: Account = ANN, at: int = 1) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=amount,
        kind=TransferKind.REWARD,
        cause_id="cause",
        effective_at=at,
    )


def available(connection: Connection, account: Account) -> int:
    return book.balance(connection, account).available_micros


def test_a_transfer_takes_from_one_account_what_it_gives_to_the_other(connection: Connection) -> None:
    assert book.post(connection, [pay("t", 70)], now=1) == 1
    assert (available(connection, EXPENSE), available(connection, ANN)) == (-70, 70)


def test_many_transfers_of_one_account_add_up(connection: Connection) -> None:
    book.post(connection, [pay(f"t{number}", 10) for number in range(5)], now=1)
    book.post(connection, [pay("back", 30, debit=ANN, credit=BOB)], now=2)
    assert (available(connection, ANN), available(connection, BOB)) == (20, 30)


def test_linked_transfers_are_posted_all_or_none(connection: Connection) -> None:
    with pytest.raises(InsufficientFunds):
        book.post(connection, [pay("good", 10, credit=BOB), pay("bad", 1, debit=ANN, credit=CLEARING)], now=1)
    assert available(connection, BOB) == 0
    assert statement(connection, BOB) == []


def test_a_refusal_names_account_and_amounts(connection: Connection) -> None:
    book.post(connection, [pay("t", 70)], now=1)
    with pytest.raises(InsufficientFunds) as refusal:
        book.post(connection, [pay("u", 100, debit=ANN, credit=BOB)], now=1)
    assert str(refusal.value) == "wallet_available:CNY:ann has 70 micros available: 30 too few"
    assert refusal.value.facts == {
        "account": "wallet_available:CNY:ann",
        "available_micros": 70,
        "min_available": 0,
        "short_micros": 30,
    }
    with pytest.raises(InsufficientFunds, match="has 70 micros available and must keep 71: 1 too few"):
        book.limit(connection, ANN, 71)


def test_the_same_transfer_again_has_no_effect_even_at_another_time(connection: Connection) -> None:
    book.post(connection, [pay("t", 70, at=1)], now=1)
    assert book.post(connection, [pay("t", 70, at=9), pay("u", 1)], now=9) == 1
    assert available(connection, ANN) == 71


def test_the_same_transfer_twice_in_one_batch_counts_once(connection: Connection) -> None:
    assert book.post(connection, [pay("t", 70), pay("t", 70)], now=1) == 1
    assert available(connection, ANN) == 70


def test_an_account_counts_exactly_up_to_its_bound_and_is_refused_beyond(connection: Connection) -> None:
    whole = book.POSTED_MAX // MICROS_MAX
    book.post(connection, [pay(f"t{number}", MICROS_MAX) for number in range(whole)], now=1)
    with pytest.raises(BeyondTheBook, match="an account can count"):
        book.post(connection, [pay("beyond", MICROS_MAX)], now=1)
    book.post(connection, [pay("last", book.POSTED_MAX - whole * MICROS_MAX)], now=1)
    assert available(connection, ANN) == book.POSTED_MAX
    with pytest.raises(BeyondTheBook):
        book.post(connection, [pay("one more", 1)], now=1)
    assert proofs.check(connection) == []


@pytest.mark.parametrize("other", [pay("t", 71), pay("t", 70, credit=BOB)])
def test_a_used_id_with_another_body_is_refused(connection: Connection, other: Transfer) -> None:
    book.post(connection, [pay("t", 70)], now=1)
    with pytest.raises(ConflictingTransfer):
        book.post(connection, [pay("u", 1), other], now=2)
    with pytest.raises(ConflictingTransfer):
        book.post(connection, [pay("v", 1), pay("v", 2)], now=2)
    assert available(connection, ANN) == 70


def test_a_batch_is_bounded(connection: Connection) -> None:
    with pytest.raises(ValueError, match="at most 1000"):
        book.post(connection, [pay(f"t{number}", 1) for number in range(1001)], now=1)


def test_a_reversal_mirrors_the_transfer_once_and_edits_nothing(connection: Connection) -> None:
    book.post(connection, [pay("t", 70)], now=1)
    mirrors = [book.reverse(connection, "t", "mistake", now) for now in (2, 3)]
    assert {mirror.id for mirror in mirrors} == {"t/reversed"}
    assert [(entry.transfer_id, entry.amount_micros) for entry in statement(connection, ANN)] == [
        ("t", 70),
        ("t/reversed", -70),
    ]
    with pytest.raises(Missing):
        book.reverse(connection, "nothing", "mistake", 2)


def test_a_credit_limit_bounds_what_may_be_owed(connection: Connection) -> None:
    owed = Account(AccountKind.RECEIVABLE, "partner", "CNY")
    revenue = Account(AccountKind.REVENUE, "platform", "CNY")
    book.limit(connection, owed, -100)
    book.post(connection, [pay("t", 100, debit=owed, credit=revenue)], now=1)
    with pytest.raises(InsufficientFunds):
        book.post(connection, [pay("u", 1, debit=owed, credit=revenue)], now=1)
    with pytest.raises(InsufficientFunds):
        book.limit(connection, owed, -99)
    book.limit(connection, owed, None)
    book.post(connection, [pay("u", 1, debit=owed, credit=revenue)], now=1)
    assert available(connection, owed) == -101


def test_six_holds_of_1000_on_5000_leave_the_sixth_refused(connection: Connection) -> None:
    book.post(connection, [pay("t", 5000)], now=1)
    for number in range(5):
        holds.hold(connection, Hold(f"h{number}", ANN, 1000, "w"), now=2)
    with pytest.raises(InsufficientFunds):
        holds.hold(connection, Hold("h5", ANN, 1000, "w"), now=2)
    with pytest.raises(InsufficientFunds):
        book.post(connection, [pay("u", 1, debit=ANN, credit=BOB)], now=2)
    assert book.balance(connection, ANN) == book.Balance(5000, 5000, 0)


def test_a_captured_hold_is_spent_once(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], now=1)
    holds.hold(connection, Hold("h", ANN, 30, "w"), now=2)
    for now in (3, 4):
        holds.capture(connection, "h", CLEARING, now)
    assert (available(connection, ANN), available(connection, CLEARING)) == (20, 30)
    with pytest.raises(AlreadyResolved):
        holds.release(connection, "h", 5)
    with pytest.raises(ConflictingTransfer):
        holds.capture(connection, "h", BOB, 5)


def test_a_released_hold_is_available_once(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], now=1)
    holds.hold(connection, Hold("h", ANN, 30, "w"), now=2)
    for now in (3, 4):
        holds.release(connection, "h", now)
    assert book.balance(connection, ANN) == book.Balance(50, 0, 0)
    with pytest.raises(AlreadyResolved):
        holds.capture(connection, "h", CLEARING, 5)


def test_the_same_hold_again_has_no_effect_and_another_body_is_refused(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], now=1)
    wanted = Hold("h", ANN, 30, "w")
    assert holds.hold(connection, wanted, 2) == holds.hold(connection, wanted, 3)
    with pytest.raises(Conflicting):
        holds.hold(connection, Hold("h", ANN, 31, "w"), 3)
    holds.release(connection, "h", 4)
    assert holds.hold(connection, wanted, 5).state is HoldState.RELEASED
    assert available(connection, ANN) == 50
    with pytest.raises(Missing):
        holds.release(connection, "nothing", 5)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE transfer SET amount_micros = 1", "never edited"),
        ("DELETE FROM transfer", "never deleted"),
        ("UPDATE hold SET amount_micros = 1", "resolves once"),
        ("UPDATE hold SET state = 'released' WHERE id = 'resolved'", "resolves once"),
        ("DELETE FROM hold", "never deleted"),
        ("INSERT OR REPLACE INTO transfer SELECT * FROM transfer", "never replaced|transfer_pkey"),
        ("INSERT OR REPLACE INTO hold SELECT * FROM hold", "never replaced|hold_pkey"),
        (
            "UPDATE balance SET posted = posted - 51 WHERE account IN (SELECT number FROM account WHERE owner = 'ann')",
            "balance_available",
        ),
        (
            "UPDATE balance SET pending_out = 51 WHERE account IN (SELECT number FROM account WHERE owner = 'ann')",
            "balance_available",
        ),
        (
            "UPDATE balance SET pending_out = -1 WHERE account IN (SELECT number FROM account WHERE owner = 'ann')",
            "balance_pending_out",
        ),
        ("DELETE FROM balance", "never deleted"),
        ("UPDATE balance SET account = account + 1000", "stays that of its account|balance_account_fkey"),
        ("INSERT OR REPLACE INTO balance SELECT * FROM balance", "never replaced|balance_pkey"),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, credit, 0, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer",
            "amount",
        ),
        (
            "INSERT INTO transfer SELECT 99, id, debit, credit, 1, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer",
            "transfer.id|transfer_once",
        ),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, debit, 1, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer",
            "two_acc",
        ),
    ],
)
def test_the_database_itself_refuses_raw_edits(engine: Engine, statement: str, message: str) -> None:
    with engine.begin() as connection:
        book.post(connection, [pay("t", 50)], now=1)
        holds.hold(connection, Hold("h", ANN, 5, "w"), now=1)
        holds.hold(connection, Hold("resolved", ANN, 5, "w"), now=1)
        holds.release(connection, "resolved", now=1)
    if engine.dialect.name == "postgresql":
        statement = statement.replace(" OR REPLACE", "")  # words that it does not know: there a key refuses
    with pytest.raises(IntegrityError, match=message), engine.begin() as connection:
        connection.execute(text(statement))


def test_a_statement_is_read_page_by_page(connection: Connection) -> None:
    book.post(connection, [pay(f"t{number}", 1 + number) for number in range(5)], now=1)
    first = statement(connection, ANN, limit=3)
    rest = statement(connection, ANN, after=first[-1].sequence, limit=3)
    assert [entry.amount_micros for entry in first + rest] == [1, 2, 3, 4, 5]


def test_the_trial_balance_has_equal_debits_and_credits(connection: Connection) -> None:
    book.post(connection, [pay("t", 50), pay("u", 7, credit=BOB)], now=1)
    lines = {line.kind: (line.debit_micros, line.credit_micros) for line in trial_balance(connection)}
    assert lines == {AccountKind.REWARD_EXPENSE: (57, 0), AccountKind.WALLET_AVAILABLE: (0, 57)}


def test_truncating_is_deleting(shared_engine: Engine) -> None:
    with pytest.raises(IntegrityError, match="never deleted"), shared_engine.begin() as connection:
        connection.execute(text("TRUNCATE transfer"))
