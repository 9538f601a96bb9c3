"""Keeping what was offered: a start locks the price and reserves the money, a completion in time is owed once.

| event                                       | what happens                                                           |
| ------------------------------------------- | ---------------------------------------------------------------------- |
| start, occurred by `accept_by`              | reward and daily curve are locked, value and reward reserved; 409      |
|                                             | where a budget or a cap leaves no room                                 |
| start again                                 | nothing: the first lock stands                                         |
| completion of a started offer, by           | owed as locked, once a goal, however late it is told                   |
| `complete_by`                               |                                                                        |
| completion without a start, by `accept_by`  | is its own start; where a cap leaves no room, it and the offer's other |
|                                             | goals wait for a person, and nothing is reserved                       |
| forged, foreign or too late                 | 422, and the field                                                     |
| a goal that another event has completed     | 409                                                                    |

When it happened counts, never when it was told. An install completes the goal that it names, or an only goal without a
name; in any other offer it is a start. Fraud plays no part here: it changes no amount of an offer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Row, bindparam, select, update

from features.events import Event, Kind, instant_of
from serving.contract import COMPLETIONS, STARTS
from serving.ledger import budgets, rewards
from serving.ledger.budgets import Reservation
from serving.ledger.transfer import Account
from serving.policy import HOUR
from serving.pricing import campaigns, daily, earned, starts
from serving.pricing.offer_log import OFFER, OFFER_GOAL, complete
from serving.pricing.offers import Terms
from serving.problems import already_done, bad_field, spent
from serving.records import Unit

OVER_CAP: Final = "cap_reached"
"""The reason of a review: the work may be done, but the campaign asked for no more of it."""

SKEW: Final = 5 * 60_000_000
"""Clocks of partners differ: a completion may seem to lie so far before its offer, in microseconds."""

_FIND: Final = select(OFFER).where(OFFER.c.offer_id == bindparam("id"))
_GOALS: Final = select(OFFER_GOAL).where(OFFER_GOAL.c.offer_id == bindparam("id")).order_by(OFFER_GOAL.c.position)
_START: Final = (
    update(OFFER)
    .where(OFFER.c.offer_id == bindparam("id"), OFFER.c.started_at.is_(None))
    .values(started_at=bindparam("at"), started_by_event=bindparam("event"), started_day=bindparam("day"))
    .values(is_over_cap=bindparam("over"))
)
_LOCK: Final = (
    update(OFFER_GOAL)
    .where(OFFER_GOAL.c.offer_id == bindparam("id"), OFFER_GOAL.c.position == bindparam("place"))
    .values(owed_micros=bindparam("owed"))
)


@dataclass(frozen=True)
class Owed:
    """What a person is owed for an event; no currency where nothing is.

    Under an offer: `value_micros` is the most that the advertiser is charged, `payer` the reward budget that pays,
    `reservation_id` where both were set aside, and `campaign_id` whose they are, whether the event names it or not.
    `doubt`: a reason code for which a person must look before anything of it is paid.
    """

    micros: int
    currency: str | None
    value_micros: int | None = None
    payer: Account | None = None
    reservation_id: str | None = None
    campaign_id: str | None = None
    doubt: str | None = None


def reward_of(unit: Unit, event: Event, terms: Terms) -> Owed:
    """What the person is owed for `event`: as offered, or else as the platform promised. See the table above."""
    if event.offer_id is None:
        return Owed(event.reward_micros or 0, event.currency)
    offer = unit.connection.execute(_FIND, {"id": event.offer_id}).one_or_none()
    if offer is None:
        raise bad_field("offer_id", "this offer was never made")
    _assert_meant(event, offer)
    goals = unit.connection.execute(_GOALS, {"id": offer.offer_id}).all()
    if _is_completion(event, goals):
        return _completed(unit, event, offer, goals, terms)
    if event.goal_id is not None:
        _goal_of(event, goals)
    if event.kind in STARTS and offer.started_at is None:
        _start(unit, event, offer, goals, terms)
    return Owed(0, offer.currency)


def owed_again(unit: Unit, event: Event, micros: int, currency: str) -> Owed:
    """What was owed for a completion before, for whoever pays it only now. What passed a cap counts from now on."""
    if event.offer_id is None:
        return Owed(micros, currency)
    goals = unit.connection.execute(_GOALS, {"id": event.offer_id}).all()
    goal = next(goal for goal in goals if goal.completed_by_event == event.event_id)
    offer = unit.connection.execute(_FIND, {"id": event.offer_id}).one()
    if offer.is_over_cap:
        about = offer.user_id, offer.currency, offer.started_day
        earned.count(unit.connection, *about, goal.reward_micros, goal.owed_micros)
    return _owed(unit, offer, goal, micros)


def _is_completion(event: Event, goals: Sequence[Row[Any]]) -> bool:
    if event.kind is not Kind.INSTALL:
        return event.kind in COMPLETIONS
    return event.goal_id is not None or (len(goals) == 1 and goals[0].goal_id is None)


def _assert_meant(event: Event, offer: Row[Any]) -> None:
    if event.user_id is None:
        raise bad_field("user_id", "is required with offer_id: an offer is paid to the person it was made to")
    for name in ("user_id", "task_id", "campaign_id"):
        claimed = getattr(event, name)
        if claimed is not None and claimed != getattr(offer, name):
            raise bad_field("offer_id", f"this offer was made for another {name}")
    if event.currency is not None and event.currency != offer.currency:
        raise bad_field("currency", f"the offer was made in {offer.currency}")
    if event.event_time < offer.offered_at - SKEW:
        raise bad_field("occurred_at", f"lies before the offer, which was made at {_said(offer.offered_at)}")
    if event.event_time > offer.complete_by:
        raise bad_field("offer_id", f"this offer had to be completed by {_said(offer.complete_by)}")


def _goal_of(event: Event, goals: Sequence[Row[Any]]) -> Row[Any]:
    """The goal that the event names; an only goal need not be named. Raises Problem (422)."""
    if event.goal_id is None and len(goals) == 1:
        return goals[0]
    if event.goal_id is None:
        names = ", ".join(goal.goal_id for goal in goals)
        raise bad_field("goal_id", f"is required, for this offer has several: {names}")
    found = next((goal for goal in goals if goal.goal_id == event.goal_id), None)
    if found is None:
        raise bad_field("offer_id", "this offer was made for another goal_id")
    return found


def _completed(unit: Unit, event: Event, offer: Row[Any], goals: Sequence[Row[Any]], terms: Terms) -> Owed:
    goal, is_over_cap = _goal_of(event, goals), bool(offer.is_over_cap)
    if offer.started_at is None:
        if event.event_time > offer.accept_by:
            raise bad_field(
                "offer_id",
                f"this offer had to be started by {_said(offer.accept_by)}; if it was, send its start, then this again",
            )
        is_over_cap = _full(unit, event, offer, terms) is not None
        locked = _lock(unit, event, offer, goals, terms, is_over_cap=is_over_cap)
        owed_micros = locked.owed_micros[goal.position]
    else:
        owed_micros = goal.owed_micros
    if event.reward_micros not in (None, owed_micros, goal.reward_micros):
        raise bad_field("reward_micros", f"the offer promised {owed_micros}; leave this out or send the same")
    if not complete(unit.connection, offer.offer_id, goal.position, event.event_id, unit.now):
        raise already_done(f"offer {event.offer_id}", "offer_id")
    owed = _owed(unit, offer, goal, owed_micros)
    return replace(owed, doubt=OVER_CAP) if is_over_cap else owed


def _owed(unit: Unit, offer: Row[Any], goal: Row[Any], micros: int) -> Owed:
    id_ = reservation_id(offer.offer_id, goal.position)
    known = budgets.find(unit.connection, [id_]).get(id_)
    payer = known.reservation.payer if known else _payer(unit, offer)
    return Owed(micros, offer.currency, goal.value_micros, payer, id_ if known else None, offer.campaign_id)


def _payer(unit: Unit, offer: Row[Any]) -> Account | None:
    key = offer.campaign_id, offer.currency
    return campaigns.payer_of(*key, campaigns.standings(unit.connection, {key})[key])


def _start(unit: Unit, event: Event, offer: Row[Any], goals: Sequence[Row[Any]], terms: Terms) -> None:
    """Raises Problem: 422 after `accept_by`, 409 where a cap or a budget leaves no room."""
    if event.event_time > offer.accept_by:
        raise bad_field("offer_id", f"this offer had to be started by {_said(offer.accept_by)}; ask for new offers")
    full = _full(unit, event, offer, terms)
    if full is not None:
        raise spent(f"This task cannot be started: {full}. Ask for new offers.")
    if not _lock(unit, event, offer, goals, terms).is_reserved:
        raise spent("This task cannot be started: its campaign's budget is spent or reserved. Ask for new offers.")


def _full(unit: Unit, event: Event, offer: Row[Any], terms: Terms) -> str | None:
    """The cap that lets nobody, or not this person, start it; None if none does.

    Whoever else starts something for this person on this day waits for this commit, and so counts it.
    """
    key = offer.campaign_id, offer.currency
    day = daily.day_of(event.event_time, terms.policy.daily)
    earned.count(unit.connection, offer.user_id, offer.currency, day, 0, 0)
    standings = campaigns.standings(unit.connection, {key})
    return starts.counted(unit.connection, offer.user_id, standings, event.event_time).full(offer.campaign_id)


@dataclass(frozen=True)
class _Locked:
    """What each goal pays, and whether the money for all of them could be set aside."""

    owed_micros: list[int]
    is_reserved: bool


def _lock(
    unit: Unit,
    event: Event,
    offer: Row[Any],
    goals: Sequence[Row[Any]],
    terms: Terms,
    *,
    is_over_cap: bool = False,
) -> _Locked:
    """Fix what each goal pays on this person's day, and set the money aside if there is enough.

    What passes a cap neither reserves nor counts towards the day, until a person lets it be paid (`owed_again`).
    """
    curve, connection = terms.policy.daily, unit.connection
    day = daily.day_of(event.event_time, curve)
    rewards_micros = [goal.reward_micros for goal in goals]
    so_far = earned.earned_micros(connection, terms.persons, offer.user_id, offer.currency, day, curve)
    owed = daily.paid_each(so_far, rewards_micros, curve)
    started = {"id": offer.offer_id, "at": event.event_time, "event": event.event_id, "day": day, "over": is_over_cap}
    assert connection.execute(_START, started).rowcount == 1, "the offer was just seen unstarted"
    connection.execute(_LOCK, [{"id": offer.offer_id, "place": at, "owed": micros} for at, micros in enumerate(owed)])
    if is_over_cap:
        return _Locked(owed, is_reserved=False)
    earned.count(connection, offer.user_id, offer.currency, day, sum(rewards_micros), sum(owed))
    wanted = _reservations(unit, event, offer, goals, owed, terms)
    return _Locked(owed, None not in budgets.reserve(connection, wanted, unit.now))


def _reservations(
    unit: Unit, event: Event, offer: Row[Any], goals: Sequence[Row[Any]], owed: Sequence[int], terms: Terms
) -> list[Reservation]:
    policy = terms.policy
    funder = rewards.funder_of(
        unit.connection,
        offer.currency,
        offer.campaign_id,
        event.partner_id,
        credit_limit_micros=policy.partner_credit_micros_max,
    )
    payer = _payer(unit, offer)
    return [
        Reservation(
            id=reservation_id(offer.offer_id, goal.position),
            cause_id=offer.offer_id,
            funder=funder,
            value_micros=goal.value_micros,
            payer=payer,
            reward_micros=micros,
            until=offer.complete_by + policy.reward.late_hours * HOUR,
        )
        for goal, micros in zip(goals, owed, strict=True)
    ]


def reservation_id(offer_id: str, position: int) -> str:
    """Of the money of one goal of an offer."""
    return f"{offer_id}/{position}"


def _said(instant: int) -> str:
    return instant_of(instant).isoformat()
