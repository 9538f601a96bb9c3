"""The book as people read it: one account's history, and the balances of all kinds side by side."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.history import history
from serving.ledger.transfer import Account, AccountKind, Side, TransferKind

ENTRIES_MAX: Final = 1_000
"""Entries in one page of a statement."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a statement: `amount_micros` is positive when the account was credited."""

    sequence: int
    transfer_id: str
    kind: TransferKind
    amount_micros: int
    counterpart: str
    cause_id: str
    effective_at: int


@dataclass(frozen=True, slots=True)
class TrialLine:
    """The accounts of one kind in one asset; a line that stands on the side opposite to `normal` deserves a look.

    `exponent`: the decimals in which the asset is paid; amounts are micros whatever it is.
    """

    asset: str
    exponent: int
    kind: AccountKind
    normal: Side
    debit_micros: int
    credit_micros: int


_HISTORY: Final = history()
_PAGE: Final = select(_HISTORY).order_by(_HISTORY.c.sequence).limit(bindparam("count"))


def statement(connection: Connection, account: Account, after: int = 0, limit: int = ENTRIES_MAX) -> list[Entry]:
    """What happened to `account` after sequence `after`, oldest first, at most `limit` (and `ENTRIES_MAX`) entries."""
    asked = {"account": account.id, "after": after, "count": min(limit, ENTRIES_MAX)}
    return [_entry_of(row, account) for row in connection.execute(_PAGE, asked)]


def trial_balance(connection: Connection) -> list[TrialLine]:
    """One line an asset and kind; in each asset the debits equal the credits."""
    query = (
        select(ACCOUNT.c.asset, ACCOUNT.c.exponent, ACCOUNT.c.kind, func.sum(BALANCE.c.posted).label("posted"))
        .select_from(STANDING)
        .group_by(ACCOUNT.c.asset, ACCOUNT.c.exponent, ACCOUNT.c.kind)
        .order_by(ACCOUNT.c.asset, ACCOUNT.c.kind)
    )
    return [_line_of(row) for row in connection.execute(query)]


def _line_of(row: Row[*tuple[Any, ...]]) -> TrialLine:
    kind, posted = AccountKind(row.kind), int(row.posted)
    normal = Account(kind, "", row.asset).rule.normal
    return TrialLine(row.asset, row.exponent, kind, normal, debit_micros=max(-posted, 0), credit_micros=max(posted, 0))


def _entry_of(row: Row[Any], account: Account) -> Entry:
    credited = row.credit == account.id
    return Entry(
        sequence=row.sequence,
        transfer_id=row.id,
        kind=TransferKind(row.kind),
        amount_micros=row.amount_micros if credited else -row.amount_micros,
        counterpart=row.debit if credited else row.credit,
        cause_id=row.cause_id,
        effective_at=row.effective_at,
    )
