"""The double-entry book. Every function works inside the caller's unit of work and commits nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from features.money import exponent_of
from serving.ledger.accounts import ACCOUNT, TRANSFER
from serving.ledger.refusals import ConflictingTransfer, InsufficientFunds, missing
from serving.ledger.transfer import Account, Transfer, TransferKind

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


@dataclass(slots=True)
class _Change:
    posted: int = 0
    pending_out: int = 0


_BALANCES = (
    select(ACCOUNT.c.id, ACCOUNT.c.posted, ACCOUNT.c.pending_out, ACCOUNT.c.min_available)
    .where(ACCOUNT.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(ACCOUNT.c.id)
    .with_for_update()
)
_CHANGE = (
    update(ACCOUNT)
    .where(ACCOUNT.c.id == bindparam("account"))
    .values(
        posted=ACCOUNT.c.posted + bindparam("posted_change"),
        pending_out=ACCOUNT.c.pending_out + bindparam("pending_change"),
        version=ACCOUNT.c.version + 1,
    )
)
_KNOWN = select(TRANSFER).where(TRANSFER.c.id.in_(bindparam("ids", expanding=True)))
_OPEN = insert(ACCOUNT)
_RECORD = insert(TRANSFER)


def post(connection: Connection, transfers: Sequence[Transfer], now: int) -> int:
    """Post all of `transfers` or none; the number that were new.

    A transfer that was posted before, or stands twice in the batch, counts once. The batch is judged by where it ends,
    not by the order inside it. Raises `ConflictingTransfer` for a used id with another body, `InsufficientFunds`.
    """
    new = _unposted(connection, _distinct(transfers))
    if new:
        _change_balances(connection, _changes(new))
        connection.execute(_RECORD, [_row_of(transfer, now) for transfer in new])
    return len(new)


def reverse(connection: Connection, transfer_id: str, cause_id: str, now: int) -> Transfer:
    """Undo a transfer by its mirror image, whose id follows from the original's. Again: no effect. Raises `Missing`."""
    row = connection.execute(_KNOWN, {"ids": [transfer_id]}).one_or_none()
    if row is None:
        raise missing("transfer", transfer_id)
    mirror = Transfer(
        id=f"{transfer_id}/reversed",
        debit=Account.parse(row.credit),
        credit=Account.parse(row.debit),
        amount_micros=row.amount_micros,
        kind=TransferKind.REVERSAL,
        cause_id=cause_id,
        effective_at=now,
    )
    post(connection, [mirror], now)
    return mirror


def balance(connection: Connection, account: Account) -> Balance:
    """An account that was never used has a balance of zero."""
    row = connection.execute(_BALANCES, {"ids": [account.id]}).one_or_none()
    return _balance_of(row) if row else Balance(0, 0, account.rule.min_available)


def exists(connection: Connection, account: Account) -> bool:
    return connection.execute(_BALANCES, {"ids": [account.id]}).first() is not None


def limit(connection: Connection, account: Account, min_available: int | None) -> None:
    """Set what must stay available (for a receivable, minus its credit limit). Raises `InsufficientFunds`."""
    if not exists(connection, account):
        connection.execute(_OPEN, [_opened(account, min_available=min_available)])
        return
    _assert_available(account, balance(connection, account).available_micros, min_available)
    connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == account.id).values(min_available=min_available))


def set_aside(connection: Connection, account: Account, micros: int) -> None:
    """Raise (or, below zero, lower) what is held on `account`. Only holds call this. Raises `InsufficientFunds`."""
    _change_balances(connection, {account: _Change(pending_out=micros)})


def _distinct(transfers: Sequence[Transfer]) -> list[Transfer]:
    if len(transfers) > TRANSFERS_MAX:
        raise ValueError(f"at most {TRANSFERS_MAX} transfers are posted at once, not {len(transfers)}")
    by_id: dict[str, Transfer] = {}
    for transfer in transfers:
        if by_id.setdefault(transfer.id, transfer).body != transfer.body:
            raise _conflict(transfer)
    return list(by_id.values())


def _unposted(connection: Connection, transfers: Iterable[Transfer]) -> list[Transfer]:
    wanted = {transfer.id: transfer for transfer in transfers}
    for row in connection.execute(_KNOWN, {"ids": list(wanted)}):
        body = row.debit, row.credit, row.amount_micros, row.kind, row.cause_id, row.hold_id
        if wanted[row.id].body != body:
            raise _conflict(wanted[row.id])
        del wanted[row.id]
    return list(wanted.values())


def _conflict(transfer: Transfer) -> ConflictingTransfer:
    return ConflictingTransfer(
        f"transfer {transfer.id!r} exists with another body: a new effect needs a new id", transfer_id=transfer.id
    )


def _changes(transfers: Iterable[Transfer]) -> dict[Account, _Change]:
    """The net change of each account: one update an account, however many transfers touch it."""
    changes: dict[Account, _Change] = {}
    for transfer in transfers:
        source = changes.setdefault(transfer.debit, _Change())
        source.posted -= transfer.amount_micros
        source.pending_out -= transfer.amount_micros if transfer.hold_id else 0
        changes.setdefault(transfer.credit, _Change()).posted += transfer.amount_micros
    return changes


def _change_balances(connection: Connection, changes: dict[Account, _Change]) -> None:
    """All accounts are judged before the first is written: a caller may catch the refusal and go on."""
    rows = connection.execute(_BALANCES, {"ids": [account.id for account in changes]})
    known = {row.id: _balance_of(row) for row in rows}
    for account, change in changes.items():
        before = known.get(account.id, Balance(0, 0, account.rule.min_available))
        after = before.available_micros + change.posted - change.pending_out
        _assert_available(account, after, before.min_available, before.available_micros)
    # Sorted, so that two writers lock accounts in one order and never wait for each other.
    ordered = sorted(changes.items(), key=lambda item: item[0].id)
    opened = [
        _opened(account, change, account.rule.min_available) for account, change in ordered if account.id not in known
    ]
    changed = [_changed(account, change) for account, change in ordered if account.id in known]
    if opened:
        connection.execute(_OPEN, opened)
    if changed:
        connection.execute(_CHANGE, changed)


def _assert_available(account: Account, after: int, minimum: int | None, before: int | None = None) -> None:
    if minimum is not None and after < minimum:
        available = after if before is None else before
        raise InsufficientFunds(
            f"{account.id} has {available} micros available and must keep {minimum}: {minimum - after} too few",
            account=account.id,
            available_micros=available,
            min_available=minimum,
            short_micros=minimum - after,
        )


def _opened(account: Account, change: _Change | None = None, min_available: int | None = None) -> dict[str, Any]:
    first = change or _Change()
    return {
        "id": account.id,
        "asset": account.asset,
        "exponent": exponent_of(account.asset),
        "kind": account.kind,
        "owner": account.owner,
        "posted": first.posted,
        "pending_out": first.pending_out,
        "min_available": min_available,
        "version": 1,
    }


def _changed(account: Account, change: _Change) -> dict[str, Any]:
    return {"account": account.id, "posted_change": change.posted, "pending_change": change.pending_out}


def _row_of(transfer: Transfer, now: int) -> dict[str, Any]:
    return {
        "id": transfer.id,
        "debit": transfer.debit.id,
        "credit": transfer.credit.id,
        "amount_micros": transfer.amount_micros,
        "asset": transfer.asset,
        "kind": transfer.kind,
        "hold_id": transfer.hold_id,
        "cause_id": transfer.cause_id,
        "effective_at": transfer.effective_at,
        "recorded_at": now,
    }


def _balance_of(row: Row[*tuple[Any, ...]]) -> Balance:
    return Balance(row.posted, row.pending_out, row.min_available)
