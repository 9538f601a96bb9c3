"""A person's name destroyed in the book, for ever, while the chain stays whole.

What stays: numbers of accounts, amounts, instants, references of the platform's events. Laws on bookkeeping and money
laundering ask for them for years after the last payment, and without the key they name nobody. What was copied before,
a backup with the table `subject_key` or a payslip's proof, still holds the key: let those run out.
"""

from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, update

from serving.ledger import owners
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.chain import EventKind
from serving.ledger.core import Core, Event
from serving.ledger.refusals import Refusal, missing
from serving.ledger.transfer import AccountKind

PERSONAL: Final = frozenset({AccountKind.WALLET_PENDING, AccountKind.WALLET_AVAILABLE, AccountKind.DEBT})
"""The kinds of which the owner is a person."""

_OWNED: Final = (
    select(ACCOUNT, BALANCE.c.posted, BALANCE.c.pending_out)
    .select_from(STANDING)
    .where(ACCOUNT.c.owner == bindparam("owner"))
    .order_by(ACCOUNT.c.number)
)
_RENAME: Final = (
    update(ACCOUNT).where(ACCOUNT.c.number == bindparam("at")).values(id=bindparam("name"), owner=bindparam("nobody"))
)


class Unsettled(Refusal):
    """Somebody still owes somebody, and must know whom."""


def forget(connection: Connection, user_id: str, by: str, reason: str, now: int) -> int:
    """Destroy the person's key and every name in the book; the number of accounts. `now` in microseconds.

    Raises `Missing` for somebody without an account, `Unsettled` while money, a hold or a debt is there.
    """
    core = Core(connection)
    rows = connection.execute(_OWNED, {"owner": user_id}).all()
    if not rows or not any(row.kind in PERSONAL for row in rows):
        raise missing("person with an account", user_id)
    _assert_settled(rows)
    body = {"accounts": [row.number for row in rows], "by": by, "reason": reason}
    core.append((), [Event(EventKind.FORGOTTEN, None, None, body)], now)
    for row in rows:
        nobody = f"forgotten-{row.number}"
        connection.execute(_RENAME, {"at": row.number, "name": f"{row.kind}:{row.asset}:{nobody}", "nobody": nobody})
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # or the row's bytes would stay in the free pages
    owners.destroy(connection, user_id)
    core.forget()
    return len(rows)


def _assert_settled(rows: Any) -> None:
    open_ = [row for row in rows if row.posted or row.pending_out]
    if open_:
        first: Row[Any] = open_[0]
        raise Unsettled(
            f"account {first.number} ({first.kind} in {first.asset}) has {first.posted} micros and holds "
            f"{first.pending_out}: pay out, or write off, what is there, and forget then",
            account=first.number,
        )
