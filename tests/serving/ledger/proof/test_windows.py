"""A book is read window by window: what is found depends on neither where one ends, nor how its hashes are spelled."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, CursorResult

from serving.ledger.proof import verify as verification
from serving.ledger.proof.parsed import parse
from serving.ledger.proof.rows import EVENTS, SEPARATOR, Lines
from serving.ledger.proof.verify import Report

Judge = Callable[..., Report]
Run = Callable[..., CursorResult[Any]]
TABLES = ("transfer", "ledger_event")
WINDOW = 7
HASH = "0123456789abcdef" * 4


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few rows, so that a small book has many."""
    monkeypatch.setattr(verification, "WINDOW", WINDOW)


def sequences(run: Run, connection: Connection) -> list[tuple[str, int]]:
    """The last row of a window, the first and one inside of the next, in every seventh window."""
    found = {
        row.sequence: table
        for table in TABLES
        for row in run(connection, "SELECT sequence FROM {table}", table=table).all()
    }
    return [(found[at], at) for end in range(WINDOW, len(found) - 3, 7 * WINDOW) for at in (end, end + 1, end + 3)]


def test_a_sound_book_is_sound_in_many_windows(intruder: Connection, judged: Judge, run: Run) -> None:
    steps: list[int] = []
    report = judged(intruder, advance=steps.append)
    assert report.findings == []
    assert len(steps) > 20
    assert sum(steps) == report.events == run(intruder, "SELECT sequence FROM ledger_head").scalar_one()


@pytest.mark.parametrize("change", ["UPDATE {table} SET hash = :hash", "DELETE FROM {table}"])
def test_what_was_changed_at_the_end_of_a_window_is_one_finding_as_inside(
    intruder: Connection, judged: Judge, run: Run, change: str
) -> None:
    for table, at in sequences(run, intruder):
        savepoint = intruder.begin_nested()
        values = {"hash": bytes(31) + b"1"} if ":hash" in change else {}
        run(intruder, change + " WHERE sequence = :at", table=table, at=at, **values)
        told = " ".join(one.sentence for one in judged(intruder).findings)
        assert f"event {at} " in told
        savepoint.rollback()
    assert judged(intruder).is_sound


def line(hash_: str, *fields: str) -> Lines:
    return Lines(1, SEPARATOR.join([hash_, *fields]).encode(), is_plain=True)


@pytest.mark.parametrize("spelled", [HASH, HASH.upper()])
def test_a_hash_is_read_in_letters_of_either_case(spelled: str) -> None:
    read = parse(line(spelled, "1", "2", "", "-3", "opened", "{}"), EVENTS)
    assert read is not None
    assert read.hashes.tobytes() == bytes.fromhex(HASH)


@pytest.mark.parametrize("letter", ["g", "G", "/", ":", "@", "`", " ", "-", "\0", "\x1f", "\n"])
@pytest.mark.parametrize("place", [0, 1, 62, 63])
def test_what_is_no_hash_is_not_read(letter: str, place: int) -> None:
    spoiled = HASH[:place] + letter + HASH[place + 1 :]
    assert parse(line(spoiled, "1", "2", "", "-3", "opened", "{}"), EVENTS) is None
