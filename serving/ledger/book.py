"""The double-entry book. Every function works inside the caller's unit of work and commits nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from serving.ledger.accounts import ACCOUNT, BALANCE, POSTED_MAX, STANDING
from serving.ledger.chain import EventKind
from serving.ledger.core import Core, Event, Standing, short_of
from serving.ledger.refusals import ConflictingTransfer, missing
from serving.ledger.transfer import Account, Transfer, TransferKind

__all__ = [
    "POSTED_MAX",
    "TRANSFERS_MAX",
    "Balance",
    "balance",
    "exists",
    "limit",
    "lock",
    "post",
    "reverse",
    "set_aside_each",
    "spend",
    "spendable",
]

TRANSFERS_MAX: Final = 1_000
"""Transfers in one call of `post`; more would hold the one writer for too long."""


@dataclass(frozen=True, slots=True)
class Balance:
    """In micros. `available_micros` is what can leave now: what was posted, less what is held."""

    posted_micros: int
    held_micros: int
    min_available: int | None

    @property
    def available_micros(self) -> int:
        return self.posted_micros - self.held_micros


_STANDING: Final = (
    select(
        ACCOUNT.c.id,
        ACCOUNT.c.number,
        BALANCE.c.posted,
        BALANCE.c.pending_out,
        BALANCE.c.min_available,
        BALANCE.c.last,
    )
    .select_from(STANDING)
    .where(ACCOUNT.c.id.in_(bindparam("ids", expanding=True)))
)


def lock(connection: Connection) -> None:
    """Begin to write to the book: from here to the end of the transaction, nobody else does.

    Whatever else is locked in the same transaction is locked after this, so that no two writers wait for each other.
    """
    Core(connection)


def post(connection: Connection, transfers: Sequence[Transfer], now: int) -> int:
    """Post all of `transfers` or none; the number that were new.

    A transfer that was posted before, or stands twice in the batch, counts once. The batch is judged by where it ends,
    not by the order inside it. Raises `ConflictingTransfer` for a used id with another body, `InsufficientFunds`, and
    `BeyondTheBook` for more than an account can count. What was held is spent by `holds.capture` alone.
    """
    distinct = _distinct(transfers)
    core = Core(connection, list(distinct))
    new = _unposted(core, distinct)
    if any(one.hold_id is not None for one in new):
        raise ValueError("what is held is spent by holds.capture, which resolves the hold")
    if new:
        core.append(new, (), now)
    return len(new)


def spend(connection: Connection, transfers: Sequence[Transfer], ends: Sequence[Event], now: int) -> None:
    """Post transfers that spend holds, together with the `ends` of those holds. Only holds call this."""
    distinct = _distinct(transfers)
    core = Core(connection, list(distinct))
    new = _unposted(core, distinct)
    if new or ends:
        core.append(new, ends, now)


def reverse(connection: Connection, transfer_id: str, cause_id: str, now: int) -> Transfer:
    """Undo a transfer by its mirror image, whose id follows from the original's. Again: no effect. Raises `Missing`."""
    known = Core(connection, [transfer_id]).known()
    if not known:
        raise missing("transfer", transfer_id)
    _, debit, credit, amount_micros, *_ = known[0]
    mirror = Transfer(
        id=f"{transfer_id}/reversed",
        debit=Account.parse(credit),
        credit=Account.parse(debit),
        amount_micros=amount_micros,
        kind=TransferKind.REVERSAL,
        cause_id=cause_id,
        effective_at=now,
    )
    post(connection, [mirror], now)
    return mirror


def balance(connection: Connection, account: Account) -> Balance:
    """An account that was never used has a balance of zero."""
    one = _standing(connection, [account])[account.id]
    return Balance(one.posted, one.pending_out, one.min_available)


def exists(connection: Connection, account: Account) -> bool:
    """Whether it was ever used."""
    return _standing(connection, [account])[account.id].number > 0


def limit(connection: Connection, account: Account, min_available: int | None) -> None:
    """Set what must stay available (for a receivable, minus its credit limit). Raises `InsufficientFunds`."""
    core = Core(connection)
    one = core.standing([account])[account.id]
    available = one.posted - one.pending_out
    if min_available is not None and available < min_available:
        raise short_of(account, available, min_available, available)
    core.append((), [Event(EventKind.LIMITED, account, min_available, {})], 0)


def set_aside_each(connection: Connection, micros: Mapping[Account, int], now: int = 0) -> None:
    """Raise (or, below zero, lower) what is held on each account, all or none. Raises `InsufficientFunds`. Only
    reservations call this: a hold is an event of its own.
    """
    if micros:
        events = [Event(EventKind.RESERVED, account, change, {}) for account, change in micros.items()]
        Core(connection).append((), events, now)


def spendable(connection: Connection, accounts: Iterable[Account]) -> dict[Account, int | None]:
    """What can still leave each account or be held on it, in micros; None: no bound. Locks the book for a writer."""
    asked = list(accounts)
    standing = _standing(connection, asked)
    return {account: _left(standing[account.id]) for account in asked}


def _left(one: Standing) -> int | None:
    return None if one.min_available is None else one.posted - one.pending_out - one.min_available


def _standing(connection: Connection, accounts: Sequence[Account]) -> dict[str, Standing]:
    """Who only reads locks nothing, and sees what its own snapshot holds."""
    if not connection.get_execution_options().get("reads", False):
        return Core(connection).standing(accounts)
    rows = connection.execute(_STANDING, {"ids": [account.id for account in accounts]})
    known = {row.id: Standing(*row[1:]) for row in rows}
    return {one.id: known.get(one.id) or Standing(0, 0, 0, one.rule.min_available, 0) for one in accounts}


def _distinct(transfers: Sequence[Transfer]) -> dict[str, Transfer]:
    if len(transfers) > TRANSFERS_MAX:
        raise ValueError(f"at most {TRANSFERS_MAX} transfers are posted at once, not {len(transfers)}")
    by_id: dict[str, Transfer] = {}
    for transfer in transfers:
        first = by_id.setdefault(transfer.id, transfer)
        if first is not transfer and first.body != transfer.body:
            raise _conflict(transfer)
    return by_id


def _unposted(core: Core, wanted: dict[str, Transfer]) -> list[Transfer]:
    for id_, *body in core.known():
        if wanted.pop(id_).body != tuple(body):
            raise _conflict_of(id_)
    return list(wanted.values())


def _conflict(transfer: Transfer) -> ConflictingTransfer:
    return _conflict_of(transfer.id)


def _conflict_of(id_: str) -> ConflictingTransfer:
    return ConflictingTransfer(
        f"transfer {id_!r} exists with another body: a new effect needs a new id", transfer_id=id_
    )
