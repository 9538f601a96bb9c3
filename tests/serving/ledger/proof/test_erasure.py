"""A person is forgotten: the name cannot be had again, and the book is as whole as before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, CursorResult, Engine, select

from serving.ledger import book, holds, owners, proofs
from serving.ledger.accounts import ACCOUNT
from serving.ledger.holds import Hold
from serving.ledger.proof import erasure
from serving.ledger.proof.erasure import Unsettled
from serving.ledger.proof.signing import Signer
from serving.ledger.proof.verify import Report
from serving.ledger.refusals import Missing
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

NAME = "anneliese-oberschlesien"
WALLET = Account(AccountKind.WALLET_AVAILABLE, NAME, "CNY")
EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")


def moved(id_: str, debit: Account, credit: Account) -> Transfer:
    return Transfer(
        id=id_,
        debit=debit,
        credit=credit,
        amount_micros=5_000_000,
        kind=TransferKind.REWARD,
        cause_id="c",
        effective_at=1,
    )


@pytest.fixture
def paid(filled: Engine, now: int) -> Engine:
    """Somebody came, earned, and has nothing left."""
    with filled.begin() as connection:
        book.post(connection, [moved("in", EXPENSE, WALLET)], now)
        book.post(connection, [moved("out", WALLET, EXPENSE)], now)
    return filled


def test_who_was_forgotten_is_nobody_and_the_book_is_whole(
    paid: Engine, signer: Signer, judged: Callable[[Connection], Report], now: int
) -> None:
    signer.sign(now)
    with paid.begin() as connection:
        assert erasure.forget(connection, NAME, "ann", "asked for it", now) == 1
    with paid.begin() as connection:
        assert judged(connection).findings == []
        assert proofs.check(connection) == []
        row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.owner.like("forgotten-%"))).one()
        assert row.id == f"wallet_available:CNY:forgotten-{row.number}"
        assert owners.keys(connection, [NAME]) == {}
    assert signer.sign(now + 1) is not None


def test_the_name_is_nowhere_in_the_file(
    paid: Engine, now: int, tmp_path: Path, run: Callable[..., CursorResult[Any]]
) -> None:
    if paid.dialect.name != "sqlite":
        pytest.skip("PostgreSQL's files are the server's; there VACUUM clears them")
    with paid.begin() as connection:
        erasure.forget(connection, NAME, "ann", "asked for it", now)
    with paid.connect() as connection:
        connection.rollback()
        connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert b"user-7" in held
    assert NAME.encode() not in held


def test_who_comes_again_has_a_new_account_and_a_new_key(paid: Engine, now: int) -> None:
    with paid.begin() as connection:
        (before,) = owners.keys(connection, [NAME]).values()
        erasure.forget(connection, NAME, "ann", "asked for it", now)
        book.post(connection, [moved("again", EXPENSE, WALLET)], now)
        (after,) = owners.keys(connection, [NAME]).values()
        assert before != after
        assert book.balance(connection, WALLET).posted_micros == 5_000_000
        assert proofs.check(connection) == []


@pytest.mark.parametrize("what", ["money", "a hold"])
def test_who_has_money_or_a_hold_is_not_forgotten(filled: Engine, now: int, what: str) -> None:
    with filled.begin() as connection:
        book.post(connection, [moved("in", EXPENSE, WALLET)], now)
        if what == "a hold":
            holds.hold(connection, Hold("h", WALLET, 5_000_000, "w"), now)
        with pytest.raises(Unsettled, match="pay out, or write off"):
            erasure.forget(connection, NAME, "ann", "asked for it", now)
        assert book.balance(connection, WALLET).posted_micros == 5_000_000


@pytest.mark.parametrize("user", ["nobody", "platform"])
def test_only_a_person_with_an_account_is_forgotten(filled: Engine, now: int, user: str) -> None:
    with filled.begin() as connection, pytest.raises(Missing):
        erasure.forget(connection, user, "ann", "asked for it", now)


def test_a_name_that_is_gone_without_an_event_is_found(
    intruder: Connection, run: Callable[..., CursorResult[Any]], judged: Callable[[Connection], Report]
) -> None:
    run(intruder, "DELETE FROM subject_key WHERE owner = 'user-3'")
    (finding,) = judged(intruder).findings
    assert "has lost its owner, and no event forgot it" in finding.sentence


def test_a_seal_opens_with_its_own_key_alone() -> None:
    key, other = b"k" * 32, b"o" * 32
    seal = owners.sealed("ann", key)
    assert owners.opened(seal, key) == "ann"
    assert owners.opened(seal, other) is None
    assert owners.opened(seal[:-1] + bytes([seal[-1] ^ 1]), key) is None
    assert owners.opened(seal[:40], key) is None
    assert owners.sealed("ann", key) != seal
