"""The chain, the histories that follow from it, and what is remembered of accounts between batches."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.exc import IntegrityError

from serving.database import open_database, reading
from serving.ledger import book, chain, holds, proofs
from serving.ledger.accounts import LEDGER_EVENT
from serving.ledger.book import Balance
from serving.ledger.chain import EventKind
from serving.ledger.history import balance_at
from serving.ledger.holds import Hold, HoldState
from serving.ledger.refusals import AlreadyResolved, ConflictingTransfer, HoldExpired, InsufficientFunds
from serving.ledger.statement import trial_balance
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
BOB = Account(AccountKind.WALLET_AVAILABLE, "bob", "CNY")
CLEARING = Account(AccountKind.CLEARING, "bank", "CNY")
BUDGET = Account(AccountKind.BUDGET, "tea", "CNY")
CASH = Account(AccountKind.CASH, "platform", "CNY")
REVENUE = Account(AccountKind.REVENUE, "platform", "CNY")


def pay(id_: str, micros: int, debit: Account = EXPENSE, credit: Account = ANN, at: int = 1) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=micros,
        kind=TransferKind.REWARD,
        cause_id="why",
        effective_at=at,
    )


def kinds(connection: Connection) -> list[str]:
    return [link.row.kind for link in chain.walk(connection)]


def test_every_account_transfer_hold_and_limit_is_one_event_of_a_chain_without_gaps(connection: Connection) -> None:
    book.post(connection, [pay("t", 70)], 1)
    holds.hold(connection, Hold("h", ANN, 30, "w"), 2)
    holds.capture(connection, "h", CLEARING, 3)
    book.limit(connection, EXPENSE, -100)
    links = list(chain.walk(connection))
    assert [link.sequence for link in links] == list(range(1, len(links) + 1))
    assert all(link.hash == link.expected for link in links)
    assert chain.head(connection) == (links[-1].sequence, links[-1].hash)
    told = [link.row.kind for link in links]
    assert told == ["opened", "opened", "reward", "held", "opened", "captured", "capture", "limited"]


def test_the_hash_of_a_transfer_covers_all_that_it_says(connection: Connection) -> None:
    numbers = {"debit": 1, "credit": 2, "amount_micros": 3, "debit_before": 4, "credit_before": 5, "effective_at": 6}
    numbers |= {"recorded_at": 7}
    words = ("id", "reward", "why", "hold")

    def hashed(previous: bytes = bytes(32), sequence: int = 9, words: tuple[str, ...] = words, **other: int) -> bytes:
        told = (numbers | other).values()
        return chain.transfer_hash(previous, sequence, *told, words)  # type: ignore[arg-type]  # in their order

    first = hashed()
    others = [hashed(previous=bytes([1]) * 32), hashed(sequence=8)]
    others += [hashed(**{name: value + 100}) for name, value in numbers.items()]
    others += [hashed(words=(*words[:place], "x", *words[place + 1 :])) for place in range(4)]
    others += [hashed(words=("idw", "reward", "hy", "hold"))]  # the same letters, divided otherwise
    assert len({first, *others}) == len(others) + 1
    assert first == hashed()


def test_an_opening_covers_a_digest_of_the_owner_and_not_the_owner(connection: Connection) -> None:
    book.post(connection, [pay("t", 70)], 1)
    bodies = connection.scalars(select(LEDGER_EVENT.c.body).where(LEDGER_EVENT.c.kind == EventKind.OPENED)).all()
    row = connection.execute(text("SELECT owner_digest, owner_sealed FROM account WHERE owner = 'ann'")).one()
    assert json.loads(bodies[1])["owner"] == bytes(row.owner_digest).hex() == sha256(row.owner_sealed).hexdigest()
    assert "ann" not in "".join(bodies)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_event SET micros = 1",
        "DELETE FROM ledger_event",
        "UPDATE account SET number = number + 1000",
        "UPDATE account SET kind = 'fees'",
        "UPDATE account SET exponent = 0",
        "DELETE FROM account",
        "DELETE FROM balance",
        "UPDATE balance SET account = account + 1000",
        "UPDATE ledger_head SET sequence = sequence - 1",
        "UPDATE ledger_head SET hash = hash",
        "DELETE FROM ledger_head",
        "INSERT INTO ledger_event SELECT 99, kind, 77, 1, 1, body, hash FROM ledger_event WHERE sequence = 1",
        "INSERT INTO transfer SELECT 99, 'x', debit, 77, 1, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer",
        "INSERT INTO transfer SELECT 99, 'x', debit, credit, 1, kind, NULL, 'x', 1, 1, 100, 0, hash FROM transfer",
    ],
)
def test_the_database_itself_keeps_the_chain(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        book.post(connection, [pay("t", 50)], 1)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(statement))


def test_a_hold_runs_out_once_and_cannot_be_captured_from_that_instant_on(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], 1)
    holds.hold(connection, Hold("h", ANN, 30, "w", expires_at=10), 2)
    holds.hold(connection, Hold("for ever", ANN, 5, "w"), 2)
    assert holds.expire(connection, 9) == 0
    with pytest.raises(HoldExpired):
        holds.capture(connection, "h", CLEARING, 10)
    assert [holds.expire(connection, 10), holds.expire(connection, 11)] == [1, 0]
    assert holds.get(connection, "h").state is HoldState.RELEASED
    assert book.balance(connection, ANN) == Balance(50, 5, 0)
    with pytest.raises(AlreadyResolved):
        holds.capture(connection, "h", CLEARING, 12)
    holds.release(connection, "h", 13)
    assert kinds(connection).count("expired") == 1
    with pytest.raises(ValueError, match="not after 10"):
        holds.hold(connection, Hold("late", ANN, 1, "w", expires_at=10), 10)


def test_a_part_is_captured_and_the_rest_released(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], 1)
    holds.hold(connection, Hold("h", ANN, 30, "w"), 2)
    for now in (3, 4):
        holds.capture(connection, "h", CLEARING, now, amount_micros=12)
    assert book.balance(connection, ANN) == Balance(38, 0, 0)
    assert book.balance(connection, CLEARING).posted_micros == 12
    assert holds.get(connection, "h").captured_micros == 12
    with pytest.raises(ConflictingTransfer):
        holds.capture(connection, "h", CLEARING, 5, amount_micros=13)
    holds.hold(connection, Hold("i", ANN, 5, "w"), 6)
    with pytest.raises(ValueError, match="1 to 5 micros can be captured, not 6"):
        holds.capture(connection, "i", CLEARING, 7, amount_micros=6)


def test_what_is_held_is_spent_by_a_capture_alone(connection: Connection) -> None:
    book.post(connection, [pay("t", 50)], 1)
    holds.hold(connection, Hold("h", ANN, 30, "w"), 2)
    spending = Transfer(
        id="s",
        debit=ANN,
        credit=CLEARING,
        amount_micros=30,
        kind=TransferKind.CAPTURE,
        cause_id="w",
        effective_at=3,
        hold_id="h",
    )
    with pytest.raises(ValueError, match=r"holds\.capture"):
        book.post(connection, [spending], 3)


def test_a_balance_of_any_time_is_what_had_taken_effect(connection: Connection) -> None:
    book.post(connection, [pay("t", 50, at=10)], 10)
    holds.hold(connection, Hold("h", ANN, 30, "w"), 20)
    book.post(connection, [pay("late", 7, at=5)], 30)
    holds.capture(connection, "h", CLEARING, 40)
    found = [balance_at(connection, ANN, instant) for instant in (4, 5, 10, 20, 40)]
    assert found == [Balance(0, 0, 0), Balance(7, 0, 0), Balance(57, 0, 0), Balance(57, 30, 0), Balance(27, 0, 0)]
    known = [balance_at(connection, ANN, as_of=instant) for instant in (5, 10, 29, 30, 40)]
    assert known == [Balance(0, 0, 0), Balance(50, 0, 0), Balance(50, 30, 0), Balance(57, 30, 0), Balance(27, 0, 0)]
    assert balance_at(connection, ANN, 5, 29) == Balance(0, 0, 0)
    assert balance_at(connection, ANN, 5, 30) == Balance(7, 0, 0)
    assert balance_at(connection, ANN) == book.balance(connection, ANN)
    assert balance_at(connection, BOB, 40) == balance_at(connection, BOB, as_of=1) == Balance(0, 0, 0)


def test_every_asset_states_its_exponent(connection: Connection) -> None:
    yen = Account(AccountKind.WALLET_AVAILABLE, "ann", "JPY")
    book.post(connection, [pay("t", 5), pay("u", 5, Account(AccountKind.REWARD_EXPENSE, "platform", "JPY"), yen)], 1)
    assert {line.asset: line.exponent for line in trial_balance(connection)} == {"CNY": 2, "JPY": 0}
    assert yen.exponent == 0


def test_what_a_rollback_undid_is_not_remembered(engine: Engine) -> None:
    with engine.begin() as connection:
        book.post(connection, [pay("t", 50)], 1)
    with engine.connect() as connection:
        book.post(connection, [pay("u", 50), pay("v", 1, ANN, BOB)], 2)
        connection.rollback()
    with engine.begin() as connection:
        with pytest.raises(InsufficientFunds):
            book.post(connection, [pay("w", 51, ANN, BOB)], 3)
        savepoint = connection.begin_nested()
        book.post(connection, [pay("x", 50)], 3)
        savepoint.rollback()
        assert book.balance(connection, ANN).posted_micros == 50
        assert proofs.check(connection) == []


def test_what_another_process_wrote_is_seen(engine: Engine) -> None:
    """Each engine object remembers for itself, as each process does."""
    url = engine.url
    is_file = engine.dialect.name == "sqlite"
    second = open_database(Path(str(url.database)) if is_file else url.render_as_string(hide_password=False))
    for number in range(3):
        for one in (engine, second):
            with one.begin() as connection:
                book.post(connection, [pay(f"t{number}-{one is engine}", 10)], 1)
    with reading(second) as connection:
        assert book.balance(connection, ANN).posted_micros == 60
        assert proofs.check(connection) == []
    second.dispose()


def test_writers_on_different_people_of_one_advertiser_go_on_and_never_wait_in_a_circle(engine: Engine) -> None:
    """Each unit of work posts twice, in opposite orders: without one lock that comes first they would deadlock."""
    with engine.begin() as connection:
        book.post(connection, [pay("fund", 10_000, CASH, BUDGET)], 1)
        book.post(connection, [pay("ann", 1000), pay("bob", 1000, credit=BOB)], 1)
    together, rounds = Barrier(2), 12

    def work(name: str, person: Account) -> int:
        together.wait()
        for number in range(rounds):
            charge = pay(f"{name}/{number}/charge", 3, BUDGET, REVENUE)
            reward = pay(f"{name}/{number}/reward", 2, EXPENSE, person)
            with engine.begin() as connection:
                for one in (charge, reward) if name == "one" else (reward, charge):
                    book.post(connection, [one], 2)
        return rounds

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(work, ("one", "two"), (ANN, BOB), timeout=120))
    assert done == [rounds, rounds]
    with engine.begin() as connection:
        assert book.balance(connection, BUDGET).posted_micros == 10_000 - 2 * rounds * 3
        assert proofs.check(connection) == []
