"""The writing core of the book: one lock, one look-up, one insert, one update and one move of the chain's head a batch.

Whoever writes locks the chain's head before anything else of the book, so that writers wait for each other in one line
and never in a circle. What is remembered of accounts between two batches is valid exactly while the head is the one
that was left behind: every change of an account is an event of the chain, so another writer, or a rollback, shows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine

from features.money import exponent_of
from serving.ledger import owners
from serving.ledger.accounts import POSTED_MAX
from serving.ledger.chain import GENESIS, HOLDING, EventKind, canonical, event_hash, transfer_hash
from serving.ledger.drivers import driver_of, translated
from serving.ledger.refusals import BeyondTheBook, InsufficientFunds
from serving.ledger.transfer import Account, Transfer

REMEMBERED_MAX: Final = 100_000
"""Accounts that one process remembers; beyond, it forgets all and begins anew."""


@dataclass(slots=True)
class Standing:
    """An account as it stands. `number` 0: it is not opened yet. `last`: its newest transfer."""

    number: int
    posted: int
    pending_out: int
    min_available: int | None
    last: int


@dataclass(slots=True)
class Change:
    account: Account
    posted: int = 0
    pending_out: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be appended to the chain beside transfers. `account` None: it is of the book as a whole."""

    kind: EventKind
    account: Account | None
    micros: int | None
    body: Mapping[str, Any]


_Placed = tuple[Transfer, int, int, int, tuple[int, int]]
"""A transfer, its sequence, the numbers of debit and credit, and the transfers before it on the two."""


class _Memory:
    """Accounts by id, as they stood at the head `hash`. `sequence` is merely the last that was seen."""

    def __init__(self) -> None:
        self.sequence = 0
        self.hash: bytes | None = None
        self.accounts: dict[str, Standing] = {}


_MEMORIES: Final[WeakKeyDictionary[Engine, _Memory]] = WeakKeyDictionary()


class Core:
    """The book inside one unit of work. It is locked from here on, and made new for each batch.

    `ids` are those of transfers that `known` will be asked for.
    """

    def __init__(self, connection: Connection, ids: Sequence[str] = ()) -> None:
        self._connection = connection
        self._driver = driver_of(connection)
        self._memory = _MEMORIES.setdefault(connection.engine, _Memory())
        with translated(connection):
            head, self._known = self._driver.lock(ids, self._memory.sequence)
            while head is None:
                self._driver.begin(GENESIS)
                head, self._known = self._driver.lock(ids, self._memory.sequence)
        self._sequence, self._hash = head
        self._memory.sequence = self._sequence
        if self._memory.hash != self._hash or len(self._memory.accounts) > REMEMBERED_MAX:
            self._memory.hash, self._memory.accounts = self._hash, {}

    def standing(self, accounts: Iterable[Account]) -> dict[str, Standing]:
        """Of each by its id; one that was never used is not opened, and stands at zero."""
        known, asked = self._memory.accounts, {account.id: account for account in accounts}
        missing = [id_ for id_ in asked if id_ not in known]
        if missing:
            with translated(self._connection):
                known.update((row[0], Standing(*row[1:])) for row in self._driver.standing(missing))
        return {
            id_: known.get(id_) or Standing(0, 0, 0, account.rule.min_available, 0) for id_, account in asked.items()
        }

    def known(self) -> Sequence[tuple[Any, ...]]:
        """Of the transfers that exist: id, debit, credit, amount, kind, cause and hold; accounts by their ids."""
        if not self._known:
            return ()
        with translated(self._connection):
            numbers = {number for row in self._known for number in row[1:3]}
            names: dict[int, str] = dict(self._driver.names(list(numbers)))
        return [(id_, names[debit], names[credit], *rest) for id_, debit, credit, *rest in self._known]

    def append(self, transfers: Sequence[Transfer], events: Sequence[Event], now: int) -> None:
        """Write all of it, or refuse all of it before the first is written. Moves the head of the chain once.

        Accounts are opened at first use, with the bound of their kind. Raises `InsufficientFunds`, `BeyondTheBook`.
        """
        changes = _changes(transfers, events)
        standing = self.standing([change.account for change in changes.values()])
        for id_, change in changes.items():
            one = standing[id_]
            posted, held = one.posted + change.posted, one.pending_out + change.pending_out
            if not (one.min_available is None or posted - held >= one.min_available) or _is_beyond(posted, held):
                raise _refusal(change.account, one, posted, held)
        opened = [change.account for id_, change in changes.items() if not standing[id_].number]
        keys = owners.keys_made(self._connection, {account.owner for account in opened}, now) if opened else {}
        self._memory.hash = None  # until all is written, what is remembered is worth nothing
        with translated(self._connection), self._driver.together():
            self._open(opened, standing, keys, now)
            self._write_events(events, standing, now)
            placed = self._placed(transfers, standing)
            self._change(changes, standing)  # sent before anything is hashed, so that PostgreSQL is busy meanwhile
            self._limit(events, standing)
            self._write_transfers(placed, now)
            self._driver.advance(self._sequence, self._hash)
        self._memory.accounts.update(standing)
        self._memory.hash = self._hash

    def forget(self) -> None:
        """Remember nothing, after an account was changed otherwise."""
        self._memory.hash, self._memory.accounts = None, {}

    def _open(
        self, accounts: Sequence[Account], standing: Mapping[str, Standing], keys: Mapping[str, bytes], now: int
    ) -> None:
        rows, balances, events = [], [], []
        for account in accounts:
            one, exponent = standing[account.id], exponent_of(account.asset)
            seal = owners.sealed(account.owner, keys[account.owner])
            digest = owners.digest(seal)
            body = {"asset": account.asset, "exponent": exponent, "kind": account.kind.value, "owner": digest.hex()}
            events.append(self._event_row(EventKind.OPENED, None, one.min_available, canonical(body), now))
            one.number = self._sequence
            kind, owner = account.kind.value, account.owner
            rows.append((one.number, account.id, account.asset, exponent, kind, owner, digest, seal))
            balances.append((one.number, 0, 0, one.min_available, 0))
        if rows:
            self._driver.insert("account", rows)
            self._driver.insert("balance", balances)
            self._driver.insert("ledger_event", events)

    def _write_events(self, events: Sequence[Event], standing: Mapping[str, Standing], now: int) -> None:
        rows = [
            self._event_row(
                event.kind,
                None if event.account is None else standing[event.account.id].number,
                event.micros,
                canonical(dict(event.body)),
                now,
            )
            for event in events
        ]
        if rows:
            self._driver.insert("ledger_event", rows)

    def _limit(self, events: Iterable[Event], standing: Mapping[str, Standing]) -> None:
        for event in events:
            if event.kind is EventKind.LIMITED and event.account is not None:
                one = standing[event.account.id]
                one.min_available = event.micros
                self._driver.limit(one.number, event.micros)

    def _event_row(
        self, kind: EventKind, account: int | None, micros: int | None, body: str, now: int
    ) -> tuple[Any, ...]:
        """One row more of the chain. An opening has the number of its own sequence."""
        self._sequence += 1
        number = self._sequence if kind is EventKind.OPENED else account or 0
        self._hash = event_hash(self._hash, self._sequence, kind.value, number, micros, now, body)
        return self._sequence, kind.value, number, micros, now, body, self._hash

    def _placed(self, transfers: Sequence[Transfer], standing: Mapping[str, Standing]) -> Sequence[_Placed]:
        """Each with its place in the chain and in the histories of its two accounts."""
        placed, sequence = [], self._sequence
        for one in transfers:
            sequence += 1
            debit, credit = standing[one.debit.id], standing[one.credit.id]
            placed.append((one, sequence, debit.number, credit.number, (debit.last, credit.last)))
            debit.last = credit.last = sequence
        return placed

    def _change(self, changes: Mapping[str, Change], standing: Mapping[str, Standing]) -> None:
        rows = []
        for id_, change in changes.items():
            one = standing[id_]
            one.posted += change.posted
            one.pending_out += change.pending_out
            rows.append((change.posted, change.pending_out, one.last, one.number))
        if rows:
            self._driver.change(rows)

    def _write_transfers(self, placed: Sequence[_Placed], now: int) -> None:
        rows, hash_ = [], self._hash
        for one, sequence, debit, credit, before in placed:
            numbers = debit, credit, one.amount_micros
            kind, hold = f"{one.kind}", one.hold_id  # twice as fast as its `value`
            hash_ = transfer_hash(
                hash_, sequence, *numbers, *before, one.effective_at, now, (one.id, kind, one.cause_id, hold or "")
            )
            rows.append((sequence, one.id, *numbers, kind, hold, one.cause_id, one.effective_at, now, *before, hash_))
        if rows:
            self._sequence, self._hash = self._sequence + len(rows), hash_
            self._driver.insert("transfer", rows)


def _changes(transfers: Iterable[Transfer], events: Iterable[Event]) -> dict[str, Change]:
    """The net change of each account by its id: one update an account, however much touches it."""
    changes: dict[str, Change] = {}
    for transfer in transfers:
        debit, credit, micros = transfer.debit, transfer.credit, transfer.amount_micros
        (changes.get(debit.id) or changes.setdefault(debit.id, Change(debit))).posted -= micros
        (changes.get(credit.id) or changes.setdefault(credit.id, Change(credit))).posted += micros
    for event in events:
        if event.account is not None:
            change = changes.setdefault(event.account.id, Change(event.account))
            change.pending_out += (event.micros or 0) if event.kind in HOLDING else 0
    return changes


def _is_beyond(posted: int, held: int) -> bool:
    return not -POSTED_MAX <= posted <= POSTED_MAX or held > POSTED_MAX


def _refusal(account: Account, before: Standing, posted: int, held: int) -> InsufficientFunds | BeyondTheBook:
    if before.min_available is not None and posted - held < before.min_available:
        return short_of(account, before.posted - before.pending_out, before.min_available, posted - held)
    message = f"{account.id} would go beyond the {POSTED_MAX} micros that an account can count"
    return BeyondTheBook(message, account=account.id)


def short_of(account: Account, available: int, minimum: int, after: int) -> InsufficientFunds:
    kept = f" and must keep {minimum}" if minimum else ""
    return InsufficientFunds(
        f"{account.id} has {available} micros available{kept}: {minimum - after} too few",
        account=account.id,
        available_micros=available,
        min_available=minimum,
        short_micros=minimum - after,
    )
