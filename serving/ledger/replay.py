"""The whole book replayed from its chain: every hash and link, and what each account must therefore have and hold."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from serving.ledger.accounts import ACCOUNT, BALANCE, HOLD
from serving.ledger.chain import HOLDING, EventKind, Link, head, walk
from serving.ledger.holds import HoldState

_HOLD_ENDS = {
    EventKind.CAPTURED.value: HoldState.CAPTURED,
    EventKind.RELEASED.value: HoldState.RELEASED,
    EventKind.EXPIRED.value: HoldState.RELEASED,
}

# One whose balance is gone is among them, with nothing where its balance should be.
_ACCOUNTS: Final = select(ACCOUNT, BALANCE).outerjoin_from(ACCOUNT, BALANCE).order_by(ACCOUNT.c.number)


@dataclass(slots=True)
class _Account:
    """As its events tell."""

    opening: dict[str, Any]
    minimum: int | None
    posted: int = 0
    pending_out: int = 0
    last: int = 0


class Replay:
    """Told each link in order; says what does not fit, in sentences."""

    def __init__(self) -> None:
        self._sequence, self._hash = 0, b""
        self._accounts: dict[int, _Account] = {}
        self._holds: dict[str, tuple[int, int, HoldState, int]] = {}

    def findings(self, connection: Connection) -> Iterator[str]:
        """Reads the whole book."""
        for link in walk(connection):
            yield from self._take(link)
        sequence, hash_ = head(connection)
        if sequence != self._sequence or (sequence and hash_ != self._hash):
            yield f"the head of the chain says {sequence}, the chain ends with {self._sequence} or another hash"
        for row in connection.execute(_ACCOUNTS):
            yield from self._judge(row)
        for number in self._accounts:
            yield f"account {number} was opened and is gone"
        for row in connection.execute(select(HOLD).order_by(HOLD.c.id)):
            yield from self._judge_hold(row)
        for id_ in self._holds:
            yield f"hold {id_} was opened and is gone"

    def _take(self, link: Link) -> Iterator[str]:
        what = "transfer" if link.is_transfer else "event"
        if link.sequence != self._sequence + 1:
            yield f"the chain has no {self._sequence + 1}: after {self._sequence} comes {link.sequence}"
        if link.hash != link.expected:
            yield f"{what} {link.sequence} of the chain is not what its hash says"
        self._sequence, self._hash = link.sequence, link.hash
        yield from self._transfer(link.row) if link.is_transfer else self._event(link.row)

    def _transfer(self, row: Row[Any]) -> Iterator[str]:
        legs = (row.debit, row.debit_before, -row.amount_micros), (row.credit, row.credit_before, row.amount_micros)
        for number, before, micros in legs:
            account = self._accounts.get(number)
            if account is None:
                yield f"transfer {row.sequence} moves money of account {number}, which was not opened"
                continue
            if account.last != before:
                yield f"transfer {row.sequence} follows {before} on account {number}, whose last was {account.last}"
            account.posted += micros
            account.last = row.sequence

    def _event(self, row: Row[Any]) -> Iterator[str]:
        body, account = json.loads(row.body), self._accounts.get(row.account)
        if row.kind == EventKind.OPENED:
            self._accounts[row.account] = _Account(body, row.micros)
        elif account is not None and row.kind == EventKind.LIMITED:
            account.minimum = row.micros
        elif account is not None and row.kind in HOLDING:
            account.pending_out += row.micros
            yield from self._hold_event(row, body)
        elif row.account:
            yield f"event {row.sequence} speaks of account {row.account}, which was not opened"

    def _hold_event(self, row: Row[Any], body: dict[str, Any]) -> Iterator[str]:
        if row.kind == EventKind.HELD:
            self._holds[body["id"]] = (row.account, row.micros, HoldState.OPEN, 0)
        elif row.kind in _HOLD_ENDS:
            account, micros, state, _ = self._holds.get(body["id"], (0, 0, HoldState.RELEASED, 0))
            if (account, micros, state) != (row.account, -row.micros, HoldState.OPEN):
                yield f"event {row.sequence} resolves hold {body['id']}, which is not open with {-row.micros} micros"
            self._holds[body["id"]] = (account, micros, _HOLD_ENDS[row.kind], body["captured"])

    def _judge(self, row: Row[Any]) -> Iterator[str]:
        said = self._accounts.pop(row.number, None)
        if said is None:
            yield f"account {row.number} was never opened"
            return
        opening = {
            "asset": row.asset,
            "exponent": row.exponent,
            "kind": row.kind,
            "owner": bytes(row.owner_digest).hex(),
        }
        if opening != said.opening:
            yield f"account {row.number} is not what it was opened as"
        if row.owner_sealed is not None and hashlib.sha256(row.owner_sealed).digest() != bytes(row.owner_digest):
            yield f"account {row.number} has another owner than it was opened for"
        told = {"posted": said.posted, "pending_out": said.pending_out, "min_available": said.minimum}
        for name, value in (told | {"last": said.last}).items():
            if getattr(row, name) != value:
                yield f"account {row.number} says {name} {getattr(row, name)}, the chain says {value}"

    def _judge_hold(self, row: Row[Any]) -> Iterator[str]:
        said = self._holds.pop(row.id, None)
        if said != (row.account, row.amount_micros, row.state, row.captured_micros):
            yield f"hold {row.id} is {row.state} with {row.captured_micros} captured, which the chain does not say"
