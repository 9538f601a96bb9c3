"""How far a person's identity is known: a row that moves through a table of states, each move by one writer only.

No row is the state `none`. Every move is kept with its reason and, where a person made it, that person's name.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    insert,
    select,
    text,
)

from serving.database import METADATA
from serving.outbox.changes import tell
from serving.outbox.told import of_identity
from serving.payouts.moves import assert_legal, compare_and_set
from serving.payouts.rows import insert_each
from serving.payouts.saga import wake

_REASON: Final = re.compile(r"[a-z][a-z_]{0,62}")


class State(StrEnum):
    """Required: the person was told. Pending: a provider is checking. Expired: a proof, or a check, was too old."""

    NONE = "none"
    REQUIRED = "required"
    PENDING = "pending"
    VERIFIED = "verified"
    FAILED = "failed"
    EXPIRED = "expired"


MOVES: Final[dict[State, frozenset[State]]] = {
    # A person may begin before being asked to.
    State.NONE: frozenset({State.REQUIRED, State.PENDING}),
    State.REQUIRED: frozenset({State.PENDING}),
    State.PENDING: frozenset({State.VERIFIED, State.FAILED, State.EXPIRED}),
    # A provider may take back what it said, a forged document found late; nothing else ends a proof before its day.
    State.VERIFIED: frozenset({State.EXPIRED, State.FAILED}),
    State.FAILED: frozenset({State.PENDING}),
    State.EXPIRED: frozenset({State.PENDING}),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """`check_count`: checks begun since a person last granted new ones. `verified_until`: instant of expiry, excluded.

    `is_demanded`: a person wants proof, whatever was paid.
    """

    user_id: str
    state: State
    version: int
    check_count: int
    is_demanded: bool
    verified_until: int | None
    updated_at: int

    def is_verified(self, now: int) -> bool:
        return self.state is State.VERIFIED and self.verified_until is not None and now < self.verified_until


IDENTITY = Table(
    "identity",
    METADATA,
    Column("user_id", String(128), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("check_count", Integer, nullable=False),
    Column("is_demanded", Boolean, nullable=False),
    Column("verified_until", BigInteger),
    Column("updated_at", BigInteger, nullable=False),
    Index("identity_in_state", "state", "verified_until"),
)

IDENTITY_MOVE = Table(
    "identity_move",
    METADATA,
    Column("user_id", String(128), ForeignKey("identity.user_id"), primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("state_before", String(16), nullable=False),
    Column("state_after", String(16), nullable=False),
    Column("reason", String(63), nullable=False),
    Column("moved_by", String(128)),
    Column("moved_at", BigInteger, nullable=False),
)
"""Reasons are words of code, never sentences: what is personal cannot be written there."""

_FIND = select(IDENTITY).where(IDENTITY.c.user_id == bindparam("user")).with_for_update()
_FIND_EACH = (
    select(IDENTITY)
    .where(IDENTITY.c.user_id.in_(bindparam("users", expanding=True)))
    .order_by(IDENTITY.c.user_id)
    .with_for_update()
)
_BEGIN = text(
    "INSERT INTO identity (user_id, state, version, check_count, is_demanded, updated_at) "
    "VALUES (:user, 'none', 0, 0, false, :now) ON CONFLICT DO NOTHING"
)


def lock(connection: Connection, user_id: str, now: int) -> Identity:
    """As `get`; and until the end of the transaction nobody else's `lock` of the same person returns."""
    connection.execute(_BEGIN, {"user": user_id, "now": now})
    return get(connection, user_id)


def lock_each(connection: Connection, user_ids: Sequence[str], now: int) -> dict[str, Identity]:
    """`lock` of many, always in one order, so that two that ask for each other's people never wait for each other."""
    ordered = sorted(user_ids)
    new = [(one, State.NONE.value, 0, 0, False, None, now) for one in ordered]
    insert_each(connection, IDENTITY, new, unless_there=True)
    return {row.user_id: _identity_of(row) for row in connection.execute(_FIND_EACH, {"users": ordered}).all()}


def get(connection: Connection, user_id: str) -> Identity:
    """Of a person never heard of: `none`, version 0, and nothing is written."""
    row = connection.execute(_FIND, {"user": user_id}).one_or_none()
    if row is None:
        return Identity(user_id, State.NONE, 0, check_count=0, is_demanded=False, verified_until=None, updated_at=0)
    return _identity_of(row)


def require(connection: Connection, identity: Identity, reason: str, now: int) -> Identity:
    """Note that the person was told; of one who was told before, or is further on, nothing changes."""
    return move(connection, identity, State.REQUIRED, reason, now) if identity.state is State.NONE else identity


def expire(connection: Connection, identity: Identity, now: int) -> Identity:
    """Note that a proof's day has come; before it nothing changes."""
    if identity.state is State.VERIFIED and not identity.is_verified(now):
        return move(connection, identity, State.EXPIRED, "proof_too_old", now)
    return identity


def demand(connection: Connection, user_id: str, reason: str, by: str, now: int) -> Identity:
    """A person wants proof of somebody, whatever was paid. Raises ValueError without a name or a code of a reason."""
    identity = get(connection, user_id)
    target = State.REQUIRED if identity.state is State.NONE else identity.state
    return swap(connection, identity, reason, now, by=_named(by), state=target, is_demanded=True)


def grant(connection: Connection, user_id: str, reason: str, by: str, now: int) -> Identity:
    """A person grants somebody as many checks as at first. Raises ValueError as `demand` does."""
    return swap(connection, get(connection, user_id), reason, now, by=_named(by), check_count=0)


def move(connection: Connection, identity: Identity, target: State, reason: str, now: int, **also: Any) -> Identity:
    """One step through MOVES, with the columns of `also`. Raises `IllegalMove`, or `Overtaken` by another writer."""
    what = f"the identity of {identity.user_id!r}"
    assert_legal(MOVES, identity.state, target, what, user_id=identity.user_id)
    return swap(connection, identity, reason, now, state=target, **also)


def swap(
    connection: Connection, identity: Identity, reason: str, now: int, *, by: str | None = None, **columns: Any
) -> Identity:
    """Compare and set: write `columns` if the row still is as it was read, keep the move, and let the person's parked
    payouts be looked at again. Raises `Overtaken`.
    """
    if not _REASON.fullmatch(reason):
        raise ValueError("reason: a word of code such as amount_reached; what is personal has no place there")
    if identity.version == 0:
        connection.execute(_BEGIN, {"user": identity.user_id, "now": now})
    after = replace(identity, version=identity.version + 1, updated_at=now, **columns)
    compare_and_set(connection, IDENTITY, identity, "identity", now, **columns)
    made = {
        "user_id": identity.user_id,
        "version": after.version,
        "state_before": identity.state,
        "state_after": after.state,
        "reason": reason,
        "moved_by": by,
        "moved_at": now,
    }
    connection.execute(insert(IDENTITY_MOVE), [made])
    if after.state is not State.REQUIRED:  # to be asked helps no payout on: it is the gate that asks
        wake(connection, after.user_id, now)
    is_asked = after.state is State.REQUIRED and identity.state is not State.REQUIRED
    if is_asked or (after.is_demanded and not identity.is_demanded):
        tell(connection, of_identity(after.user_id, f"{after.user_id}/{after.version}", reason, now))
    return after


def moves_of(connection: Connection, user_id: str) -> list[Row[Any]]:
    """Every move of one person, the first one first."""
    query = select(IDENTITY_MOVE).where(IDENTITY_MOVE.c.user_id == user_id).order_by(IDENTITY_MOVE.c.version)
    return list(connection.execute(query))


def _named(by: str) -> str:
    if not by.strip() or len(by) > 128:
        raise ValueError("by: name the person who decides, in at most 128 characters")
    return by


def _identity_of(row: Sequence[Any]) -> Identity:
    """Of a whole row of the table."""
    return Identity(row[0], _STATES[row[1]], *row[2:])


_STATES: Final = {state.value: state for state in State}
assert list(Identity.__slots__) == [column.name for column in IDENTITY.columns], "an identity is read by places"
