"""Money set aside: counted out of what is available until it is captured or released, once."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from features.money import MICROS_MAX
from serving.ledger import book
from serving.ledger.accounts import HOLD
from serving.ledger.refusals import AlreadyResolved, conflicting, missing
from serving.ledger.transfer import Account, Transfer, TransferKind


class HoldState(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Hold:
    """`amount_micros` of `account`, set aside because of `cause_id`. The caller chooses the id."""

    id: str
    account: Account
    amount_micros: int
    cause_id: str
    state: HoldState = HoldState.OPEN

    def __post_init__(self) -> None:
        if not 0 < self.amount_micros <= MICROS_MAX:
            raise ValueError(f"a hold is of 1 to {MICROS_MAX} micros, not {self.amount_micros}")


_FIND = select(HOLD).where(HOLD.c.id == bindparam("hold"))
_RESOLVE = (
    update(HOLD)
    .where(HOLD.c.id == bindparam("hold"), HOLD.c.state == HoldState.OPEN)
    .values(state=bindparam("resolved_as"), resolved_at=bindparam("now"))
)


def hold(connection: Connection, wanted: Hold, now: int) -> Hold:
    """Set money aside; the hold as it stands. Again with the same body: no effect, even after it was resolved.

    Raises `InsufficientFunds` when less is available, `Conflicting` for a used id with another body.
    """
    known = find(connection, wanted.id)
    if known is None:
        book.set_aside(connection, wanted.account, wanted.amount_micros)
        connection.execute(insert(HOLD), [_row_of(wanted, now)])
        return wanted
    if replace(known, state=wanted.state) != wanted:
        raise conflicting("hold", wanted.id)
    return known


def capture(connection: Connection, hold_id: str, credit: Account, now: int) -> Transfer:
    """Spend the whole hold to `credit`. Again to the same account: no effect.

    Raises `Missing`, `AlreadyResolved` if it was released, `ConflictingTransfer` if it was captured to another account.
    """
    held = _resolve(connection, hold_id, HoldState.CAPTURED, now)[0]
    transfer = Transfer(
        id=capture_id(hold_id),
        debit=held.account,
        credit=credit,
        amount_micros=held.amount_micros,
        kind=TransferKind.CAPTURE,
        cause_id=held.cause_id,
        effective_at=now,
        hold_id=hold_id,
    )
    book.post(connection, [transfer], now)
    return transfer


def release(connection: Connection, hold_id: str, now: int) -> None:
    """Make the money available again. Again: no effect. Raises `Missing`, `AlreadyResolved` if it was captured."""
    held, is_new = _resolve(connection, hold_id, HoldState.RELEASED, now)
    if is_new:
        book.set_aside(connection, held.account, -held.amount_micros)


def capture_id(hold_id: str) -> str:
    """The id of the transfer that spends a hold."""
    return f"{hold_id}/captured"


def find(connection: Connection, hold_id: str) -> Hold | None:
    row = connection.execute(_FIND, {"hold": hold_id}).one_or_none()
    return _hold_of(row) if row else None


def get(connection: Connection, hold_id: str) -> Hold:
    """Raises `Missing`."""
    found = find(connection, hold_id)
    if found is None:
        raise missing("hold", hold_id)
    return found


def _resolve(connection: Connection, hold_id: str, state: HoldState, now: int) -> tuple[Hold, bool]:
    """The hold, and whether this call resolved it."""
    changed = connection.execute(_RESOLVE, {"hold": hold_id, "resolved_as": state, "now": now}).rowcount == 1
    held = get(connection, hold_id)
    if held.state is not state:
        raise AlreadyResolved(f"hold {hold_id!r} was {held.state} before", hold_id=hold_id, state=held.state)
    return held, changed


def _row_of(wanted: Hold, now: int) -> dict[str, Any]:
    return {
        "id": wanted.id,
        "account": wanted.account.id,
        "asset": wanted.account.asset,
        "amount_micros": wanted.amount_micros,
        "state": HoldState.OPEN,
        "cause_id": wanted.cause_id,
        "opened_at": now,
        "resolved_at": None,
    }


def _hold_of(row: Row[Any]) -> Hold:
    return Hold(row.id, Account.parse(row.account), row.amount_micros, row.cause_id, HoldState(row.state))
