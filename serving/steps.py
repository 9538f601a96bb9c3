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
from serving.ledger import budgets, rewards
from serving.ledger.accruals import accrue, window_end
from serving.ledger.advances import Advance, Dates, dated
from serving.ledger.budgets import State
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.transfer import PLATFORM, Account, AccountKind
from serving.ledger.waits import record_wait
from serving.ledger.wallets import TooSmall
from serving.parts import Parts
from serving.payouts import requests, saga
from serving.payouts.limits import BeyondLimits, Wanted
from serving.payouts.routes import NoRoute
from serving.policy import HOUR
from serving.pricing.locks import Owed
from serving.pricing.settling import accounts_paid
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

    A funder that cannot pay, or a cap that is passed, turns the verdict into a review: the person did the work, and a
    person should see to it.
    """
    if verdict.action is Action.DECLINE or not owed.micros or seen.event.user_id is None:
        return verdict
    if owed.doubt is not None:
        return replace(verdict, action=Action.REVIEW, reasons=(owed.doubt, *verdict.reasons))
    reward = _reward(unit, parts, seen, owed, verdict)
    if owed.reservation_id is not None:
        settle(unit, owed.reservation_id, reward, seen.at)
        return verdict
    try:
        _credit_or_accrue(unit, parts, reward, seen.at)
    except InsufficientFunds:
        return replace(verdict, action=Action.REVIEW, reasons=("budget_exhausted", *verdict.reasons))
    return verdict


def _credit_or_accrue(unit: Unit, parts: Parts, reward: rewards.Reward, now: int) -> None:
    """By itself, or with the person's others of the window where the policy nets micro-rewards."""
    limit, netting = parts.policy.partner_credit_micros_max, parts.policy.netting
    if netting.minutes and reward.reward_micros <= netting.reward_micros_max:
        ends = window_end(now, netting.minutes)
        accrue(unit.connection, reward, ends, now, credit_limit_micros=limit)
    else:
        rewards.credit_reward(unit.connection, reward, now, credit_limit_micros=limit)


def settle(unit: Unit, reservation_id: str, reward: rewards.Reward, now: int) -> None:
    """Credit a completion out of what its start reserved.

    A postback that comes after the reservation was released may find the budget empty. The promise is kept all the
    same: the platform bears it, as it bears blameless reversals, and the advertiser is charged nothing.
    """
    before = budgets.settle(unit.connection, {reservation_id: reward.event_id}, now)[reservation_id]
    funded = replace(reward, funder=before.reservation.funder, payer=before.reservation.payer)
    try:
        rewards.credit_reward(unit.connection, funded, now)
    except InsufficientFunds:
        assert before.state is State.RELEASED, "what was reserved until now is enough"
        reserve = Account(AccountKind.NO_FAULT_RESERVE, PLATFORM, reward.currency)
        rewards.credit_reward(unit.connection, replace(funded, revenue_micros=0, payer=reserve), now)


def _reward(unit: Unit, parts: Parts, seen: Seen, owed: Owed, verdict: Verdict) -> rewards.Reward:
    dates = _dates(unit, parts, seen, owed, verdict)
    return rewards.Reward(
        event_id=seen.event.event_id,
        user_id=seen.event.user_id or "",
        reward_micros=owed.micros,
        revenue_micros=_charged(seen.event, owed),
        currency=owed.currency or "",
        matures_at=dates.matures_at,
        campaign_id=owed.campaign_id or seen.event.campaign_id,
        partner_id=seen.event.partner_id,
        on_hold=verdict.action in (Action.REVIEW, Action.CHALLENGE),
        payer=owed.payer,
        final_at=dates.final_at,
    )


def _dates(unit: Unit, parts: Parts, seen: Seen, owed: Owed, verdict: Verdict) -> Dates:
    """When the reward is the person's own: after its wait, or later, where its partner's cap is reached."""
    agreed = parts.waits.of(unit.connection, seen.event, parts.policy, seen.at)
    wait = agreed.micros
    if verdict.action is Action.HOLD:
        wait = max(wait, int(parts.policy.event.hold_hours * HOUR))
    final_at = seen.at + parts.policy.exposure.window(seen.event.partner_id)
    wanted = Advance(seen.event.partner_id, owed.currency or "", Dates(seen.at + wait, final_at), owed.micros)
    dates = dated(unit.connection, parts.policy.exposure, wanted, seen.at)
    if dates.is_capped:
        agreed = replace(agreed, micros=dates.matures_at - seen.at, version=f"{agreed.version}, at its cap"[:64])
    record_wait(unit.connection, seen.event.event_id, agreed, seen.at)
    return dates


def _charged(event: Event, owed: Owed) -> int:
    """What the advertiser is charged: under an offer its value, or the smaller revenue that the partner reports."""
    if owed.value_micros is None:
        return event.revenue_micros or 0
    return owed.value_micros if event.revenue_micros is None else min(event.revenue_micros, owed.value_micros)


def hold(unit: Unit, parts: Parts, event: Event, now: int) -> Verdict | None:
    """Set the money aside and open its payout. A verdict, and nothing held, when it cannot be: too little, too much,
    too often, or to nowhere.
    """
    user_id, destination = event.user_id or "", event.payout_destination or ""
    person = parts.policy.daily.settled_person_min
    accounts = frozenset(accounts_paid(parts.knowledge.engine.graph, user_id, destination or None, person))
    wanted = Wanted(event.event_id, user_id, event.amount_micros or 0, event.currency or "", accounts)
    try:
        with unit.connection.begin_nested():
            requests.request(unit.connection, wanted, destination, now, parts.policy)
    except InsufficientFunds:
        return Verdict(Action.DECLINE, ("insufficient_available",))
    except TooSmall:
        return Verdict(Action.DECLINE, ("amount_outside_limits",))
    except BeyondLimits as refusal:
        return Verdict(Action.DECLINE, (refusal.code,))
    except NoRoute:
        return Verdict(Action.DECLINE, ("destination_not_paid",))
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


class Unbegun:
    """Payouts of some people that nobody has begun, to be stopped for money that a finding wants: a `Stoppable`.

    Made before the book is locked, as a runner locks payouts first. What is stopped is declined for `reason`: the whole
    payout, of which what is not wanted is the person's to withdraw anew.
    """

    def __init__(self, unit: Unit, user_ids: set[str], reason: str, now: int) -> None:
        self._unit, self._reason, self._now = unit, reason, now
        self._payouts = saga.unbegun(unit.connection, user_ids)

    def held_micros(self, user_id: str, currency: str) -> int:
        return sum(one.amount_micros for one in self._of(user_id, currency))

    def give_back(self, user_id: str, currency: str, micros: int) -> None:
        for one in self._of(user_id, currency):
            if micros <= 0:
                break
            self._stop(one)
            micros -= one.amount_micros

    def _of(self, user_id: str, currency: str) -> list[saga.Payout]:
        return [one for one in self._payouts if (one.user_id, one.currency) == (user_id, currency)]

    def _stop(self, payout: saga.Payout) -> None:
        self._payouts.remove(payout)
        decision = records.decision_of_event(self._unit, payout.id)
        assert decision is not None, "a withdrawal is never recorded without its decision"
        revision = f"{decision.decision_id}/{decision.revision + 1}"
        saga.decide(self._unit.connection, payout.id, Action.DECLINE, revision, self._now)
        revise(self._unit, decision, Action.DECLINE, self._now, self._reason)


def revise(unit: Unit, decision: Row[Any], action: Action, now: int, reason: str = "decided_by_a_person") -> None:
    """Record a person's answer as the next revision of a decision. What the model saw stays as it was."""
    changed = {"revision": decision.revision + 1, "action": str(action), "final": True, "decided_at": now}
    reasons = {"reason_codes": json.dumps([reason])}
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
