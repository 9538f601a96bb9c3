"""Whatever somebody changes who has the database, and not the heads outside it, is found. ASSAY_SOAK=1 tries it all."""

import os
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, CursorResult, Engine
from sqlalchemy.exc import DBAPIError

from serving.ledger.proof.signing import Signer
from serving.ledger.proof.verify import Report

SOAK = os.environ.get("ASSAY_SOAK") == "1"
"""All bytes of more than a thousand rows, in either engine."""
BYTES_TRIED = 100
Judge = Callable[[Connection], Report]
Run = Callable[..., CursorResult[Any]]
Forge = Callable[[Connection], None]
Fill = Callable[..., None]
TABLES = ("transfer", "ledger_event")
COPIED = (
    "debit, credit, amount_micros, kind, hold_id, cause_id, effective_at, recorded_at,"
    " debit_before, credit_before, hash"
)
ANOTHER = (
    "INSERT INTO transfer (sequence, id, {copied})"
    " SELECT {at}, 'another', {copied} FROM transfer WHERE sequence = :source"
)
FIRST_AGAIN = (
    "INSERT INTO ledger_event"
    " SELECT {again}, kind, account, micros, at, body, hash FROM ledger_event WHERE sequence = 1"
)


def told(report: Report) -> str:
    return "\n".join(finding.sentence for finding in report.findings)


def changed(value: Any, byte: int, random: Random) -> Any:
    """`value` with one byte changed into another of its kind."""
    if isinstance(value, str):
        others = [chr(code) for code in range(32, 127) if chr(code) != value[byte]]
        return value[:byte] + random.choice(others) + value[byte + 1 :]
    raw = bytearray(value.to_bytes(8, "big", signed=True) if isinstance(value, int) else value)
    raw[byte] ^= random.randint(1, 255)
    return int.from_bytes(raw, "big", signed=True) if isinstance(value, int) else bytes(raw)


def places(run: Run, connection: Connection, table: str) -> Iterator[tuple[int, str, Any, int]]:
    """Every byte of every column: its row's sequence, its column, the column's value, and which byte of it."""
    for row in run(connection, "SELECT * FROM {table} ORDER BY sequence", table=table).mappings().all():
        for column, value in row.items():
            kept = bytes(value) if isinstance(value, memoryview) else value
            size = 8 if isinstance(kept, int) else len(kept or "")
            yield from ((row["sequence"], column, kept, byte) for byte in range(size))


def put(run: Run, connection: Connection, table: str, sequence: int, column: str, value: Any) -> None:
    change = "UPDATE {table} SET {column} = :value WHERE sequence = :at"
    assert run(connection, change, table=table, column=column, value=value, at=sequence).rowcount == 1


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.timeout(6 * 3600 if SOAK else 900)
def test_a_change_of_any_byte_of_any_row_is_found(
    intruder: Connection, judged: Judge, run: Run, fill: Fill, table: str
) -> None:
    if SOAK:
        fill(intruder, 1_000, first=200)
    random = Random(table)  # noqa: S311  # which bytes are tried needs no secret
    every = list(places(run, intruder, table))
    unseen = []
    for sequence, column, value, byte in every if SOAK else random.sample(every, BYTES_TRIED):
        savepoint = intruder.begin_nested()
        try:
            put(run, intruder, table, sequence, column, changed(value, byte, random))
            if judged(intruder).is_sound:
                unseen.append((sequence, column, byte))
        except DBAPIError:
            pass  # the database itself refuses it: a second row of one number or id
        savepoint.rollback()
    assert unseen == []
    assert judged(intruder).is_sound


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("transfer", "hold_id", "hold-7"),
        ("transfer", "hold_id", ""),
        ("transfer", "cause_id", "event-3\nand more"),
        ("transfer", "cause_id", "event\x1f3"),
        ("transfer", "id", ""),
        ("ledger_event", "micros", 7),
        ("ledger_event", "body", "{}"),
        ("ledger_event", "kind", "opened"),
    ],
)
def test_a_value_where_there_was_none_or_another_is_found(
    intruder: Connection, judged: Judge, run: Run, table: str, column: str, value: Any
) -> None:
    kind = "held" if table == "ledger_event" else "reward"
    at = run(intruder, "SELECT max(sequence) FROM {table} WHERE kind = :kind", table=table, kind=kind).scalar_one()
    put(run, intruder, table, at, column, value)
    assert f"event {at} " in told(judged(intruder))


def only_sqlite(connection: Connection, why: str) -> None:
    if connection.dialect.name != "sqlite":
        pytest.skip(why)


@pytest.mark.parametrize("sql", ["1000007.5", "1e30", "x'31303030303037'", "'7 and more'", "'1000007' || char(0)"])
def test_what_sqlite_keeps_although_it_is_no_number_is_found(
    intruder: Connection, judged: Judge, run: Run, sql: str
) -> None:
    only_sqlite(intruder, "PostgreSQL keeps nothing but a number in a column of numbers")
    at = run(intruder, "SELECT sequence FROM transfer WHERE amount_micros = 1000007").scalar_one()
    run(intruder, "UPDATE transfer SET amount_micros = {sql} WHERE sequence = :at", sql=sql, at=at)
    assert f"event {at} (transfer) has a amount_micros" in told(judged(intruder))


@pytest.mark.parametrize(
    "sql", ["x'6576656e742d37'", "CAST(x'65ff' AS TEXT)", "cause_id || char(0)", "cause_id || char(0) || 'x'"]
)
def test_what_sqlite_keeps_although_it_is_no_text_is_found(
    intruder: Connection, judged: Judge, run: Run, sql: str
) -> None:
    only_sqlite(intruder, "PostgreSQL keeps nothing but text in a column of text")
    at = run(intruder, "SELECT sequence FROM transfer WHERE cause_id = 'event-7'").scalar_one()
    run(intruder, "UPDATE transfer SET cause_id = {sql} WHERE sequence = :at", sql=sql, at=at)
    assert f"event {at} " in told(judged(intruder))


@pytest.mark.parametrize("cause", ["a\nb", "a\x1fb", "\u00fc\u2028\U0001f600", "x" * 255])
def test_an_id_of_any_letters_is_no_finding(engine: Engine, judged: Judge, fill: Fill, cause: str) -> None:
    """A separator or a line break inside an id is read slowly, not told as a change."""
    with engine.begin() as connection:
        fill(connection, 10)
        fill(connection, 3, first=50, cause=cause)
        assert judged(connection).findings == []


@pytest.mark.parametrize("which", ["min", "max"])
@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_row_is_found(intruder: Connection, judged: Judge, run: Run, table: str, which: str) -> None:
    at = run(intruder, "SELECT {which}(sequence) FROM {table}", which=which, table=table).scalar_one()
    run(intruder, "DELETE FROM {table} WHERE sequence = :at", table=table, at=at)
    sentences = told(judged(intruder))
    assert f"event {at} is missing" in sentences or f"ends with event {at}" in sentences


def test_any_deleted_row_is_found(intruder: Connection, judged: Judge, run: Run) -> None:
    end = run(intruder, "SELECT sequence FROM ledger_head").scalar_one()
    for at in range(1, end, 1 if SOAK else 31):
        savepoint = intruder.begin_nested()
        for table in TABLES:
            run(intruder, "DELETE FROM {table} WHERE sequence = :at", table=table, at=at)
        assert f"event {at} is missing" in told(judged(intruder))
        savepoint.rollback()


def test_a_row_more_is_found(intruder: Connection, judged: Judge, run: Run) -> None:
    end = run(intruder, "SELECT max(sequence) FROM transfer").scalar_one()
    run(intruder, ANOTHER, copied=COPIED, at=end + 50, source=end)
    assert f"event {end + 50} (transfer 'another')" in told(judged(intruder))


@pytest.mark.parametrize("at", [0, -5, 2**62])
def test_a_row_far_from_the_others_is_found(intruder: Connection, judged: Judge, run: Run, at: int) -> None:
    run(intruder, FIRST_AGAIN, again=at)
    assert f"event {at}" in told(judged(intruder))


def test_one_number_twice_is_found(intruder: Connection, judged: Judge, run: Run) -> None:
    at = run(intruder, "SELECT max(sequence) FROM transfer").scalar_one()
    run(intruder, FIRST_AGAIN, again=at)
    assert f"event {at} stands twice" in told(judged(intruder))


@pytest.mark.parametrize(
    ("column", "value", "finding"),
    [
        ("owner", "'mallory'", "is named otherwise"),
        ("kind", "'fees'", "was opened as"),
        ("exponent", "3", "was opened as"),
        ("owner_digest", "(SELECT hash FROM ledger_head)", "was opened as"),
        ("owner_sealed", "(SELECT hash FROM ledger_head)", "another sealed owner"),
        ("owner_sealed", "NULL", "has lost its owner"),
    ],
)
def test_a_change_of_an_account_is_found(
    intruder: Connection, judged: Judge, run: Run, column: str, value: str, finding: str
) -> None:
    at = run(intruder, "SELECT max(number) FROM account WHERE kind = 'wallet_available'").scalar_one()
    run(intruder, "UPDATE account SET {column} = {value} WHERE number = :at", column=column, value=value, at=at)
    report = judged(intruder)
    assert {one.sequence for one in report.findings} == {at}
    assert finding in told(report)


def test_an_account_that_changes_hands_is_found(intruder: Connection, judged: Judge, run: Run) -> None:
    """Owner, sealed owner and name of two accounts change places: each is whole in itself, and neither is its own."""
    wallets = "SELECT * FROM account WHERE kind = 'wallet_available' AND asset = 'CNY' ORDER BY number LIMIT 2"
    first, second = run(intruder, wallets).mappings().all()
    change = "UPDATE account SET id = :id, owner = :owner, owner_sealed = :sealed WHERE number = :at"
    for row, other, name in ((first, second, "aside"), (second, first, first["id"]), (first, second, second["id"])):
        sealed = bytes(other["owner_sealed"])
        run(intruder, change, id=name, owner=other["owner"], sealed=sealed, at=row["number"])
    assert told(judged(intruder)).count("another sealed owner") == 2


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("UPDATE balance SET posted = posted + 1", "by its events"),
        ("UPDATE balance SET pending_out = pending_out + 1", "by its events"),
        ("UPDATE balance SET min_available = -5", "must keep -5"),
        ("UPDATE balance SET last = last - 1", "for its newest"),
        ("DELETE FROM balance", "has None micros in the book"),
    ],
)
def test_a_change_of_a_balance_is_found(
    intruder: Connection, judged: Judge, run: Run, change: str, finding: str
) -> None:
    at = run(intruder, "SELECT max(number) FROM account WHERE kind = 'wallet_available'").scalar_one()
    run(intruder, change + " WHERE account = :at", at=at)
    report = judged(intruder)
    assert {one.sequence for one in report.findings} == {at}
    assert finding in told(report)


@pytest.mark.parametrize("change", ["DELETE FROM account", "UPDATE account SET number = number + 100000"])
def test_an_account_that_is_gone_is_found(intruder: Connection, judged: Judge, run: Run, change: str) -> None:
    at = run(intruder, "SELECT max(number) FROM account").scalar_one()
    run(intruder, change + " WHERE number = :at", at=at)
    assert f"event {at} opened an account, and the book has none of that number" in told(judged(intruder))


@pytest.fixture
def signed_intruder(filled: Engine, signer: Signer, now: int, request: pytest.FixtureRequest) -> Connection:
    """The same, after the book was signed."""
    assert signer.sign(now) is not None
    intruder: Connection = request.getfixturevalue("intruder")
    return intruder


@pytest.mark.parametrize(
    "rewrite",
    [
        "UPDATE transfer SET amount_micros = amount_micros + 1 WHERE id = 'event-60/reward'",
        "UPDATE transfer SET cause_id = 'event-99' WHERE id = 'event-3/reward'",
        "UPDATE transfer SET recorded_at = recorded_at + 1 WHERE id = 'event-60/reward'",
        "UPDATE transfer SET credit = (SELECT max(number) FROM account) WHERE id = 'event-2/reward'",
        "UPDATE ledger_event SET at = at + 1 WHERE sequence = 1",
    ],
)
def test_a_book_rewritten_whole_is_found_by_the_head_outside(
    signed_intruder: Connection, judged: Judge, run: Run, forge: Forge, rewrite: str
) -> None:
    run(signed_intruder, rewrite)
    forge(signed_intruder)
    report = judged(signed_intruder)
    assert "do not fit: they are not what was signed" in told(report)
    assert "the book was rewritten" in told(report)


def test_a_rewriting_without_any_head_is_seen_by_nobody(
    intruder: Connection, judged: Judge, run: Run, forge: Forge
) -> None:
    """Which is why heads are kept outside: this is what the forger of these tests can do."""
    run(intruder, "UPDATE transfer SET amount_micros = amount_micros + 1 WHERE id = 'event-60/reward'")
    assert not judged(intruder).is_sound
    forge(intruder)
    assert judged(intruder).is_sound


@pytest.mark.parametrize("cut", [1, 7, 150])
def test_a_truncated_book_is_found_by_the_head_outside(
    signed_intruder: Connection, judged: Judge, run: Run, forge: Forge, cut: int
) -> None:
    end = run(signed_intruder, "SELECT sequence FROM ledger_head").scalar_one()
    for table in TABLES:
        run(signed_intruder, "DELETE FROM {table} WHERE sequence > :end", table=table, end=end - cut)
    forge(signed_intruder)
    assert "what was signed is gone" in told(judged(signed_intruder))


@pytest.mark.parametrize(("first", "second"), [(3, 4), (10, 60)])
def test_transfers_that_changed_places_are_found_by_the_head_outside(
    signed_intruder: Connection, judged: Judge, run: Run, forge: Forge, first: int, second: int
) -> None:
    find = "SELECT sequence FROM transfer WHERE id = :id"
    one, other = (run(signed_intruder, find, id=f"event-{n}/reward").scalar_one() for n in (first, second))
    for old, new in ((one, 10**6), (other, one), (10**6, other)):
        run(signed_intruder, "UPDATE transfer SET sequence = :new WHERE sequence = :old", old=old, new=new)
    forge(signed_intruder)
    assert "do not fit" in told(judged(signed_intruder))


def test_a_row_put_between_others_is_found_by_the_head_outside(
    signed_intruder: Connection, judged: Judge, run: Run, forge: Forge
) -> None:
    at = run(signed_intruder, "SELECT max(sequence) FROM transfer").scalar_one()
    for table in TABLES:
        # What follows moves one on; in two steps, because each number is there once.
        run(signed_intruder, "UPDATE {table} SET sequence = -(sequence + 1) WHERE sequence >= :at", table=table, at=at)
        run(signed_intruder, "UPDATE {table} SET sequence = -sequence WHERE sequence < 0", table=table)
    run(signed_intruder, ANOTHER, copied=COPIED, at=at, source=at + 1)
    forge(signed_intruder)
    assert "do not fit" in told(judged(signed_intruder))


@pytest.fixture
def signed_sizes(filled: Engine, signer: Signer, fill: Fill, now: int) -> list[int]:
    """Three heads, and events after each of them; the sizes of the heads."""
    sizes = []
    for part in range(3):
        head = signer.sign(now + part)
        assert head is not None
        sizes.append(head.size)
        with filled.begin() as connection:
            fill(connection, 5, first=500 + part * 5)
    return sizes


def test_a_finding_names_the_events_between_which_the_rewriting_begins(
    signed_sizes: list[int], intruder: Connection, judged: Judge, run: Run, forge: Forge
) -> None:
    run(intruder, "UPDATE transfer SET amount_micros = 1 WHERE id = 'event-502/reward'")
    forge(intruder)
    assert f"begins between events {signed_sizes[0] + 1} and {signed_sizes[1]}" in told(judged(intruder))


def test_the_rows_before_a_start_are_left_to_the_heads(
    signed_sizes: list[int], intruder: Connection, judged: Judge, run: Run
) -> None:
    put(run, intruder, "transfer", signed_sizes[0] - 2, "cause_id", "other")
    assert not judged(intruder).is_sound
    assert judged(intruder, start=signed_sizes[0]).is_sound
    report = judged(intruder, start=signed_sizes[0])
    assert report.covered == signed_sizes[-1]
