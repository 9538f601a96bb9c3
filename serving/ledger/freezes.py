"""One reward that may not move: what is pending of it waits, what matured of it is set aside in the wallet.

Frozen is not taken: nothing leaves the person's accounts, and what is lifted goes on as if it had never been frozen.
Which rewards a ban freezes is said in `bans`.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Row,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from serving.database import METADATA
from serving.ledger import book, holds
from serving.ledger.accounts import ASSET
from serving.ledger.holds import Hold
from serving.ledger.rewards import KEPT, REWARD, RewardState
from serving.ledger.stoppable import NOTHING, Stoppable
from serving.ledger.transfer import Account, AccountKind

FREEZE = Table(
    "frozen_reward",
    METADATA,
    Column("ban_id", String(128), primary_key=True),
    Column("event_id", String(128), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("frozen_micros", BigInteger, nullable=False),
    Column("hold_id", String(255)),
    Column("state_before", String(16), nullable=False),
    Column("frozen_at", BigInteger, nullable=False),
    Column("lifted_at", BigInteger),
    Column("lifted_by", String(128)),
    Column("lifted_why", String(2000)),
    Index("frozen_reward_of_event", "event_id"),
    Index("frozen_reward_of_user", "user_id"),
)
"""What each ban froze; `hold_id` where the reward had matured and something of it was still there."""

_OPEN: Final = select(FREEZE).where(FREEZE.c.lifted_at.is_(None))
_OPEN_OF_EVENT: Final = _OPEN.where(FREEZE.c.event_id == bindparam("event")).order_by(FREEZE.c.ban_id)
_OPEN_OF_BAN: Final = _OPEN.where(FREEZE.c.ban_id == bindparam("ban")).order_by(FREEZE.c.event_id)
_SET_ASIDE: Final = select(func.coalesce(func.sum(FREEZE.c.frozen_micros), 0)).where(
    FREEZE.c.user_id == bindparam("user"),
    FREEZE.c.currency == bindparam("currency"),
    FREEZE.c.hold_id.is_not(None),
    FREEZE.c.lifted_at.is_(None),
)
_WAITING: Final = select(func.coalesce(func.sum(REWARD.c.reward_micros - REWARD.c.reversed_micros), 0)).where(
    REWARD.c.user_id == bindparam("user"),
    REWARD.c.currency == bindparam("currency"),
    REWARD.c.state == RewardState.ON_HOLD,
    select(FREEZE).where(FREEZE.c.event_id == REWARD.c.event_id, FREEZE.c.lifted_at.is_(None)).exists(),
)
# The oldest money is spent first: what matured later than a reward is still there before anything of it is. What the
# reserve bore stayed with the person.
_LATER: Final = select(func.coalesce(func.sum(KEPT), 0)).where(
    REWARD.c.user_id == bindparam("user"),
    REWARD.c.currency == bindparam("currency"),
    REWARD.c.state.in_([RewardState.AVAILABLE, RewardState.REVERSED]),
    or_(
        REWARD.c.matures_at > bindparam("matured"),
        and_(REWARD.c.matures_at == bindparam("matured"), REWARD.c.event_id > bindparam("event")),
    ),
)
_SUSPEND: Final = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(state=RewardState.ON_HOLD, updated_at=bindparam("now"))
)
_LIFT: Final = (
    update(FREEZE)
    .where(FREEZE.c.ban_id == bindparam("ban"), FREEZE.c.event_id == bindparam("event"))
    .values(lifted_at=bindparam("now"), lifted_by=bindparam("name"), lifted_why=bindparam("why"))
)
_NOW: Final = select(FREEZE).where(FREEZE.c.ban_id == bindparam("ban"), FREEZE.c.event_id == bindparam("event"))
_KNOWN: Final = select(FREEZE.c.ban_id).where(
    FREEZE.c.ban_id == bindparam("ban"), FREEZE.c.event_id == bindparam("event")
)
_INHERIT: Final = (
    update(FREEZE)
    .where(FREEZE.c.ban_id == bindparam("ban"), FREEZE.c.event_id == bindparam("event"))
    .values(hold_id=bindparam("hold"), frozen_micros=bindparam("micros"))
)


def freeze(connection: Connection, ban_id: str, reward: Row[Any], now: int, stoppable: Stoppable = NOTHING) -> int:
    """Freeze what is left of a reward: `reward` is its row; the micros. By the same ban again: no effect, zero.

    What another ban has frozen stays so until both are lifted. What is `stoppable` has not left: as much of it is
    stopped as the wallet lacks.
    """
    if connection.execute(_KNOWN, {"ban": ban_id, "event": reward.event_id}).first() is not None:
        return 0
    others = of_event(connection, reward.event_id)
    if others:
        connection.execute(insert(FREEZE), [_row_of(ban_id, reward, others[0].state_before, 0, None, now)])
    if others:
        return 0
    is_mature = reward.state in (RewardState.AVAILABLE, RewardState.REVERSED)
    micros = _unspent(connection, reward, stoppable) if is_mature else reward.reward_micros - reward.reversed_micros
    hold_id = _hold_id(ban_id, reward.event_id) if is_mature and micros else None
    if hold_id is not None:
        wallet = Account(AccountKind.WALLET_AVAILABLE, reward.user_id, reward.currency)
        holds.hold(connection, Hold(hold_id, wallet, micros, ban_id), now)
    if not is_mature:
        connection.execute(_SUSPEND, {"event": reward.event_id, "now": now})
    connection.execute(insert(FREEZE), [_row_of(ban_id, reward, reward.state, micros, hold_id, now)])
    return int(micros)


def _row_of(ban_id: str, reward: Row[Any], state: str, micros: int, hold_id: str | None, now: int) -> dict[str, Any]:
    return {
        "ban_id": ban_id,
        "event_id": reward.event_id,
        "user_id": reward.user_id,
        "currency": reward.currency,
        "frozen_micros": micros,
        "hold_id": hold_id,
        "state_before": state,
        "frozen_at": now,
    }


def thaw(connection: Connection, frozen: Row[Any], by: str, why: str, now: int) -> None:
    """Note who lifted it, and free what was set aside unless another ban froze it, too.

    A pending reward stays on hold: the caller lets it go.
    """
    which = {"ban": frozen.ban_id, "event": frozen.event_id}
    frozen = connection.execute(
        _NOW, which
    ).one()  # since it was read, it may have inherited what another had set aside
    connection.execute(_LIFT, which | {"now": now, "name": by, "why": why})
    others = of_event(connection, frozen.event_id)
    if others and frozen.hold_id is not None:
        heir = {"ban": others[0].ban_id, "event": frozen.event_id}
        connection.execute(_INHERIT, heir | {"hold": frozen.hold_id, "micros": frozen.frozen_micros})
    elif frozen.hold_id is not None:
        holds.release(connection, frozen.hold_id, now)


def of_event(connection: Connection, event_id: str) -> Sequence[Row[Any]]:
    """The freezes of an event's reward that were not lifted: rows of the table `frozen_reward`."""
    return connection.execute(_OPEN_OF_EVENT, {"event": event_id}).all()


def of_ban(connection: Connection, ban_id: str) -> Sequence[Row[Any]]:
    """What a ban froze and nobody lifted: rows of the table `frozen_reward`."""
    return connection.execute(_OPEN_OF_BAN, {"ban": ban_id}).all()


def frozen_micros(connection: Connection, user_id: str, currency: str) -> int:
    """What bans have frozen of a person: set aside in the wallet, or pending."""
    asked = {"user": user_id, "currency": currency}
    return _set_aside(connection, user_id, currency) + int(connection.execute(_WAITING, asked).scalar_one())


def left_of(reward: Row[Any], frozen: Sequence[Row[Any]]) -> int:
    """What `frozen`, all freezes of a reward, keep of it now: rows of both tables."""
    if reward.state == RewardState.ON_HOLD:
        return int(reward.reward_micros - reward.reversed_micros)
    return sum(one.frozen_micros for one in frozen)


def _set_aside(connection: Connection, user_id: str, currency: str) -> int:
    return int(connection.execute(_SET_ASIDE, {"user": user_id, "currency": currency}).scalar_one())


def _hold_id(ban_id: str, event_id: str) -> str:
    """Both ids together may be longer than a hold's."""
    return "freeze/" + hashlib.sha256(f"{ban_id}\n{event_id}".encode()).hexdigest()[:32]


def _unspent(connection: Connection, reward: Row[Any], stoppable: Stoppable) -> int:
    """What of a matured reward is still there, if the oldest money was spent first: available from now on."""
    wallet = Account(AccountKind.WALLET_AVAILABLE, reward.user_id, reward.currency)
    available = book.balance(connection, wallet).available_micros
    there = available + _set_aside(connection, reward.user_id, reward.currency)
    there += stoppable.held_micros(reward.user_id, reward.currency)
    asked = {
        "user": reward.user_id,
        "currency": reward.currency,
        "matured": reward.matures_at,
        "event": reward.event_id,
    }
    later = int(connection.execute(_LATER, asked).scalar_one())
    kept: int = reward.reward_micros - reward.reversed_micros + (reward.borne_micros or 0)
    unspent = max(0, min(kept, there - later))
    if unspent > available:
        stoppable.give_back(reward.user_id, reward.currency, unspent - available)
        available = book.balance(connection, wallet).available_micros
    return min(unspent, max(0, available))
