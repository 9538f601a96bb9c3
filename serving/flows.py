"""What happens to an event, a withdrawal and an outcome: each flow reads as the sentence that the business says."""

from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Row

from features.events import CausedBy, Disposition, Event, Kind, Outcome, OutcomeKind, Reason
from serving import records
from serving.cases import close_case
from serving.contract import Answer, OutcomeAnswer
from serving.decision import Action, Verdict, decide_event, decide_withdrawal
from serving.ledger import bans, maturity, reversals, rewards
from serving.ledger.reversals import Ground
from serving.ledger.rewards import RewardState
from serving.ledger.stoppable import NOTHING
from serving.parts import Parts
from serving.payouts import saga
from serving.payouts.saga import State
from serving.pricing.expiry import expire, take_back
from serving.pricing.locks import owed_again, reward_of
from serving.pricing.offer_log import become_known
from serving.pricing.settling import leaving, settle
from serving.problems import Problem, bad_field, cannot_follow
from serving.records import Unit
from serving.steps import Seen, Unbegun, answer_of, credit, hold, record, revise, see

OVERRIDES = {Disposition.GENUINE: Action.APPROVE, Disposition.FRAUD: Action.DECLINE}
AWAITING = frozenset({State.CHALLENGED, State.REVIEWED})

log = structlog.get_logger()


def score_event(event: Event, parts: Parts, unit: Unit) -> Answer:
    """One vector as of the event, score, reward, decision; record and credit in one commit; then learn the event."""
    if records.is_known(unit, event):
        return answer_again(event, unit)
    seen = see(event, parts, unit)
    owed = reward_of(unit, event, parts.terms)
    verdict = decide_event(event, seen.score, owed.micros, parts.policy)
    verdict = credit(unit, parts, seen, owed, verdict)
    answer = record(unit, parts, seen, verdict, owed)
    for outcome in records.outcomes_of(unit, event.event_id):
        follow_early(unit, outcome, seen.at)
    parts.knowledge.learn(seen.row)
    return answer


def score_withdrawal(event: Event, parts: Parts, unit: Unit) -> Answer:
    """Settle, hold, score, decide, record, pay: nothing is scored that could be spent meanwhile or paid unrecorded."""
    if records.is_known(unit, event):
        return answer_again(event, unit)
    seen = see(event, parts, unit)
    settle(unit.connection, parts.knowledge.engine.graph, leaving(event), seen.at, parts.policy.daily)
    refusal = hold(unit, parts, event, seen.at)
    verdict = refusal or decide_withdrawal(seen.score, parts.policy)
    answer = record(unit, parts, seen, verdict, owed=None)
    if refusal is None:
        saga.decide(unit.connection, event.event_id, verdict.action, f"{answer.decision_id}/1", seen.at)
    parts.knowledge.learn(seen.row)
    return answer


def follow_offers(unit: Unit, parts: Parts) -> int:
    """Release what ran out, and note that nobody completed it; how much was done. Zero: nothing is left to do."""
    now = parts.knowledge.now(unit.now)
    return expire(replace(unit, now=now)) + become_known(unit.connection, now)


def answer_again(event: Event, unit: Unit) -> Answer:
    """The decision as it stands now, for an event that was sent before."""
    decision = records.decision_of_event(unit, event.event_id)
    assert decision is not None, "an event is never recorded without its decision"
    return answer_of(decision._asdict())


def record_outcome(outcome: Outcome, parts: Parts, unit: Unit) -> OutcomeAnswer:
    """Record what became of an event, and let the money, the case and the decision follow it."""
    if records.is_known(unit, outcome):
        return OutcomeAnswer.model_validate_json(records.answer_of(unit, outcome.event_id))
    subject = records.decision_of_event(unit, outcome.subject_event_id)
    row = parts.knowledge.stamp(outcome, unit.now)
    row["user_id"] = outcome.user_id or (subject and subject.user_id)
    records.record(unit, row, outcome)
    now = row["recorded_at"]
    reversed_micros = reverse(unit, outcome, now)
    freeze(unit, outcome, now)
    revised = follow_disposition(unit, parts, outcome, now)
    answer = OutcomeAnswer(
        event_id=outcome.event_id,
        subject_event_id=outcome.subject_event_id,
        subject_known=subject is not None,
        reversed_micros=reversed_micros,
        decision_revised=revised,
    )
    records.record_answer(unit, outcome.event_id, answer.model_dump_json())
    parts.knowledge.learn(row)
    return answer


def reverse(unit: Unit, outcome: Outcome, now: int) -> int:
    """Take back what a reversal, or a reviewer's finding of fraud, takes back. Zero when nothing was ever credited.

    Raises Problem (422), before anything moves, for an amount in another currency than the reward's.
    """
    is_fraud = finds_fraud(outcome)
    if outcome.kind is not OutcomeKind.REVERSAL and not is_fraud:
        return 0
    reward = rewards.find_reward(unit.connection, outcome.subject_event_id)
    if reward is None:
        return 0
    if outcome.amount_micros is not None and outcome.currency != reward.currency:
        raise bad_field("currency", f"the reward was paid in {reward.currency}")
    reason = Reason.FRAUD if is_fraud else outcome.reason or Reason.UNKNOWN
    ground = Ground.CLAWBACK if is_fraud and outcome.caused_by is not CausedBy.MODEL else Ground.CHARGEBACK
    order = reversals.ReversalOrder(outcome.event_id, outcome.subject_event_id, reason, outcome.amount_micros, ground)
    unbegun = Unbegun(unit, {reward.user_id}, "reward_reversed", now) if reason is Reason.FRAUD else NOTHING
    taken = reversals.reverse_reward(unit.connection, order, now, unbegun).reversed_micros
    left = reward.reward_micros - reward.reversed_micros
    if left and left == taken and reward.state != RewardState.REVERSED:
        take_back(unit, outcome.subject_event_id)
    return taken


def reverse_early(unit: Unit, outcome: Outcome, now: int) -> int:
    """The same for what was said before there was a reward. What does not fit it takes nothing, and is logged.

    Whoever said it was answered long ago: to refuse now would cost the person a reward for another's mistake.
    """
    try:
        return reverse(unit, outcome, now)
    except Problem:
        log.warning("early_reversal_misfits", event_id=outcome.subject_event_id, outcome_id=outcome.event_id)
        return 0


def follow_early(unit: Unit, outcome: Outcome, now: int) -> None:
    """What was said of an event before it came. Who found fraud then has answered its case: nobody could carry out
    another answer.
    """
    reverse_early(unit, outcome, now)
    freeze(unit, outcome, now)
    if finds_fraud(outcome):
        close_case(unit, outcome.subject_event_id, Disposition.FRAUD, outcome.event_id)


def finds_fraud(outcome: Outcome) -> bool:
    return outcome.kind is OutcomeKind.DISPOSITION and outcome.disposition is Disposition.FRAUD


def freeze(unit: Unit, outcome: Outcome, now: int) -> int:
    """What a ban freezes: the reward of the event that it names, and what else is tainted; the micros."""
    if outcome.kind is not OutcomeKind.BAN:
        return 0
    subject = rewards.find_reward(unit.connection, outcome.subject_event_id)
    banned = outcome.user_id or (subject.user_id if subject else None)
    people = {one for one in (banned, subject.user_id if subject else None) if one is not None}
    unbegun = Unbegun(unit, people, "reward_frozen", now)
    return bans.freeze_tainted(unit.connection, outcome.event_id, [outcome.subject_event_id], banned, now, unbegun)


def follow_disposition(unit: Unit, parts: Parts, outcome: Outcome, now: int) -> bool:
    """Carry out a reviewer's answer: close the case, move the money, revise the decision. Whether it was revised."""
    if outcome.kind is not OutcomeKind.DISPOSITION or outcome.disposition not in OVERRIDES:
        return False
    decision = records.decision_of_event(unit, outcome.subject_event_id)
    if decision is None:
        return False
    close_case(unit, outcome.subject_event_id, outcome.disposition, outcome.event_id)
    if outcome.disposition is Disposition.GENUINE:
        why = (outcome.note or "").strip() or "found genuine"
        bans.lift_event(unit.connection, outcome.subject_event_id, outcome.event_id, why, now)
    action = OVERRIDES[outcome.disposition]
    if decision.action == action:
        return False
    if decision.kind == Kind.WITHDRAWAL_REQUESTED:
        changed = settle_withdrawal(unit, decision, action, now)
    else:
        changed = settle_reward(unit, parts, decision, action, now)
    if changed:
        revise(unit, decision, action, now)
    return changed


def settle_reward(unit: Unit, parts: Parts, decision: Row[Any], action: Action, now: int) -> bool:
    """Release what a person found genuine, or credit what never was; findings of fraud were reversed already.

    Raises Problem (409) where the decision would promise money that cannot be moved.
    """
    if action is not Action.APPROVE:
        return True
    reward = rewards.find_reward(unit.connection, decision.event_id)
    if reward is None:
        credit_after_all(unit, parts, decision, now)
    elif reward.state == RewardState.ON_HOLD:
        maturity.release_on_hold(unit.connection, decision.event_id, now)
    elif decision.action == Action.DECLINE or is_taken_for_fraud(unit, reward):
        why = "The reward was taken back when fraud was found: pay it with a new event."
        raise cannot_follow(why, retry=False)
    return True


def is_taken_for_fraud(unit: Unit, reward: Row[Any]) -> bool:
    """Whether nothing is left of a reward (its row), and a finding of fraud, perhaps before its event, is among why."""
    is_gone = reward.state == RewardState.REVERSED and reward.reward_micros > 0
    return is_gone and any(map(finds_fraud, records.outcomes_of(unit, reward.event_id)))


def credit_after_all(unit: Unit, parts: Parts, decision: Row[Any], now: int) -> None:
    """Credit an event that was not credited and then found genuine, less what was reversed meanwhile."""
    if not decision.reward_micros:
        return
    seen = Seen.again(records.source_of(unit, decision.event_id), now)
    owed = owed_again(unit, seen.event, decision.reward_micros, decision.currency)
    if credit(unit, parts, seen, owed, Verdict(Action.APPROVE)).action is not Action.APPROVE:
        why = "The campaign's budget cannot pay this reward: fund it, then send the same answer again."
        raise cannot_follow(why, retry=True)
    for outcome in records.outcomes_of(unit, decision.event_id):
        if outcome.kind is OutcomeKind.REVERSAL:
            reverse_early(unit, outcome, now)


def settle_withdrawal(unit: Unit, decision: Row[Any], action: Action, now: int) -> bool:
    """Pay or give back a withdrawal that waited for a person, or give back an approved one that nobody has begun to
    pay; whether it did. Any other stays as it is.
    """
    payout = saga.find(unit.connection, decision.event_id)
    if payout is None:
        return False
    is_stoppable = payout.state is State.SUBMITTED and not payout.attempt_count and action is Action.DECLINE
    if payout.state not in AWAITING and not is_stoppable:
        return False
    saga.decide(unit.connection, decision.event_id, action, f"{decision.decision_id}/{decision.revision + 1}", now)
    return True
