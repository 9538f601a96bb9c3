"""What is said of each effect: from the rows of the rooms, in the words of the wire, and nothing that is secret."""

import json
from collections.abc import Mapping
from typing import Any, Final

from serving.outbox.changes import ChangeType, Told, subject_of

_TO_PROVE_AGAIN: Final = frozenset({"identity_failed", "identity_expired"})
"""What a payout may wait for that the person was not told of when they were first asked for a proof."""


def of_decision(decision: Mapping[str, Any]) -> Told:
    """From a row of the table `decision`, which is a revision; what is null there may be left out."""
    revision, event_id, user_id = decision["revision"], decision["event_id"], decision["user_id"]
    data = {
        "decision_id": decision["decision_id"],
        "event_id": event_id,
        "user_id": user_id,
        "decision": decision["action"],
        "reason_codes": json.loads(decision["reason_codes"]),
        "reward_micros": decision.get("reward_micros"),
        "currency": decision.get("currency"),
        "final": bool(decision["final"]),
        "revision": revision,
    }
    effect = f"{decision['decision_id']}/{revision}"
    return Told(ChangeType.DECISION_UPDATED, effect, subject_of(user_id, event_id), data, decision["decided_at"])


def of_maturity(event_id: str, user_id: str, amount_micros: int, currency: str, now: int) -> Told:
    """A reward is the person's own from now on, less what was taken back before."""
    data = {"event_id": event_id, "user_id": user_id, "amount_micros": amount_micros, "currency": currency}
    return Told(ChangeType.REWARD_MATURED, event_id, subject_of(user_id, event_id), data, now)


def of_reversal(reward: Any, reversal: Any, order: Any, now: int) -> Told:
    """`reward`: its row before. An order that took nothing is told too: it was answered. A refund gives back."""
    change = reversal.reversed_micros - reversal.refunded_micros
    data = {
        "event_id": reward.event_id,
        "user_id": reward.user_id,
        "outcome_id": reversal.outcome_id,
        "ground": str(order.ground),
        "reason": str(order.reason),
        "reversed_micros": reversal.reversed_micros,
        "refunded_micros": reversal.refunded_micros,
        "left_micros": reward.reward_micros - reward.reversed_micros - change,
        "currency": reward.currency,
    }
    subject = subject_of(reward.user_id, reward.event_id)
    return Told(ChangeType.REWARD_REVERSED, reversal.outcome_id, subject, data, now)


def of_freeze(reward: Any, ban_id: str, amount_micros: int, now: int, *, is_over: bool = False) -> Told:
    """`reward`: its row. What a ban keeps from moving, or, once it `is_over`, no longer does."""
    data = {
        "event_id": reward.event_id,
        "user_id": reward.user_id,
        "ban_id": ban_id,
        "amount_micros": amount_micros,
        "currency": reward.currency,
    }
    kind = ChangeType.REWARD_THAWED if is_over else ChangeType.REWARD_FROZEN
    return Told(kind, f"{ban_id}/{reward.event_id}", subject_of(reward.user_id, reward.event_id), data, now)


def of_payout(before: Any, after: Any, now: int) -> list[Told]:
    """What a move of a payout tells: nothing, where neither its state nor what it waits for has changed.

    Its destination is nobody's business but the provider's.
    """
    if (before.state, before.waits_for) == (after.state, after.waits_for):
        return []
    effect, subject = f"{after.id}/{after.version}", subject_of(after.user_id, after.id)
    data = {
        "payout_id": after.id,
        "user_id": after.user_id,
        "amount_micros": after.amount_micros,
        "fee_micros": after.fee_micros,
        "currency": after.currency,
        "state": str(after.state),
        "waits_for": None if after.waits_for is None else str(after.waits_for),
    }
    if after.tax_micros is not None:
        data["tax_micros"] = after.tax_micros
    told = [Told(ChangeType.PAYOUT_UPDATED, effect, subject, data, now)]
    if after.waits_for in _TO_PROVE_AGAIN and before.waits_for != after.waits_for:
        told.append(of_identity(after.user_id, effect, after.waits_for, now, after.id))
    return told


def of_case(case: Any, disposition: str, now: int) -> Told:
    """`case`: its row."""
    data = {
        "decision_id": case.decision_id,
        "event_id": case.event_id,
        "user_id": case.user_id,
        "disposition": str(disposition),
    }
    return Told(ChangeType.CASE_CLOSED, case.decision_id, subject_of(case.user_id, case.event_id), data, now)


def of_identity(user_id: str, effect_id: str, reason: str, now: int, payout_id: str | None = None) -> Told:
    """A person must prove who they are, for the first time or again; `reason` is a word of code."""
    data = {"user_id": user_id, "reason": str(reason), "payout_id": payout_id}
    return Told(ChangeType.KYC_REQUIRED, effect_id, subject_of(user_id, user_id), data, now)
