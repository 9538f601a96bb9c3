"""Money set aside: counted out of what is available until it is captured or released, once, or runs out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select, text

from features.money import MICROS_MAX
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT, HOLD
from serving.ledger.chain import EventKind
from serving.ledger.core import Core, Event
from serving.ledger.refusals import AlreadyResolved, HoldExpired, conflicting, missing
from serving.ledger.transfer import Account, Transfer, TransferKind

EXPIRED_MAX: Final = book.TRANSFERS_MAX
"""Holds that one sweep lets go; more would hold the one writer for too long."""


class HoldState(StrEnum):
    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Hold:
    """`amount_micros` of `account`, set aside because of `cause_id`, until `expires_at` (None: until it is resolved).

    The caller chooses the id. A captured hold spent `captured_micros`; the rest was released.
    """

    id: str
    account: Account
    amount_micros: int
    cause_id: str
    state: HoldState = HoldState.OPEN
    expires_at: int | None = None
    captured_micros: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.amount_micros <= MICROS_MAX:
            raise ValueError(f"a hold is of 1 to {MICROS_MAX} micros, not {self.amount_micros}")


_FIND: Final = (
    select(
        HOLD.c.id,
        HOLD.c.amount_micros,
        HOLD.c.cause_id,
        HOLD.c.state,
        HOLD.c.expires_at,
        HOLD.c.captured_micros,
        ACCOUNT.c.id,
    )
    .join(ACCOUNT, ACCOUNT.c.number == HOLD.c.account)
    .where(HOLD.c.id.in_(bindparam("ids", expanding=True)))
)
_DUE: Final = (
    select(HOLD.c.id)
    .where(HOLD.c.state == text("'open'"), HOLD.c.expires_at.is_not(None), HOLD.c.expires_at <= bindparam("now"))
    .order_by(HOLD.c.expires_at, HOLD.c.id)
    .limit(bindparam("count"))
)
# As the driver takes them: what SQLAlchemy does for each row costs as much as the row.
_OPEN: Final = (
    "INSERT INTO hold (id, account, amount_micros, state, cause_id, opened_at, expires_at, captured_micros)"
    " VALUES (?, ?, ?, 'open', ?, ?, ?, 0)"
)
_RESOLVE: Final = "UPDATE hold SET state = ?, resolved_at = ?, captured_micros = ? WHERE id = ?"


def hold(connection: Connection, wanted: Hold, now: int) -> Hold:
    """Set money aside; the hold as it stands. Again with the same body: no effect, even after it was resolved.

    Raises `InsufficientFunds` when less is available, `Conflicting` for a used id with another body, ValueError for a
    hold that would be over before it begins.
    """
    return hold_each(connection, [wanted], now)[0]


def hold_each(connection: Connection, wanted: Sequence[Hold], now: int) -> list[Hold]:
    """The same for many, all or none, in their order."""
    book.lock(connection)
    known = find_each(connection, [one.id for one in wanted])
    new: dict[str, Hold] = {}
    for one in wanted:
        before = known.get(one.id) or new.setdefault(one.id, one)
        if before is not one and replace(before, state=one.state, captured_micros=one.captured_micros) != one:
            raise conflicting("hold", one.id)
    if new:
        _open(connection, list(new.values()), now)
    return [known.get(one.id) or one for one in wanted]


def capture(
    connection: Connection, hold_id: str, credit: Account, now: int, amount_micros: int | None = None
) -> Transfer:
    """Spend the hold to `credit`, whole or `amount_micros` of it; the rest is released. Again alike: no effect.

    Raises `Missing`, `AlreadyResolved` if it was released, `HoldExpired` if its time has run out, `ConflictingTransfer`
    if it was captured otherwise, ValueError for more than was held.
    """
    amounts = {} if amount_micros is None else {hold_id: amount_micros}
    return capture_each(connection, {hold_id: credit}, now, amounts=amounts)[0]


def capture_each(
    connection: Connection,
    credits_: Mapping[str, Account],
    now: int,
    after: Mapping[str, Sequence[Transfer]] | None = None,
    amounts: Mapping[str, int] | None = None,
) -> list[Transfer]:
    """The same for many, all or none; right `after` each, in the same posting, what follows from it.

    A hold that `amounts` does not name is captured whole.
    """
    if not credits_:
        return []
    book.lock(connection)
    held = _existing(connection, credits_)
    captures = [_capture(held[id_], credit, now, (amounts or {}).get(id_)) for id_, credit in credits_.items()]
    resolved = [one for one in captures if _is_due(held[one.hold_id or ""], HoldState.CAPTURED, now)]
    _resolve(connection, {one.hold_id or "": one.amount_micros for one in resolved}, HoldState.CAPTURED, now)
    ends = {one.id: _end(held[one.hold_id or ""], EventKind.CAPTURED, one.amount_micros) for one in resolved}
    follow = after or {}
    transfers = [one for first in captures for one in (first, *follow.get(first.hold_id or "", ()))]
    for start in range(0, len(transfers), book.TRANSFERS_MAX):
        chunk = transfers[start : start + book.TRANSFERS_MAX]
        book.spend(connection, chunk, [ends[one.id] for one in chunk if one.id in ends], now)
    return captures


def release(connection: Connection, hold_id: str, now: int) -> None:
    """Make the money available again. Again: no effect. Raises `Missing`, `AlreadyResolved` if it was captured."""
    release_each(connection, [hold_id], now)


def release_each(connection: Connection, hold_ids: Collection[str], now: int) -> None:
    """The same for many, all or none."""
    if not hold_ids:
        return
    book.lock(connection)
    held = _existing(connection, hold_ids)
    due = [one for one in held.values() if _is_due(one, HoldState.RELEASED, now)]
    _let_go(connection, due, EventKind.RELEASED, now)


def expire(connection: Connection, now: int, limit: int = EXPIRED_MAX) -> int:
    """Release at most `limit` holds whose time has run out, the oldest first; how many. Fewer: none is left."""
    asked = {"now": now, "count": min(limit, EXPIRED_MAX)}
    if connection.execute(_DUE, asked).first() is None:
        return 0  # which is so nearly always, and then nobody else need wait
    book.lock(connection)
    due = connection.execute(_DUE, asked).scalars().all()
    _let_go(connection, list(_existing(connection, due).values()), EventKind.EXPIRED, now)
    return len(due)


def capture_id(hold_id: str) -> str:
    """The id of the transfer that spends a hold."""
    return f"{hold_id}/captured"


def find(connection: Connection, hold_id: str) -> Hold | None:
    return find_each(connection, [hold_id]).get(hold_id)


def find_each(connection: Connection, hold_ids: Collection[str]) -> dict[str, Hold]:
    """Those that exist, by id."""
    rows = connection.execute(_FIND, {"ids": list(hold_ids)}) if hold_ids else ()
    return {row[0]: _hold_of(row) for row in rows}


def get(connection: Connection, hold_id: str) -> Hold:
    """Raises `Missing`."""
    return _existing(connection, [hold_id])[hold_id]


def _existing(connection: Connection, hold_ids: Collection[str]) -> dict[str, Hold]:
    """By id, in the order that was asked for. Raises `Missing`."""
    found = find_each(connection, hold_ids)
    for hold_id in hold_ids:
        if hold_id not in found:
            raise missing("hold", hold_id)
    return {hold_id: found[hold_id] for hold_id in hold_ids}


def _open(connection: Connection, wanted: Sequence[Hold], now: int) -> None:
    for one in wanted:
        if one.expires_at is not None and one.expires_at <= now:
            raise ValueError(f"hold {one.id!r} expires at {one.expires_at}, which is not after {now}")
    core = Core(connection)
    core.append((), [_begin(one) for one in wanted], now)
    standing = core.standing([one.account for one in wanted])
    rows = [
        (one.id, standing[one.account.id].number, one.amount_micros, one.cause_id, now, one.expires_at)
        for one in wanted
    ]
    _execute_each(connection, _OPEN, rows)


def _is_due(held: Hold, wanted: HoldState, now: int) -> bool:
    """Whether it is still open. Raises `AlreadyResolved` if it was resolved otherwise, `HoldExpired`."""
    if held.state is HoldState.OPEN:
        if wanted is HoldState.CAPTURED and held.expires_at is not None and held.expires_at <= now:
            message = f"hold {held.id!r} has expired: ask for a new one under a new id"
            raise HoldExpired(message, hold_id=held.id, expires_at=held.expires_at)
        return True
    if held.state is not wanted:
        raise AlreadyResolved(f"hold {held.id!r} was {held.state} before", hold_id=held.id, state=held.state)
    return False


def _let_go(connection: Connection, held: Sequence[Hold], kind: EventKind, now: int) -> None:
    if held:
        Core(connection).append((), [_end(one, kind, 0) for one in held], now)
        _resolve(connection, {one.id: 0 for one in held}, HoldState.RELEASED, now)


def _resolve(connection: Connection, captured: Mapping[str, int], state: HoldState, now: int) -> None:
    """`captured`: what each hold spent, by its id."""
    _execute_each(connection, _RESOLVE, [(state.value, now, micros, id_) for id_, micros in captured.items()])


def _execute_each(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        connection.exec_driver_sql(statement.replace("?", mark), rows)


def _capture(held: Hold, credit: Account, now: int, amount_micros: int | None) -> Transfer:
    amount = held.amount_micros if amount_micros is None else amount_micros
    if not 0 < amount <= held.amount_micros:
        raise ValueError(f"of hold {held.id!r} 1 to {held.amount_micros} micros can be captured, not {amount}")
    return Transfer(
        id=capture_id(held.id),
        debit=held.account,
        credit=credit,
        amount_micros=amount,
        kind=TransferKind.CAPTURE,
        cause_id=held.cause_id,
        effective_at=now,
        hold_id=held.id,
    )


def _begin(wanted: Hold) -> Event:
    body = {"id": wanted.id, "cause": wanted.cause_id, "expires_at": wanted.expires_at}
    return Event(EventKind.HELD, wanted.account, wanted.amount_micros, body)


def _end(held: Hold, kind: EventKind, captured: int) -> Event:
    """What was held no longer is, whatever became of it."""
    return Event(kind, held.account, -held.amount_micros, {"id": held.id, "captured": captured})


def _hold_of(row: Sequence[Any]) -> Hold:
    """Of a row of `_FIND`."""
    id_, micros, cause_id, state, expires_at, captured, account = row
    return Hold(id_, Account.parse(account), micros, cause_id, _STATES[state], expires_at, captured)


_STATES: Final = {state.value: state for state in HoldState}
