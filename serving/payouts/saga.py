"""A payout is a row that moves through a table of states; every move is checked, and made by one writer only."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final

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
    insert,
    select,
    update,
)

from serving.database import METADATA
from serving.decision import Action
from serving.ledger import holds
from serving.ledger.holds import HoldState
from serving.ledger.refusals import AlreadyResolved, Refusal, conflicting, missing


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


class IllegalMove(Refusal):
    """The table of states has no such move. Nothing was changed; a person should look."""


class Overtaken(Refusal):
    """Another writer moved the payout in between: read it again."""


@dataclass(frozen=True, slots=True)
class PayoutOrder:
    """Pay what `hold_id` holds to `destination`. The id is the withdrawal's."""

    id: str
    hold_id: str
    destination: str


@dataclass(frozen=True, slots=True)
class Payout:
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
    UniqueConstraint("hold_id", name="payout_spends_a_hold_once"),
    CheckConstraint("amount_micros > 0", name="payout_amount"),
    Index("payout_in_state", "state", "updated_at"),
    Index("payout_of_user", "user_id"),
)

_FIND = select(PAYOUT).where(PAYOUT.c.id == bindparam("payout")).with_for_update()


def start(connection: Connection, order: PayoutOrder, now: int) -> Payout:
    """Record the payout of a held withdrawal. Again with the same body: no effect, the payout as it stands.

    Raises `Missing` without a hold, `AlreadyResolved` when it is no longer open, `Conflicting` for another body.
    """
    known = find(connection, order.id)
    if known is not None:
        if (known.hold_id, known.destination) != (order.hold_id, order.destination):
            raise conflicting("payout", order.id)
        return known
    held = holds.get(connection, order.hold_id)
    if held.state is not HoldState.OPEN:
        raise AlreadyResolved(f"hold {held.id!r} is {held.state}", hold_id=held.id, state=held.state)
    payout = _requested(order, held, now)
    connection.execute(insert(PAYOUT), [asdict(payout)])
    return move(connection, payout, State.HELD, now)


def decide(connection: Connection, payout_id: str, action: Action, decision_id: str, now: int) -> Payout:
    """Follow a decision's action (see RULINGS). The same decision again: no effect. Raises `Missing`, `IllegalMove`."""
    payout = get(connection, payout_id)
    if payout.decision_id == decision_id:
        return payout
    if payout.state is State.HELD:
        payout = move(connection, payout, State.SCORED, now)
    payout = move(connection, payout, RULINGS[action], now, decision_id=decision_id)
    if payout.state is State.REFUSED:
        holds.release(connection, payout.hold_id, now)
    return payout


def move(connection: Connection, payout: Payout, target: State, now: int, **also: Any) -> Payout:
    """One step through MOVES, with the columns of `also`. Raises `IllegalMove`, or `Overtaken` by another writer."""
    if target not in MOVES[payout.state]:
        raise IllegalMove(
            f"payout {payout.id!r} cannot go from {payout.state} to {target}",
            payout_id=payout.id,
            state=payout.state,
            target=target,
        )
    return swap(connection, payout, now, state=target, **also)


def swap(connection: Connection, payout: Payout, now: int, **columns: Any) -> Payout:
    """Compare and set: write `columns` if the payout still is as it was read. Raises `Overtaken`."""
    after = replace(payout, version=payout.version + 1, updated_at=now, **columns)
    still = (PAYOUT.c.id == payout.id) & (PAYOUT.c.state == payout.state) & (PAYOUT.c.version == payout.version)
    changed = update(PAYOUT).where(still).values(version=after.version, updated_at=now, **columns)
    if connection.execute(changed).rowcount != 1:
        raise Overtaken(f"payout {payout.id!r} was moved meanwhile", payout_id=payout.id, version=payout.version)
    return after


def find(connection: Connection, payout_id: str) -> Payout | None:
    row = connection.execute(_FIND, {"payout": payout_id}).one_or_none()
    return _payout_of(row) if row else None


def get(connection: Connection, payout_id: str) -> Payout:
    """Raises `Missing`."""
    found = find(connection, payout_id)
    if found is None:
        raise missing("payout", payout_id)
    return found


def _requested(order: PayoutOrder, held: holds.Hold, now: int) -> Payout:
    return Payout(
        id=order.id,
        hold_id=order.hold_id,
        user_id=held.account.owner,
        amount_micros=held.amount_micros,
        currency=held.account.asset,
        destination=order.destination,
        state=State.REQUESTED,
        version=1,
        attempt_count=0,
        decision_id=None,
        created_at=now,
        updated_at=now,
    )


def _payout_of(row: Row[Any]) -> Payout:
    columns = row._asdict()
    return Payout(**columns | {"state": State(row.state)})
