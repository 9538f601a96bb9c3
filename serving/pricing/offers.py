"""Offers: a price that was promised, under an id that cannot be forged, and what is owed when the task is done."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Float, Row, String, Table, Text, bindparam, insert, select, update

from features.events import Event, Kind, instant_of
from serving.contract import Candidate, Offer, OfferAnswer, OfferRequest, Refused
from serving.database import METADATA
from serving.policy import HOUR, Policy
from serving.pricing.ladder import price
from serving.problems import already_done, bad_field, conflict
from serving.records import Unit

MINUTE: Final = 60_000_000
COMPLETIONS: Final = frozenset({Kind.TASK_COMPLETED, Kind.GOAL_REACHED, Kind.AD_VIEWED, Kind.INSTALL, Kind.PURCHASE})
"""The kinds of event that an offer pays for; starting a task under an offer earns nothing yet."""

OFFER = Table(
    "offer",
    METADATA,
    Column("offer_id", String(64), primary_key=True),
    Column("request_id", String(128), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("task_id", String(128), nullable=False),
    Column("campaign_id", String(128), nullable=False),
    Column("goal_id", String(128)),
    Column("value_micros", BigInteger, nullable=False),
    Column("reward_micros", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("propensity", Float, nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("offered_at", BigInteger, nullable=False),
    Column("accept_by", BigInteger, nullable=False),
    Column("complete_by", BigInteger, nullable=False),
    Column("completed_by_event", String(128)),
)
"""Every offer made, with the propensity without which it could not be learned from."""

OFFER_REQUEST = Table(
    "offer_request",
    METADATA,
    Column("request_id", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

_FIND = select(OFFER).where(OFFER.c.offer_id == bindparam("id"))
_REDEEM = (
    update(OFFER)
    .where(OFFER.c.offer_id == bindparam("id"), OFFER.c.completed_by_event.is_(None))
    .values(completed_by_event=bindparam("event"))
)
_KNOWN = select(OFFER_REQUEST).where(OFFER_REQUEST.c.request_id == bindparam("id"))


def make_offers(unit: Unit, request: OfferRequest, policy: Policy, key: bytes) -> OfferAnswer:
    """Price every candidate, best paid first. The same request again: the same offers; another body: 409."""
    body = request.model_dump_json()
    known = unit.connection.execute(_KNOWN, {"id": request.request_id}).one_or_none()
    if known is not None:
        if known.body != body:
            raise conflict(request.request_id, "request_id")
        return OfferAnswer.model_validate_json(known.answer)
    rows, refused = _priced(request, policy, key)
    if rows:
        unit.connection.execute(insert(OFFER), rows)
    answer = OfferAnswer(
        request_id=request.request_id,
        user_id=request.user_id,
        offers=[_offer(row) for row in sorted(rows, key=lambda row: -row["reward_micros"])],
        refused=refused,
        policy_version=policy.version,
    )
    kept = {"request_id": request.request_id, "body": body, "answer": answer.model_dump_json()}
    unit.connection.execute(insert(OFFER_REQUEST), kept)
    return answer


def _priced(request: OfferRequest, policy: Policy, key: bytes) -> tuple[list[dict[str, Any]], list[Refused]]:
    rows, refused = [], []
    for at, candidate in enumerate(request.candidates):
        offer_id = _signed(request, at, candidate, key)
        priced = price(candidate.value_micros, policy, Random(offer_id))  # noqa: S311  # a keyed digest seeds it
        if priced is None:
            refused.append(
                Refused(task_id=candidate.task_id, reason="worth less than the lowest reward and our margin")
            )
        else:
            amounts = {"reward_micros": priced.reward_micros, "propensity": priced.propensity, "reason": priced.reason}
            rows.append(_row(request, candidate, policy) | amounts | {"offer_id": offer_id})
    return rows, refused


def _signed(request: OfferRequest, at: int, candidate: Candidate, key: bytes) -> str:
    """A keyed digest of what is promised: nobody without the key can name an offer that was never made."""
    promised = json.dumps([request.request_id, at, request.user_id, candidate.model_dump()], sort_keys=True)
    return "o_" + hmac.new(key, promised.encode(), hashlib.sha256).hexdigest()[:40]


def _row(request: OfferRequest, candidate: Candidate, policy: Policy) -> dict[str, Any]:
    offered_at = int((request.occurred_at - instant_of(0)).total_seconds() * 1_000_000)
    return {
        **candidate.model_dump(),
        "request_id": request.request_id,
        "user_id": request.user_id,
        "policy_version": policy.version,
        "offered_at": offered_at,
        "accept_by": offered_at + policy.reward.accept_minutes * MINUTE,
        "complete_by": offered_at + policy.reward.complete_hours * HOUR,
    }


def _offer(row: dict[str, Any]) -> Offer:
    times = {name: instant_of(row[name]) for name in ("accept_by", "complete_by")}
    names = ("offer_id", "task_id", "campaign_id", "goal_id", "reward_micros", "currency", "reason")
    return Offer(**{name: row[name] for name in names}, **times)


@dataclass(frozen=True)
class Owed:
    """What a person is owed for an event; no currency where nothing is."""

    micros: int
    currency: str | None


def reward_of(unit: Unit, event: Event) -> Owed:
    """What the person is owed for `event`: as offered, or else as the platform promised.

    An offer is redeemed once. Raises Problem: 422 for an offer that was never made, is somebody else's or another
    task's, or has run out; 409 for one that another event has redeemed.
    """
    if event.offer_id is None:
        return Owed(event.reward_micros or 0, event.currency)
    offer = unit.connection.execute(_FIND, {"id": event.offer_id}).one_or_none()
    if offer is None:
        raise bad_field("offer_id", "this offer was never made")
    _assert_meant(event, offer)
    if event.kind not in COMPLETIONS:
        return Owed(0, offer.currency)
    if unit.connection.execute(_REDEEM, {"id": event.offer_id, "event": event.event_id}).rowcount != 1:
        raise already_done(f"offer {event.offer_id}", "offer_id")
    return Owed(offer.reward_micros, offer.currency)


def _assert_meant(event: Event, offer: Row[Any]) -> None:
    if event.user_id is None:
        raise bad_field("user_id", "is required with offer_id: an offer is paid to the person it was made to")
    for name in ("user_id", "task_id", "campaign_id", "goal_id"):
        claimed = getattr(event, name)
        if claimed is not None and claimed != getattr(offer, name):
            raise bad_field("offer_id", f"this offer was made for another {name}")
    if event.currency is not None and event.currency != offer.currency:
        raise bad_field("currency", f"the offer was made in {offer.currency}")
    if event.event_time > offer.complete_by:
        raise bad_field("offer_id", f"this offer had to be completed by {instant_of(offer.complete_by).isoformat()}")
    if event.reward_micros is not None and event.reward_micros != offer.reward_micros:
        raise bad_field("reward_micros", f"the offer promised {offer.reward_micros}; leave this out or send the same")
