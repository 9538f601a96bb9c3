"""The book as plain-text accounting: Beancount's language (version 2 and 3), which `bean-check` checks without us.

Every transfer is a balanced transaction of two postings in decimals of its currency, with its sequence and hash. The
signs are Beancount's: what leaves an account of ours is positive there, so that what people are owed, a liability,
stands below zero. The last lines assert every balance that the book keeps.
"""

import hmac
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TextIO

from sqlalchemy import Connection, Row, func, select

from features.money import MICROS_PER_UNIT
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING, TRANSFER
from serving.ledger.transfer import PLATFORM, AccountKind

_ROWS: Final = 5_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
ROOTS: Final = {
    AccountKind.CASH: "Assets",
    AccountKind.PROVIDER_CASH: "Assets",
    AccountKind.RECEIVABLE: "Assets",
    AccountKind.REVENUE: "Income",
    AccountKind.FEES: "Income",
    AccountKind.REWARD_EXPENSE: "Expenses",
    AccountKind.NO_FAULT_RESERVE: "Equity",
}
"""Beancount's five roots; every other kind is a liability."""


def write(
    connection: Connection, out: TextIO, digest_key: bytes | None, advance: Callable[[int], object] = lambda _: None
) -> int:
    """Write the whole book; the number of transfers. `digest_key` None: people's ids stand there themselves.

    Accounts are opened on the day of the book's first transfer: a transfer may take effect before its account was used.
    """
    names = _Names(digest_key)
    query = select(ACCOUNT, BALANCE.c.posted).select_from(STANDING).order_by(ACCOUNT.c.number)
    accounts = {row.number: row for row in connection.execute(query)}
    first, last = _days(connection)
    out.write('option "title" "Assay: the book"\n')
    out.write("\n")
    for asset, exponent in sorted({(row.asset, row.exponent) for row in accounts.values()}):
        out.write(f"{first} commodity {asset}\n  exponent: {exponent}\n")
    for row in accounts.values():
        out.write(f"{first} open {names.of(row)} {row.asset}\n  number: {row.number}\n")
        if names.shows(row):
            out.write(f"  owner: {_quoted(row.owner)}\n")
    count = _write_transfers(connection, out, accounts, names, advance)
    out.write("\n")
    for row in accounts.values():
        out.write(f"{last + timedelta(days=1)} balance {names.of(row)} {_decimal(-row.posted)} ~ 0 {row.asset}\n")
    return count


def _write_transfers(
    connection: Connection,
    out: TextIO,
    accounts: dict[int, Row[Any]],
    names: "_Names",
    advance: Callable[[int], object],
) -> int:
    count = 0
    rows = connection.execute(select(TRANSFER).order_by(TRANSFER.c.sequence)).yield_per(_ROWS)
    for row in rows:
        debit, credit = accounts[row.debit], accounts[row.credit]
        amount = _decimal(row.amount_micros)
        out.write(
            f"\n{_day(row.effective_at)} * {_quoted(row.kind)}\n"
            f"  sequence: {row.sequence}\n"
            f"  id: {_quoted(names.reference(row.id))}\n"
            f"  cause: {_quoted(names.reference(row.cause_id))}\n"
            f'  hash: "{bytes(row.hash).hex()}"\n'
            f"  {names.of(debit)}  {amount} {debit.asset}\n"
            f"  {names.of(credit)}  -{amount} {credit.asset}\n"
        )
        count += 1
        advance(1)
    return count


class _Names:
    """What accounts are called. A person is a digest of the id, the same in every export of a home."""

    def __init__(self, digest_key: bytes | None) -> None:
        self._key = digest_key
        self._known: dict[int, str] = {}

    def of(self, row: Row[Any]) -> str:
        known = self._known.get(row.number)
        if known is None:
            kind = "".join(part.capitalize() for part in row.kind.split("_"))
            root = ROOTS.get(AccountKind(row.kind), "Liabilities")
            owner = "Platform" if row.owner == PLATFORM else f"N{row.number}"
            if self._key is not None and row.owner != PLATFORM:
                owner = f"D{self.reference(row.owner)}"
            known = self._known[row.number] = f"{root}:{kind}:{row.asset}:{owner}"
        return known

    def shows(self, row: Row[Any]) -> bool:
        return self._key is None and row.owner != PLATFORM

    def reference(self, text: str) -> str:
        """An id as it may be shown: the platform's ids may tell a person, so that they are digested with the others."""
        return text if self._key is None else hmac.digest(self._key, text.encode(), "sha256").hex()[:24]


def _days(connection: Connection) -> tuple[date, date]:
    ends = connection.execute(select(func.min(TRANSFER.c.effective_at), func.max(TRANSFER.c.effective_at))).one()
    return _day(ends[0] or 0), _day(ends[1] or 0)


def _day(instant: int) -> date:
    return (_EPOCH + timedelta(microseconds=instant)).date()


def _decimal(micros: int) -> Decimal:
    """Exact, and never in powers of ten."""
    return Decimal(micros).scaleb(-6).quantize(Decimal(1).scaleb(-len(str(MICROS_PER_UNIT)) + 1))


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else " " for letter in plain) + '"'
