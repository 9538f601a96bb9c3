"""When pending money becomes the person's own: at maturity, or when a reviewer lets a held reward go."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from serving.ledger import book
from serving.ledger.debts import Matured, collect
from serving.ledger.rewards import REWARD, RewardState, get_reward, state_of
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind
from serving.outbox.changes import Told, tell
from serving.outbox.told import of_maturity

_DUE = (
    select(REWARD)
    .where(REWARD.c.state == RewardState.PENDING, REWARD.c.matures_at <= bindparam("now"))
    .order_by(REWARD.c.matures_at, REWARD.c.event_id)
    .limit(bindparam("count"))
)
_MOVE = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(state=bindparam("new_state"), updated_at=bindparam("now"))
)


def mature(connection: Connection, now: int, limit: int = book.TRANSFERS_MAX) -> int:
    """Make at most `limit` due rewards available, the oldest first; how many. Fewer than `limit`: none is left."""
    due = connection.execute(_DUE, {"now": now, "count": min(limit, book.TRANSFERS_MAX)}).all()
    _make_available(connection, due, now)
    return len(due)


def release_on_hold(connection: Connection, event_id: str, now: int) -> RewardState:
    """A reviewer says genuine: the reward waits on, or is available if due. Not on hold: no effect.

    Raises `Missing`.
    """
    reward = get_reward(connection, event_id)
    if reward.state != RewardState.ON_HOLD:
        return RewardState(reward.state)
    state = state_of(on_hold=False, matures_at=reward.matures_at, now=now)
    if state is RewardState.AVAILABLE:
        _make_available(connection, [reward], now)
    else:
        connection.execute(_MOVE, [{"event": event_id, "new_state": state, "now": now}])
    return state


def _make_available(connection: Connection, rewards: Sequence[Row[Any]], now: int) -> None:
    left = [reward for reward in rewards if reward.reward_micros > reward.reversed_micros]
    book.post(connection, [_maturity(reward) for reward in left], now)
    collect(connection, map(_matured, left), now)
    tell(connection, *(_told(reward, now) for reward in left))
    moves = [{"event": reward.event_id, "new_state": RewardState.AVAILABLE, "now": now} for reward in rewards]
    if moves:
        connection.execute(_MOVE, moves)


def _told(reward: Row[Any], now: int) -> Told:
    return of_maturity(
        reward.event_id, reward.user_id, reward.reward_micros - reward.reversed_micros, reward.currency, now
    )


def _matured(reward: Row[Any]) -> Matured:
    return Matured(reward.event_id, reward.user_id, reward.currency, reward.reward_micros - reward.reversed_micros)


def _maturity(reward: Row[Any]) -> Transfer:
    return Transfer(
        id=f"{reward.event_id}/{TransferKind.MATURITY}",
        debit=Account(AccountKind.WALLET_PENDING, reward.user_id, reward.currency),
        credit=Account(AccountKind.WALLET_AVAILABLE, reward.user_id, reward.currency),
        amount_micros=reward.reward_micros - reward.reversed_micros,
        kind=TransferKind.MATURITY,
        cause_id=reward.event_id,
        effective_at=reward.matures_at,
    )
