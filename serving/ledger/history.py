"""Transfers as people name their accounts, the history of one account, and balances of any time."""

from typing import Any, Final

from sqlalchemy import Connection, Select, Subquery, bindparam, case, func, select

from serving.ledger.accounts import ACCOUNT, BALANCE, LEDGER_EVENT, STANDING, TRANSFER
from serving.ledger.book import Balance
from serving.ledger.chain import HOLDING, EventKind
from serving.ledger.transfer import Account

_DEBIT, _CREDIT = ACCOUNT.alias("debited"), ACCOUNT.alias("credited")
_NAMED: Final = (
    TRANSFER.c.sequence,
    TRANSFER.c.id,
    _DEBIT.c.id.label("debit"),
    _CREDIT.c.id.label("credit"),
    _DEBIT.c.asset.label("asset"),
    TRANSFER.c.amount_micros,
    TRANSFER.c.kind,
    TRANSFER.c.hold_id,
    TRANSFER.c.cause_id,
    TRANSFER.c.effective_at,
    TRANSFER.c.recorded_at,
)


def _named(query: Select[Any]) -> Select[Any]:
    return query.join(_DEBIT, _DEBIT.c.number == TRANSFER.c.debit).join(_CREDIT, _CREDIT.c.number == TRANSFER.c.credit)


NAMED: Final = _named(select(*_NAMED)).subquery("named")
"""Every transfer, with the ids of its accounts and their asset. To find those of one account takes `history`."""


def history(account: str = "account", after: str = "after") -> Subquery:
    """The transfers of one account, named, whose sequence is larger than another: both are parameters of the query.

    Read from the newest back, so that it costs as much as it gives.
    """
    newest = select(ACCOUNT.c.number, BALANCE.c.last.label("sequence")).select_from(STANDING)
    first = newest.where(ACCOUNT.c.id == bindparam(account))
    step = first.cte("step", recursive=True)
    one = TRANSFER.alias("one")
    before = case((one.c.debit == step.c.number, one.c.debit_before), else_=one.c.credit_before)
    further = select(step.c.number, before).join(one, one.c.sequence == step.c.sequence)
    step = step.union_all(further.where(step.c.sequence > bindparam(after)))
    query = _named(select(*_NAMED).join_from(step, TRANSFER, TRANSFER.c.sequence == step.c.sequence))
    return query.where(TRANSFER.c.sequence > bindparam(after)).subquery("history")


_HISTORY: Final = history()
_CHANGE: Final = case((_HISTORY.c.credit == bindparam("account"), 1), else_=-1) * _HISTORY.c.amount_micros
_POSTED: Final = select(func.coalesce(func.sum(_CHANGE), 0)).where(
    _HISTORY.c.effective_at <= bindparam("at"), _HISTORY.c.recorded_at <= bindparam("as_of")
)
_EVENTS: Final = (
    select(LEDGER_EVENT.c.kind, LEDGER_EVENT.c.micros)
    .join(ACCOUNT, ACCOUNT.c.number == LEDGER_EVENT.c.account)
    .where(ACCOUNT.c.id == bindparam("account"), LEDGER_EVENT.c.at <= bindparam("at"))
    .order_by(LEDGER_EVENT.c.sequence)
)
EVER: Final = 2**63 - 1
"""An instant after all others."""


def balance_at(connection: Connection, account: Account, at: int = EVER, as_of: int = EVER) -> Balance:
    """The balance that counts `at` an instant, of what was recorded as of another; both in microseconds.

    What takes effect earlier than it is recorded changes the balance of the past: `at` alone says what is known of the
    past today, `as_of` alone what was answered then. A hold takes effect as it is recorded. Reads the account's whole
    history. An account that was not used by then has a balance of zero.
    """
    asked = {"account": account.id, "after": 0, "at": at, "as_of": as_of}
    posted = int(connection.execute(_POSTED, asked).scalar_one())
    held, minimum = 0, account.rule.min_available
    for kind, micros in connection.execute(_EVENTS, {"account": account.id, "at": min(at, as_of)}):
        if kind in (EventKind.OPENED, EventKind.LIMITED):
            minimum = micros
        elif kind in HOLDING:
            held += micros
    return Balance(posted, held, minimum)
