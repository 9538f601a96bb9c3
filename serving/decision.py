"""The decisions: pure functions from facts to a verdict with its reasons. They can be replayed a year later."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from features.events import Event
from serving.policy import Policy


class Action(StrEnum):
    APPROVE = "approve"
    HOLD = "hold"
    CHALLENGE = "challenge"
    REVIEW = "review"
    DECLINE = "decline"

    @property
    def final(self) -> bool:
        """Nothing more is awaited."""
        return self in (Action.APPROVE, Action.DECLINE)


@dataclass(frozen=True)
class Score:
    """A calibrated probability of `target`, and what spoke for it. `probability` is None where no model could score.

    `reversal` is the probability, beside that of fraud, that the advertiser takes an event back; None where the model
    does not know it.
    """

    probability: float | None
    target: str = "fraud"
    model_version: str = "none"
    contributions: tuple[tuple[str, float], ...] = ()
    reversal: float | None = None

    @property
    def likely_reversal(self) -> float:
        """The probability of a reversal, 0 where none is known."""
        return (self.probability if self.target == "reversal" else self.reversal) or 0.0


@dataclass(frozen=True)
class Levels:
    """The lowest probabilities that need to be explained: of the model's target, and of a reversal beside it."""

    probability: float
    reversal: float = 1.0


UNEXPLAINED: Final = Levels(2.0, 2.0)
"""No probability reaches it: for scores that nobody is told the reasons of."""


@dataclass(frozen=True)
class Verdict:
    """What was decided and why. `reasons` are stable codes for machines, the weightiest first."""

    action: Action
    reasons: tuple[str, ...] = ()
    degraded: tuple[str, ...] = field(default=())


# What spoke for a score, in words that a person may be told: they name no threshold and no other person. A feature that
# is named here has words of its own; the others have those of what they are about.
REASONS: Final = {
    "user": "account_pace",
    "device": "device_signals",
    "ip": "network_crowded",
    "network": "network_crowded",
    "wide_network": "network_crowded",
    "graph": "device_shared",
    "touch": "interaction_unusual",
    "campaign": "campaign_unusual",
    "task": "task_unusual",
    "identity": "identity_shared",
    "email": "email_unusual",
    "partner": "partner_unusual",
    "destination": "payout_destination_shared",
    "event": "event_unusual",
    "graph__user_found": "found_before",
    "user__found_over_count": "found_before",
    "graph__user_device_days": "device_new",
    "graph__user_destination_days": "payout_destination_new",
}


def decide_event(event: Event, score: Score, reward_micros: int, policy: Policy) -> Verdict:
    """Approve, hold, review or decline one earning event. Risk never changes the amount, only when it is paid.

    Where nothing is earned there is nothing to wait for: whoever is suspected is stopped where money is at stake.
    """
    if score.probability is None:
        return Verdict(Action.HOLD, ("model_unavailable",), ("model",))
    if not reward_micros:
        return Verdict(Action.APPROVE)
    refusals = _money_reasons(event, reward_micros, policy)
    if refusals:
        return Verdict(Action.REVIEW, refusals)
    levels = policy.event
    by_fraud = {levels.decline: Action.DECLINE, levels.review: Action.REVIEW, levels.hold: Action.HOLD}
    verdict = _at_threshold(score, by_fraud) if score.target == "fraud" else Verdict(Action.APPROVE)
    return _until_reversals_are_known(verdict, score, policy)


def _until_reversals_are_known(verdict: Verdict, score: Score, policy: Policy) -> Verdict:
    """A likely reversal delays a credit that would be paid; it refuses none, and troubles no person."""
    if score.likely_reversal < policy.reversal.hold or verdict.action not in (Action.APPROVE, Action.HOLD):
        return verdict
    return Verdict(Action.HOLD, ("reversal_likely", *reasons_of(score)))


def decide_withdrawal(score: Score, policy: Policy) -> Verdict:
    """Approve, challenge, review or decline a withdrawal whose money is held already."""
    if score.probability is None:
        return Verdict(Action.HOLD, ("model_unavailable",), ("model",))
    if score.target == "reversal":
        return Verdict(Action.REVIEW, ("fraud_model_missing",))
    levels = policy.withdrawal
    return _at_threshold(
        score, {levels.decline: Action.DECLINE, levels.review: Action.REVIEW, levels.challenge: Action.CHALLENGE}
    )


def _money_reasons(event: Event, reward_micros: int, policy: Policy) -> tuple[str, ...]:
    reasons = []
    if reward_micros > policy.reward.reward_micros_max:
        reasons.append("reward_above_limit")
    # An offer's price was checked when it was made; what the platform promises by itself is checked here.
    if event.offer_id is None and event.revenue_micros and reward_micros > ceiling(event.revenue_micros, policy):
        reasons.append("margin_ceiling")
    return tuple(reasons)


def ceiling(value_micros: int, policy: Policy) -> int:
    """The largest reward that leaves the platform its margin on `value_micros`."""
    return int(value_micros * (1 - policy.reward.margin_min))


def _at_threshold(score: Score, levels: dict[float, Action]) -> Verdict:
    for threshold, action in sorted(levels.items(), reverse=True):
        if score.probability is not None and score.probability >= threshold:
            return Verdict(action, reasons_of(score))
    return Verdict(Action.APPROVE)


def reasons_of(score: Score) -> tuple[str, ...]:
    """The codes of the features that raised the score most, each once, at most three."""
    raised = [name for name, weight in score.contributions if weight > 0]
    codes = [REASONS.get(name) or REASONS[name.split("__")[0]] for name in raised]
    return tuple(dict.fromkeys(codes))[:3]
