"""The steps that the flows are made of."""

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Row

from features.events import Event, Kind
from features.fold import Vector
from features.log import Row as LogRow
from features.vector import VERSION
from serving import records
from serving.cases import open_case
from serving.contract import Answer, Versions
from serving.decision import Action, Score, Verdict
from serving.ledger import rewards, wallets
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.wallets import TooSmall
from serving.parts import Parts
from serving.payouts import saga
from serving.policy import HOUR, Policy
from serving.pricing.offers import Owed
from serving.records import Unit


@dataclass(frozen=True)
class Seen:
    """An event as it was seen when it arrived."""

    event: Event
    row: LogRow
    vector: Vector
    score: Score

    @property
    def at(self) -> int:
        """The instant of the decision, on the service's clock."""
        received: int = self.row["recorded_at"]
        return received

    @classmethod
    def again(cls, event: Event, now: int) -> "Seen":
        """An event that was scored before and is now credited by a person's word."""
        return cls(event, {"recorded_at": now}, np.empty(0), Score(None))


def see(event: Event, parts: Parts, unit: Unit) -> Seen:
    """Stamp the event, compute its vector as of now, and score it."""
    row = parts.knowledge.stamp(event, unit.now)
    vector = parts.knowledge.vector(row)
    return Seen(event, row, vector, parts.fraud.score(event.kind, vector, parts.explain_from(event.kind)))


def credit(unit: Unit, parts: Parts, seen: Seen, owed: Owed, verdict: Verdict) -> Verdict:
    """Credit what is owed, as pending or on hold as the verdict says; a decline credits nothing.

    A funder that cannot pay turns the verdict into a review: the person did the work, and a person should see to it.
    """
    if verdict.action is Action.DECLINE or not owed.micros or seen.event.user_id is None:
        return verdict
    reward = _reward(parts.policy, seen, owed, verdict)
    limit = parts.policy.partner_credit_micros_max
    try:
        rewards.credit_reward(unit.connection, reward, seen.at, credit_limit_micros=limit)
    except InsufficientFunds:
        return replace(verdict, action=Action.REVIEW, reasons=("budget_exhausted", *verdict.reasons))
    return verdict


def _reward(policy: Policy, seen: Seen, owed: Owed, verdict: Verdict) -> rewards.Reward:
    wait = policy.maturity(seen.event.kind)
    if verdict.action is Action.HOLD:
        wait = max(wait, int(policy.event.hold_hours * HOUR))
    return rewards.Reward(
        event_id=seen.event.event_id,
        user_id=seen.event.user_id or "",
        reward_micros=owed.micros,
        revenue_micros=seen.event.revenue_micros or 0,
        currency=owed.currency or "",
        matures_at=seen.at + wait,
        campaign_id=seen.event.campaign_id,
        partner_id=seen.event.partner_id,
        on_hold=verdict.action in (Action.REVIEW, Action.CHALLENGE),
    )


def hold(unit: Unit, parts: Parts, event: Event, now: int) -> Verdict | None:
    """Set the money aside and open its payout. A verdict, and nothing held, when it cannot be: too little, too much."""
    limits = parts.policy.withdrawal_limits
    amount, currency = event.amount_micros or 0, event.currency or ""
    if not limits.amount_micros_min <= amount <= limits.amount_micros_max:
        return Verdict(Action.DECLINE, ("amount_outside_limits",))
    order = wallets.WithdrawalOrder(event.event_id, event.user_id or "", amount, currency)
    try:
        with unit.connection.begin_nested():
            held = wallets.hold_withdrawal(unit.connection, order, now)
            payout = saga.PayoutOrder(event.event_id, held.id, event.payout_destination or "")
            saga.start(unit.connection, payout, now)
    except InsufficientFunds:
        return Verdict(Action.DECLINE, ("insufficient_available",))
    except TooSmall:
        return Verdict(Action.DECLINE, ("amount_outside_limits",))
    return None


def record(unit: Unit, parts: Parts, seen: Seen, verdict: Verdict, owed: Owed | None) -> Answer:
    """Keep the event, the decision with the vector it saw, and the case if a person must look."""
    decision = _decision(parts, seen, verdict, owed)
    records.record(unit, seen.row, seen.event)
    records.record_decision(unit, decision)
    if _waits_for_a_person(seen.event, verdict):
        open_case(unit, decision)
    return answer_of(decision)


def _waits_for_a_person(event: Event, verdict: Verdict) -> bool:
    is_withdrawal = event.kind is Kind.WITHDRAWAL_REQUESTED
    return verdict.action in (Action.REVIEW, Action.CHALLENGE) or (is_withdrawal and verdict.action is Action.HOLD)


def _decision(parts: Parts, seen: Seen, verdict: Verdict, owed: Owed | None) -> dict[str, Any]:
    return {
        "decision_id": records.decision_id(seen.event.event_id),
        "revision": 1,
        "event_id": seen.event.event_id,
        "sequence": seen.row["sequence"],
        "kind": str(seen.event.kind),
        "user_id": seen.event.user_id,
        "action": str(verdict.action),
        "score": seen.score.probability,
        "reversal_score": seen.score.reversal,
        "reason_codes": json.dumps(verdict.reasons),
        "reward_micros": owed.micros if owed else None,
        "currency": owed.currency if owed else seen.event.currency,
        "final": verdict.action.final,
        "model_version": seen.score.model_version,
        "policy_version": parts.policy.version,
        "features_version": VERSION,
        "degraded": json.dumps(verdict.degraded),
        "decided_at": seen.at,
        "vector": records.packed(seen.vector),
        "contributions": json.dumps(seen.score.contributions),
    }


def revise(unit: Unit, decision: Row[Any], action: Action, now: int) -> None:
    """Record a person's answer as the next revision of a decision. What the model saw stays as it was."""
    changed = {"revision": decision.revision + 1, "action": str(action), "final": True, "decided_at": now}
    reasons = {"reason_codes": json.dumps(["decided_by_a_person"])}
    records.record_decision(unit, {**decision._asdict(), **changed, **reasons})


def answer_of(decision: dict[str, Any]) -> Answer:
    """The wire's form of a row of the table `decision`."""
    return Answer(
        decision_id=decision["decision_id"],
        event_id=decision["event_id"],
        decision=decision["action"],
        score=decision["score"],
        reason_codes=json.loads(decision["reason_codes"]),
        reward_micros=decision["reward_micros"],
        currency=decision["currency"],
        final=decision["final"],
        revision=decision["revision"],
        versions=Versions(
            model=decision["model_version"], policy=decision["policy_version"], features=decision["features_version"]
        ),
        degraded=json.loads(decision["degraded"]),
    )
