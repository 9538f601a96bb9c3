"""What a person owes, and how it is paid back: out of later rewards, and never more than a quarter of each.

Only fraud that a reviewer found, finally, makes a debt (see `reversals`). It stands on an account of its own, so that a
wallet is never below zero: what is earned later can be withdrawn, but for the quarter.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from serving.ledger import book
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

COLLECTED_PERCENT: Final = 25
"""Of each reward that matures, at most so much pays a debt."""
FINDINGS_MAX: Final = 100

# Locked in the order of their ids, as the book locks: two rewards of one person never collect the same micro twice.
_OWED = (
    select(ACCOUNT.c.id, BALANCE.c.posted)
    .select_from(STANDING)
    .where(ACCOUNT.c.id.in_(bindparam("ids", expanding=True)), BALANCE.c.posted < 0)
    .order_by(ACCOUNT.c.id)
    .with_for_update(of=BALANCE)
)


@dataclass(frozen=True, slots=True)
class Matured:
    """`micros` that have just become a person's to withdraw, and what they are for."""

    cause_id: str
    user_id: str
    currency: str
    micros: int


def debt_of(user_id: str, currency: str) -> Account:
    """A debit balance: minus what the person owes."""
    return Account(AccountKind.DEBT, user_id, currency)


def owed(connection: Connection, user_id: str, currency: str) -> int:
    """What the person owes, in micros; zero or more."""
    return -book.balance(connection, debt_of(user_id, currency)).posted_micros


def collect(connection: Connection, matured: Iterable[Matured], now: int) -> int:
    """Take what is owed from rewards that have just matured, at most `COLLECTED_PERCENT` of each; how much was taken.

    Call it once for each, in the commit that made them available. The first ones pay first.
    """
    by_debt: defaultdict[Account, list[Matured]] = defaultdict(list)
    for one in matured:
        by_debt[debt_of(one.user_id, one.currency)].append(one)
    if not by_debt:
        return 0
    rows = connection.execute(_OWED, {"ids": [debt.id for debt in by_debt]})
    left = {row.id: -row.posted for row in rows}
    transfers = []
    for debt, ones in by_debt.items():
        for one in ones if debt.id in left else ():
            micros = min(left[debt.id], one.micros * COLLECTED_PERCENT // 100)
            left[debt.id] -= micros
            transfers += [_collection(one, debt, micros, now)] if micros else []
    book.post(connection, transfers, now)
    return sum(transfer.amount_micros for transfer in transfers)


def debts(connection: Connection) -> list[Row[Any]]:
    """Who owes: rows of `owner`, `asset` and `posted`, which is below zero; the largest first."""
    query = select(ACCOUNT.c.owner, ACCOUNT.c.asset, BALANCE.c.posted).select_from(STANDING)
    return list(
        connection.execute(
            query.where(ACCOUNT.c.kind == AccountKind.DEBT, BALANCE.c.posted < 0).order_by(BALANCE.c.posted)
        )
    )


def _collection(one: Matured, debt: Account, micros: int, now: int) -> Transfer:
    return Transfer(
        id=f"{one.cause_id}/{TransferKind.DEBT_COLLECTED}",
        debit=Account(AccountKind.WALLET_AVAILABLE, one.user_id, one.currency),
        credit=debt,
        amount_micros=micros,
        kind=TransferKind.DEBT_COLLECTED,
        cause_id=one.cause_id,
        effective_at=now,
    )


def check(connection: Connection) -> list[str]:
    """Nobody ever pays back more than is owed; a finding is a sentence."""
    debts = select(ACCOUNT.c.id, BALANCE.c.posted).select_from(STANDING).where(ACCOUNT.c.kind == AccountKind.DEBT)
    over = debts.where(BALANCE.c.posted > 0).order_by(ACCOUNT.c.id)
    rows = connection.execute(over.limit(FINDINGS_MAX))
    return [f"{row.id} was paid {row.posted} micros more than was owed" for row in rows]
