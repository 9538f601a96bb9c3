"""Offers that ran out or were taken back: what they reserved is free again, and the person's day forgets them."""

from typing import Any, Final

from sqlalchemy import Row, bindparam, select

from serving.ledger import budgets
from serving.pricing import earned
from serving.pricing.locks import reservation_id
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.records import Unit

_STARTED: Final = select(
    OFFER.c.offer_id,
    OFFER.c.user_id,
    OFFER.c.currency,
    OFFER.c.started_day,
    OFFER_GOAL.c.position,
    OFFER_GOAL.c.reward_micros,
    OFFER_GOAL.c.owed_micros,
).join_from(OFFER, OFFER_GOAL, OFFER.c.offer_id == OFFER_GOAL.c.offer_id)
_GIVEN_UP: Final = _STARTED.where(
    OFFER.c.offer_id.in_(bindparam("ids", expanding=True)), OFFER_GOAL.c.completed_by_event.is_(None)
)
_PAID_BY: Final = _STARTED.where(OFFER_GOAL.c.completed_by_event == bindparam("event"))


def expire(unit: Unit, limit: int = budgets.RESERVATIONS_MAX) -> int:
    """Release at most `limit` reservations whose time has run out; how many. Fewer than `limit`: none is left.

    Each completed goal has settled its own or keeps its place in the day, for it may be paid yet.
    """
    due = budgets.due(unit.connection, unit.now, limit)
    known = budgets.find(unit.connection, due)
    budgets.release(unit.connection, due, unit.now)
    offers = {found.reservation.cause_id for found in known.values()}
    for goal in unit.connection.execute(_GIVEN_UP, {"ids": list(offers)}):
        if reservation_id(goal.offer_id, goal.position) in known:
            _count_back(unit, goal)
    return len(due)


def take_back(unit: Unit, event_id: str) -> None:
    """A reward that was taken back as a whole counts no longer towards the day of its offer, if it had one."""
    for goal in unit.connection.execute(_PAID_BY, {"event": event_id}):
        _count_back(unit, goal)


def _count_back(unit: Unit, goal: Row[*tuple[Any, ...]]) -> None:
    amounts = -goal.reward_micros, -goal.owed_micros
    earned.count(unit.connection, goal.user_id, goal.currency, goal.started_day, *amounts)
