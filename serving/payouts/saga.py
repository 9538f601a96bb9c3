"""A payout is a row that moves through a table of states; every move is checked, and made by one writer only.

What is done to one is done to many in the same few statements: a group of payouts shares its commit.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    select,
    text,
    update,
)

from serving.database import METADATA
from serving.decision import Action
from serving.ledger import holds
from serving.ledger.holds import HoldState
from serving.ledger.refusals import AlreadyResolved, conflicting, missing
from serving.outbox.changes import tell
from serving.outbox.told import of_payout
from serving.payouts.moves import assert_legal, compare_and_set_each
from serving.payouts.provider import PROVIDER_UNREACHABLE
from serving.payouts.rows import insert_each


class State(StrEnum):
    """Submitted: approved, and handed to the provider or about to be. Challenged, reviewed: a person must answer."""

    REQUESTED = "requested"
    HELD = "held"
    SCORED = "scored"
    CHALLENGED = "challenged"
    REVIEWED = "reviewed"
    SUBMITTED = "submitted"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    RETURNED = "returned"
    REFUSED = "refused"


MOVES: Final[dict[State, frozenset[State]]] = {
    State.REQUESTED: frozenset({State.HELD}),
    State.HELD: frozenset({State.SCORED}),
    State.SCORED: frozenset({State.CHALLENGED, State.REVIEWED, State.SUBMITTED, State.REFUSED}),
    State.CHALLENGED: frozenset({State.REVIEWED, State.SUBMITTED, State.REFUSED}),
    State.REVIEWED: frozenset({State.CHALLENGED, State.SUBMITTED, State.REFUSED}),
    State.SUBMITTED: frozenset({State.UNKNOWN, State.SETTLED, State.RETURNED, State.REFUSED}),
    State.UNKNOWN: frozenset({State.SUBMITTED, State.SETTLED, State.RETURNED, State.REFUSED}),
    # What was paid can come back; what came back or was refused is over: a retry is a new withdrawal with a new hold.
    State.SETTLED: frozenset({State.RETURNED}),
    State.RETURNED: frozenset(),
    State.REFUSED: frozenset(),
}

RULINGS: Final[dict[Action, State]] = {
    Action.APPROVE: State.SUBMITTED,
    Action.CHALLENGE: State.CHALLENGED,
    Action.REVIEW: State.REVIEWED,
    Action.HOLD: State.REVIEWED,
    Action.DECLINE: State.REFUSED,
}
"""Where each action of a decision leads. Only a decline gives the money back; all else keeps it held."""


class PaidBy(StrEnum):
    """Who bears the fee of a payout."""

    PERSON = "person"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Terms:
    """What was settled when the withdrawal was asked for, and shown before.

    `provider` empty: whichever comes first. `fee_micros`: at most that; a bundle costs less. `bundle_micros`: for so
    long after its approval it waits for others of the same person to the same destination.
    """

    provider: str = ""
    fee_micros: int = 0
    fee_paid_by: PaidBy = PaidBy.PLATFORM
    bundle_micros: int = 0


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """Pay what `hold_id` holds to `destination`, a keyed digest. The id is the withdrawal's."""

    id: str
    hold_id: str
    destination: str
    terms: Terms = field(default=Terms())


class Payout(NamedTuple):
    """A row of the table, column by column.

    `due_at`: from then on it is taken up, None while nobody need ask. `waits_for`: why it is parked, else None.
    `tax_micros`: withheld of the amount for `tax_country` in `tax_year`; None: it counts for no country, or not yet.
    """

    id: str
    hold_id: str
    user_id: str
    amount_micros: int
    currency: str
    destination: str
    state: State
    version: int
    attempt_count: int
    decision_id: str | None
    created_at: int
    updated_at: int
    provider: str | None
    fee_micros: int | None
    fee_paid_by: str | None
    bundle_micros: int | None
    due_at: int | None
    waits_for: str | None
    tax_micros: int | None = None
    tax_country: str | None = None
    tax_year: int | None = None

    @property
    def taken_micros(self) -> int:
        """Of the amount, as a fee."""
        return (self.fee_micros or 0) if self.fee_paid_by == PaidBy.PERSON else 0

    @property
    def arriving_micros(self) -> int:
        return self.amount_micros - self.taken_micros - (self.tax_micros or 0)

    @property
    def bundle_key(self) -> tuple[str, str, str]:
        """What is alike in payouts that can be one payment."""
        return self.user_id, self.destination, self.currency


_IS_DUE: Final = text("due_at IS NOT NULL")
PAYOUT = Table(
    "payout",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("hold_id", String(255), ForeignKey("hold.id"), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("destination", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("attempt_count", Integer, nullable=False),
    Column("decision_id", String(255)),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("provider", String(64)),
    Column("fee_micros", BigInteger),
    Column("fee_paid_by", String(16)),
    Column("bundle_micros", BigInteger),
    Column("due_at", BigInteger),
    Column("waits_for", String(32)),
    Column("tax_micros", BigInteger),
    Column("tax_country", String(2)),
    Column("tax_year", Integer),
    UniqueConstraint("hold_id", name="payout_spends_a_hold_once"),
    CheckConstraint("amount_micros > 0", name="payout_amount"),
    Index("payout_due", "provider", "state", "due_at", sqlite_where=_IS_DUE, postgresql_where=_IS_DUE),
    Index("payout_of_user", "user_id"),
)

_OF_IDS = select(PAYOUT).where(PAYOUT.c.id.in_(bindparam("ids", expanding=True))).order_by(PAYOUT.c.id)
_FIND = select(PAYOUT).where(PAYOUT.c.id == bindparam("payout")).with_for_update()
_LOCK = _OF_IDS.with_for_update()
_UNBEGUN = (
    select(PAYOUT)
    .where(
        PAYOUT.c.user_id.in_(bindparam("users", expanding=True)),
        PAYOUT.c.state.in_((State.CHALLENGED, State.REVIEWED, State.SUBMITTED)),
        PAYOUT.c.attempt_count == 0,
    )
    .order_by(PAYOUT.c.id)
    .with_for_update()
)


def start(connection: Connection, order: PayoutOrder, now: int) -> Payout:
    """Record the payout of a held withdrawal. Again with the same body: no effect, the payout as it stands.

    Raises `Missing` without a hold, `AlreadyResolved` when it is no longer open, `Conflicting` for another body.
    """
    return start_each(connection, [order], now)[0]


def start_each(connection: Connection, orders: Sequence[PayoutOrder], now: int) -> list[Payout]:
    """The same for many, all or none, in their order."""
    known = get_each(connection, [order.id for order in orders])
    new = {order.id: order for order in orders if order.id not in known}
    for order in orders:
        before = known.get(order.id)
        said = before or new[order.id]
        if (said.hold_id, said.destination) != (order.hold_id, order.destination):
            raise conflicting("payout", order.id)
    held = holds.find_each(connection, [order.hold_id for order in new.values()])
    requested = [_requested(order, _open(held, order.hold_id), now) for order in new.values()]
    insert_each(connection, PAYOUT, requested)
    known |= {payout.id: payout for payout in requested}
    return [known[order.id] for order in orders]


def decide(connection: Connection, payout_id: str, action: Action, decision_id: str, now: int) -> Payout:
    """Follow a decision's action (see RULINGS). The same decision again: no effect. Raises `Missing`, `IllegalMove`."""
    return decide_each(connection, {payout_id: decision_id}, action, now)[payout_id]


def decide_each(connection: Connection, decision_ids: Mapping[str, str], action: Action, now: int) -> dict[str, Payout]:
    """The same action for many payouts, each by its own decision; all or none."""
    found = get_each(connection, decision_ids)
    for id_ in decision_ids:
        if id_ not in found:
            raise missing("payout", id_)
    open_ = [payout for id_, payout in found.items() if payout.decision_id != decision_ids[id_]]
    target = RULINGS[action]
    for payout in open_:
        if payout.state is State.HELD:  # the decision is the score: the two moves are one write
            assert_legal(MOVES, payout.state, State.SCORED, f"payout {payout.id!r}", payout_id=payout.id)
        before = State.SCORED if payout.state is State.HELD else payout.state
        assert_legal(MOVES, before, target, f"payout {payout.id!r}", payout_id=payout.id)
    due = {payout.id: now + (payout.bundle_micros or 0) if target is State.SUBMITTED else None for payout in open_}
    said = [
        (one, {"state": target, "decision_id": decision_ids[one.id], "due_at": due[one.id], "waits_for": None})
        for one in open_
    ]
    ruled = swap_each(connection, said, now)
    if target is State.REFUSED:
        holds.release_each(connection, [payout.hold_id for payout in ruled.values()], now)
    return found | ruled


def move(connection: Connection, payout: Payout, target: State, now: int, **also: Any) -> Payout:
    """One step through MOVES, with the columns of `also`. Raises `IllegalMove`, or `Overtaken` by another writer."""
    return move_each(connection, [payout], target, now, {payout.id: also})[payout.id]


def move_each(
    connection: Connection,
    payouts: Collection[Payout],
    target: State,
    now: int,
    also: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Payout]:
    """The same step for many, all or none, each with its own columns; by id."""
    for payout in payouts:
        assert_legal(MOVES, payout.state, target, f"payout {payout.id!r}", payout_id=payout.id)
    columns = also or {}
    return swap_each(connection, [(one, {"state": target, **columns.get(one.id, {})}) for one in payouts], now)


def swap_each(
    connection: Connection, changes: Sequence[tuple[Payout, Mapping[str, Any]]], now: int
) -> dict[str, Payout]:
    """Compare and set: write each one's columns if all still are as they were read; by id. Raises `Overtaken`."""
    compare_and_set_each(connection, PAYOUT, changes, "payout", now)
    after = {
        payout.id: payout._replace(version=payout.version + 1, updated_at=now, **columns) for payout, columns in changes
    }
    tell(connection, *(told for payout, _ in changes for told in of_payout(payout, after[payout.id], now)))
    return after


def wake(connection: Connection, user_id: str, now: int) -> int:
    """Look at once at what is parked of a person who has shown what was missing; how many payouts that is.

    What waits for its provider is left alone, for it may be on its way this moment. One that is being looked at just
    now is passed over: whoever has it asks for the person's row after this, and two that wait for each other would both
    be lost.
    """
    parked = select(PAYOUT.c.id).where(
        PAYOUT.c.user_id == user_id, PAYOUT.c.waits_for != PROVIDER_UNREACHABLE, PAYOUT.c.due_at > now
    )
    ids = connection.scalars(parked.order_by(PAYOUT.c.id).with_for_update(skip_locked=True)).all()
    if ids:
        connection.execute(update(PAYOUT).where(PAYOUT.c.id.in_(ids)).values(due_at=now))
    return len(ids)


def unbegun(connection: Connection, user_ids: Collection[str]) -> list[Payout]:
    """What nobody has begun to pay of these people, and a claim cannot begin before this commit; the newest first."""
    found = connection.execute(_UNBEGUN, {"users": list(user_ids)}) if user_ids else ()
    return sorted(map(payout_of, found), key=lambda one: (one.created_at, one.id), reverse=True)


def find(connection: Connection, payout_id: str) -> Payout | None:
    row = connection.execute(_FIND, {"payout": payout_id}).one_or_none()
    return payout_of(row) if row else None


def get(connection: Connection, payout_id: str) -> Payout:
    """Raises `Missing`."""
    found = find(connection, payout_id)
    if found is None:
        raise missing("payout", payout_id)
    return found


def get_each(connection: Connection, payout_ids: Collection[str]) -> dict[str, Payout]:
    """Those that exist, locked in one order wherever rows lock, so that two groups never wait for each other."""
    rows = connection.execute(_LOCK, {"ids": list(payout_ids)}).all() if payout_ids else ()
    return {row[0]: payout_of(row) for row in rows}


def payout_of(row: Row[Any]) -> Payout:
    """Of a whole row of the table."""
    columns: list[Any] = list(row)
    columns[_STATE] = _STATES[columns[_STATE]]
    return Payout._make(columns)


def _open(held: Mapping[str, holds.Hold], hold_id: str) -> holds.Hold:
    hold = held.get(hold_id)
    if hold is None:
        raise missing("hold", hold_id)
    if hold.state is not HoldState.OPEN:
        raise AlreadyResolved(f"hold {hold.id!r} is {hold.state}", hold_id=hold.id, state=hold.state)
    return hold


def _requested(order: PayoutOrder, held: holds.Hold, now: int) -> Payout:
    return Payout(
        id=order.id,
        hold_id=order.hold_id,
        user_id=held.account.owner,
        amount_micros=held.amount_micros,
        currency=held.account.asset,
        destination=order.destination,
        state=State.HELD,  # it was requested in the commit that held the money
        version=1,
        attempt_count=0,
        decision_id=None,
        created_at=now,
        updated_at=now,
        provider=order.terms.provider,
        fee_micros=order.terms.fee_micros,
        fee_paid_by=order.terms.fee_paid_by,
        bundle_micros=order.terms.bundle_micros,
        due_at=None,
        waits_for=None,
    )


_COLUMNS: Final = [column.name for column in PAYOUT.columns]
_STATE: Final = _COLUMNS.index("state")
_STATES: Final = {state.value: state for state in State}
assert list(Payout._fields) == _COLUMNS, "a payout is read by the places of its columns"
