"""Prices that are learned: a desk a policy version, fed from the offer log, and nothing that is no price.

The offer log is all that a desk is rebuilt from: at the start, and when a rollout brings a new version, it folds the
outcomes from the first on, in the order in which they became known. Until it has caught up its people have static
prices, which the answer says. What a desk says is judged before it is promised: a model may be broken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import nan
from random import Random
from typing import Final

from sqlalchemy import Connection

from serving.policy import Policy
from serving.pricing import offer_log
from serving.pricing.campaigns import Plan
from serving.pricing.desk import Asked, Budget, Desk, Outcome, Quote, Quoted
from serving.pricing.guardrails import ceiling_micros
from serving.pricing.ladder import Price
from serving.pricing.offer_log import Logged
from serving.pricing.quotes import Asking, News, Static, Step, is_sound, step_of

UNBOUNDED_MICROS: Final = 2**62


@dataclass
class _Learner:
    """A desk, the number of the last outcome that it folded, and whether there were no later ones at some time."""

    desk: Desk
    folded: int = 0
    is_ready: bool = False
    ceilings: dict[tuple[int, float], int] = field(default_factory=dict)

    def most(self, step: Step, policy: Policy) -> int:
        """The margin's ceiling for a step, kept from one tick to the next."""
        key = step.value_micros, step.quality_low
        if key not in self.ceilings:
            self.ceilings[key] = ceiling_micros(*key, policy)
        return self.ceilings[key]


class Learned:
    """`policy_for` says which version of the policy prices for a person."""

    def __init__(self, policy: Policy, policy_for: Callable[[str], Policy]) -> None:
        self._policy_for = policy_for
        self._learners = {policy.version: _Learner(Desk(policy))}

    def desk_of(self, policy: Policy) -> Desk:
        """The desk of a version that has priced before."""
        return self._learners[policy.version].desk

    def quotes(self, steps: Sequence[Step], asking: Asking, dice: Random) -> list[Price | str]:
        policy = self._policy_for(asking.user_id)
        learner = self._learners.get(policy.version)
        if learner is None:
            learner = self._learners[policy.version] = _Learner(Desk(policy))
        static = Static(policy)
        if not learner.is_ready:
            return [_named(static.quote(step), "learning") for step in steps]
        quoted = learner.desk.quotes([_asked(step, asking) for step in steps], asking.at, dice)
        found = _in_order(quoted, len(steps), learner.desk.ticked_at)
        for at, (step, price) in enumerate(zip(steps, found, strict=True)):
            if not isinstance(price, str) and not is_sound(price, step, policy, learner.most(step, policy)):
                found[at] = _named(static.quote(step), "price")
        return found

    def news(self, connection: Connection) -> News:
        found = {}
        for version, learner in list(self._learners.items()):
            if rows := offer_log.news(connection, learner.folded):
                found[version] = rows
            elif not learner.is_ready:
                found[version] = []
        return found

    def learn(self, news: News) -> None:
        for version, rows in news.items():
            learner = self._learners[version]
            for row in rows:
                learner.desk.learn(_outcome(row), row.known_at)
            learner.folded = rows[-1].known_order if rows else learner.folded
            learner.is_ready = learner.is_ready or not rows

    def tick(self, now: int, plans: Sequence[Plan]) -> None:
        budgets = {
            plan.campaign_id: Budget(
                plan.unspent_micros, plan.starts_at, plan.ends_at, plan.currency, plan.task_kind or ""
            )
            for plan in plans
        }
        for learner in self._learners.values():
            learner.desk.tick(now, budgets)
            learner.ceilings.clear()


def caught_up(pricer: Learned, connection: Connection) -> Learned:
    """The same, having learned all that the offer log holds."""
    while news := pricer.news(connection):
        pricer.learn(news)
    return pricer


def _asked(step: Step, asking: Asking) -> Asked:
    value = step.standing.value
    return Asked(
        campaign_id=step.campaign_id,
        kind=step.task_kind,
        segment=step.segment,
        value_micros=step.value_micros,
        currency=step.currency,
        quality=step.quality,
        quality_low=step.quality_low,
        floor_micros=step.floor_micros,
        remaining_micros=UNBOUNDED_MICROS if value is None else value.available_micros,
        fraud=asking.risk,
        multiplier=asking.multiplier[step.currency],
        taken_today=asking.started_today.get(step.campaign_id, 0),
    )


def _in_order(quoted: Quoted, count: int, ticked_at: int | None) -> list[Price | str]:
    found: list[Price | str] = ["not offered now"] * count
    for at, refusal in quoted.refusals:
        found[at] = refusal.reason
    for at, quote in quoted.offers:
        found[at] = _price(quote, ticked_at)
    return found


def _price(quote: Quote, ticked_at: int | None) -> Price:
    return Price(
        reward_micros=quote.reward_micros,
        propensity=quote.propensity,
        stratum=quote.stratum,
        policy_version=quote.policy_version,
        reason=quote.reason,
        allowed_micros=quote.allowed_micros,
        worth=quote.worth,
        chance=quote.chance,
        fallback=quote.fallback,
        duals=quote.duals,
        ticked_at=ticked_at,
    )


def _named(static: Price | str, missing: str) -> Price | str:
    """A static price that says why it is one."""
    return static if isinstance(static, str) else replace(static, fallback=missing)


def _outcome(row: Logged) -> Outcome:
    return Outcome(
        campaign_id=row.campaign_id,
        kind=step_of(row.task_kind, row.position),
        segment=row.segment,
        currency=row.currency,
        reward_micros=row.reward_micros,
        value_micros=row.value_micros,
        quality=row.quality,
        completed=row.completed,
        complete_by=row.known_from,
        chance=nan if row.chance is None else row.chance,
    )
