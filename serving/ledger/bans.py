"""A ban freezes what is tainted and nothing else: other money that has matured can still be withdrawn.

Tainted are the events that the ban names, and those of the person of which a part was taken back for fraud. A reviewer
lifts a ban, or the freeze of one event; what was frozen then goes on as if nothing had been.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select

from features.events import Reason
from serving.ledger import book, freezes
from serving.ledger.accruals import post_person
from serving.ledger.maturity import release_on_hold
from serving.ledger.reversals import REVERSAL
from serving.ledger.rewards import REWARD, RewardState, find_reward, get_reward
from serving.ledger.stoppable import NOTHING, Stoppable
from serving.outbox.changes import tell
from serving.outbox.told import of_freeze

TAINTED_MAX: Final = 500
"""Rewards that one ban freezes at most; more are a reviewer's to name in a further ban."""

_TAINTED: Final = (
    select(REWARD.c.event_id)
    .join_from(REWARD, REVERSAL, REVERSAL.c.event_id == REWARD.c.event_id)
    .where(
        REWARD.c.user_id == bindparam("user"),
        REVERSAL.c.reason == Reason.FRAUD,
        REWARD.c.reversed_micros < REWARD.c.reward_micros,
    )
    .distinct()
    .order_by(REWARD.c.event_id)
    .limit(TAINTED_MAX)
)


def freeze_tainted(
    connection: Connection,
    ban_id: str,
    event_ids: Iterable[str],
    user_id: str | None,
    now: int,
    stoppable: Stoppable = NOTHING,
) -> int:
    """Freeze the rewards of `event_ids` and what is found tainted of `user_id`; the micros that this froze.

    Again: no effect. An event that has no reward (yet) is passed over: ask again when it has.
    """
    book.lock(connection)
    found = connection.execute(_TAINTED, {"user": user_id}).scalars().all() if user_id else ()
    frozen = 0
    for event_id in dict.fromkeys([*event_ids, *found]):
        reward = find_reward(connection, event_id)
        if reward is not None and reward.state == RewardState.ACCRUED:
            post_person(connection, reward.user_id, reward.currency, now)
            reward = get_reward(connection, event_id)
        if reward is not None and (micros := freezes.freeze(connection, ban_id, reward, now, stoppable)):
            tell(connection, of_freeze(reward, ban_id, micros, now))
            frozen += micros
    return frozen


def lift_ban(connection: Connection, ban_id: str, by: str, why: str, now: int) -> int:
    """A reviewer lifts a ban; how many rewards it had frozen. Again: no effect, zero.

    Raises ValueError without a name and a reason.
    """
    return _lift(connection, [row.event_id for row in freezes.of_ban(connection, ban_id)], by, why, now, ban_id)


def lift_event(connection: Connection, event_id: str, by: str, why: str, now: int) -> int:
    """A reviewer finds one event genuine: whatever bans froze of it is free again; how many had."""
    return _lift(connection, [event_id], by, why, now)


def _lift(
    connection: Connection, event_ids: Iterable[str], by: str, why: str, now: int, ban_id: str | None = None
) -> int:
    if not (by.strip() and why.strip()):
        raise ValueError("who lifts a ban gives a name (by) and a reason (why)")
    book.lock(connection)
    lifted = 0
    for event_id in event_ids:
        open_ = freezes.of_event(connection, event_id)
        for frozen in open_:
            if ban_id in (None, frozen.ban_id):
                freezes.thaw(connection, frozen, by, why, now)
                lifted += 1
        if open_ and not freezes.of_event(connection, event_id):
            _let_go(connection, event_id, open_, now)
    return lifted


def _let_go(connection: Connection, event_id: str, frozen: Sequence[Row[Any]], now: int) -> None:
    """Nothing freezes the event's reward any more: what was `frozen` goes on, and that is told."""
    reward = get_reward(connection, event_id)
    if micros := freezes.left_of(reward, frozen):
        tell(connection, of_freeze(reward, frozen[-1].ban_id, micros, now, is_over=True))
    if frozen[0].state_before == RewardState.PENDING:
        release_on_hold(connection, event_id, now)
