"""A person's entries with the proofs that let anybody check them against a signed head; see slip.py, which does."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from serving.ledger import owners
from serving.ledger.accounts import ACCOUNT, BALANCE, LEDGER_EVENT, STANDING, TRANSFER
from serving.ledger.proof.growth import grow_to
from serving.ledger.proof.heads import Head
from serving.ledger.proof.merkle import prove_inclusion
from serving.ledger.proof.rows import Rows
from serving.ledger.proof.slip import FORMAT
from serving.ledger.proof.tree import Tree
from serving.ledger.refusals import missing

ENTRIES_MAX: Final = 10_000
"""Entries of one account in one document, the newest; what is older is in an earlier one."""

_OWNED: Final = (
    select(ACCOUNT, BALANCE.c.last)
    .select_from(STANDING)
    .where(ACCOUNT.c.owner == bindparam("owner"))
    .order_by(ACCOUNT.c.number)
)
_ENTRY: Final = select(TRANSFER).where(TRANSFER.c.sequence == bindparam("sequence"))
_OPENING: Final = select(LEDGER_EVENT).where(LEDGER_EVENT.c.sequence == bindparam("sequence"))
_TOLD: Final = (
    "sequence id debit credit amount_micros debit_before credit_before effective_at recorded_at cause_id hold_id kind"
).split()


@dataclass(frozen=True, slots=True)
class Period:
    """Entries that were recorded at `since` <= instant < `until`, microseconds."""

    since: int = 0
    until: int = 2**63 - 1


def prove_entries(
    connection: Connection, user_id: str, head: Head, tree: Tree, period: Period = Period()
) -> dict[str, Any]:
    """The document for one person, of what `head` covers; JSON. `tree` is that of the book, as far as the head at most.

    It holds the person's own key, which shows that the accounts are theirs.

    Raises `Missing` for somebody without an account under the head, `BookRewritten` for a book that it does not fit.
    """
    rows = Rows(connection)
    grow_to(tree, rows, head)
    prove = _Prover(rows, tree)
    owned = [one for one in connection.execute(_OWNED, {"owner": user_id}) if one.number <= head.size]
    if not owned:
        raise missing("person with an account", user_id)
    accounts = [_account(connection, one, head.size, period, prove) for one in owned]
    (key,) = owners.keys(connection, [user_id]).values()
    count = sum(len(account["entries"]) for account in accounts)
    told = {"format": FORMAT, "user_id": user_id, "key": key.hex(), "head": head.as_json(), "size": head.size}
    return told | {"count": count, "accounts": accounts}


class _Prover:
    """What every row of a document needs besides its columns."""

    def __init__(self, rows: Rows, tree: Tree) -> None:
        self._rows, self._size = rows, tree.size
        self._root_of: Callable[[int, int], bytes] = cache(tree.root_of(rows.hashes))

    def __call__(self, sequence: int) -> dict[str, Any]:
        before = self._rows.hashes(sequence - 2, 1) if sequence > 1 else [bytes(32)]
        path = prove_inclusion(sequence - 1, self._size, self._root_of)
        return {"previous": before[0].hex(), "path": [step.hex() for step in path]}


def _account(connection: Connection, row: Row[Any], size: int, period: Period, prove: _Prover) -> dict[str, Any]:
    opening = connection.execute(_OPENING, {"sequence": row.number}).one()
    entries, after = _entries(connection, row, size, period)
    return {
        "number": row.number,
        "kind": row.kind,
        "asset": row.asset,
        "exponent": row.exponent,
        "sealed": bytes(row.owner_sealed).hex(),
        "opened": {name: getattr(opening, name) for name in ("sequence", "micros", "at", "body")} | prove(row.number),
        "after": after,
        "entries": [{name: getattr(one, name) for name in _TOLD} | prove(one.sequence) for one in entries],
    }


def _entries(connection: Connection, account: Row[Any], size: int, period: Period) -> tuple[Sequence[Row[Any]], int]:
    """The entries of a period, oldest first, and the sequence of the entry before the first of them, 0 for none.

    Read from the newest back along the links of the account, so that the cost is that of what came since.
    """
    found: list[Row[Any]] = []
    at = account.last
    while at and len(found) < ENTRIES_MAX:
        row = connection.execute(_ENTRY, {"sequence": at}).one()
        if row.recorded_at < period.since:
            break
        # From the newest that is asked for, every one: the links must lead from each to the one before it.
        if found or (row.sequence <= size and row.recorded_at < period.until):
            found.append(row)
        at = row.credit_before if row.credit == account.number else row.debit_before
    return found[::-1], at
