"""How long a person worked in a period: from the start of each offer to what ended it, screened out included.

For payslips: an hour that was spent on a task that screened the person out, or that was taken back, is an hour. A
further goal of an offer is counted from the goal before it.
"""

import json
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from features.events import Kind
from serving.ledger.payslip import Work
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.records import EVENT

WORK_MAX: Final = 10_000
"""Ends of work in one period."""

# When it happened, not when it arrived: a postback may be days late.
_ENDED: Final = func.min(EVENT.c.event_time)
_ENDS: Final = (
    select(OFFER.c.offer_id, OFFER_GOAL.c.completed_by_event, _ENDED.label("ended_at"))
    .join_from(OFFER, OFFER_GOAL, OFFER.c.offer_id == OFFER_GOAL.c.offer_id)
    .join(EVENT, EVENT.c.event_id == OFFER_GOAL.c.completed_by_event)
    .where(
        OFFER.c.user_id == bindparam("user"),
        OFFER.c.currency == bindparam("asset"),
        OFFER.c.started_at.is_not(None),
        OFFER_GOAL.c.completed_by_event.is_not(None),
    )
    .group_by(OFFER.c.offer_id, OFFER_GOAL.c.completed_by_event)
    .having(bindparam("until") > _ENDED)
    .order_by(_ENDED.desc(), OFFER_GOAL.c.completed_by_event)
    .limit(WORK_MAX)
)
_SAID: Final = select(EVENT.c.event_id, EVENT.c.event_time, EVENT.c.body).where(
    EVENT.c.user_id == bindparam("user"),
    EVENT.c.event_time < bindparam("until"),
    EVENT.c.body.contains(Kind.SCREENED_OUT.value),
)
_BEGUN: Final = select(OFFER.c.offer_id, OFFER.c.started_at).where(
    OFFER.c.offer_id.in_(bindparam("offers", expanding=True)),
    OFFER.c.user_id == bindparam("user"),
    OFFER.c.currency == bindparam("asset"),
    OFFER.c.started_at.is_not(None),
)


def worked(connection: Connection, user_id: str, currency: str, since: int, until: int) -> list[Work]:
    """What ended from `since` on and before `until`, oldest first: each with the time since its offer's start, or since
    its goal before.
    """
    asked = {"user": user_id, "asset": currency, "until": until}
    ends = [(row.offer_id, row.ended_at, row.completed_by_event) for row in connection.execute(_ENDS, asked)]
    ends += _screened_out(connection, asked)
    begun = connection.execute(_BEGUN, asked | {"offers": list({offer for offer, _, _ in ends})})
    began: dict[str, int] = {row.offer_id: row.started_at for row in begun}
    work = []
    for offer, ended_at, event_id in sorted(ends, key=lambda end: end[1:]):
        if offer in began:
            work.append(Work(event_id, min(began[offer], ended_at), ended_at))
            began[offer] = ended_at
    return [one for one in work if one.ended_at >= since]


def _screened_out(connection: Connection, asked: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Offer, end and event of what the person was screened out of."""
    said = [(json.loads(row.body), row.event_time, row.event_id) for row in connection.execute(_SAID, asked)]
    return [
        (body["offer_id"], at, event_id)
        for body, at, event_id in said
        if body["kind"] == Kind.SCREENED_OUT and body.get("offer_id")
    ]
