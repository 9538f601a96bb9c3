"""What a price may read, and the port through which prices come: the static ladder, or what has been learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from random import Random
from typing import Final, Protocol

from sqlalchemy import Connection

from serving.contract import KIND_UNNAMED, Candidate
from serving.policy import Policy
from serving.pricing.campaigns import Plan, Standing
from serving.pricing.exploration import PROPENSITY_MIN
from serving.pricing.ladder import Price, price
from serving.pricing.offer_log import Logged
from serving.pricing.targeting import Facts

NEW_DAYS: Final = 7
EXPERT_DAYS: Final = 60
TOO_LITTLE: Final = "worth less than the lowest reward and our margin"
News = Mapping[str, Sequence[Logged]]
"""Outcomes, rows of the offer log, that somebody has not learned yet, by who."""


@dataclass(frozen=True, slots=True)
class Asking:
    """The person who asks, as far as that decides what is shown: `multiplier` is their day's, by currency.

    None of it changes a price but the segment, which every step carries.
    """

    user_id: str
    at: int
    risk: float
    multiplier: Mapping[str, float]
    started_today: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One goal of one candidate that asks for a price; there is nothing else that its price may depend on."""

    campaign_id: str
    currency: str
    task_kind: str
    segment: str
    value_micros: int
    standing: Standing

    @classmethod
    def of(cls, candidate: Candidate, standing: Standing, segment: str) -> "list[Step]":
        """Each goal of a candidate; later goals are other kinds of task, for fewer people reach them."""
        kind = kind_of(candidate, standing)
        return [
            cls(candidate.campaign_id, candidate.currency, step_of(kind, position), segment, value, standing)
            for position, (_, value) in enumerate(candidate.steps)
        ]

    @property
    def floor_micros(self) -> int:
        return self.standing.ordered.floor_micros if self.standing.ordered else 0

    @property
    def quality(self) -> float:
        return quality_of(self.standing)

    @property
    def quality_low(self) -> float:
        return (self.standing.ordered and self.standing.ordered.quality_low) or self.quality


class Pricer(Protocol):
    """Whoever prices. Only the one writer calls it, but for `news`."""

    def quotes(self, steps: Sequence[Step], asking: Asking, dice: Random) -> list[Price | str]:
        """For each step, in order, a price or the reason why there is none."""
        ...

    def news(self, connection: Connection) -> News:
        """What is in the offer log and was not learned yet, some at a time; empty: nothing."""
        ...

    def learn(self, news: News) -> None: ...

    def tick(self, now: int, plans: Sequence[Plan]) -> None:
        """Judge what budgets spent, and let prices move."""
        ...


@dataclass(frozen=True)
class Static:
    """Prices from the policy's ladder alone."""

    policy: Policy

    def quotes(self, steps: Sequence[Step], asking: Asking, dice: Random) -> list[Price | str]:  # the port's shape
        return [self.quote(step) for step in steps]

    def quote(self, step: Step) -> Price | str:
        return price(step.value_micros, self.policy, step.floor_micros, step.quality_low) or TOO_LITTLE

    def news(self, connection: Connection) -> News:  # as above
        return {}

    def learn(self, news: News) -> None:
        """What is static learns nothing."""

    def tick(self, now: int, plans: Sequence[Plan]) -> None:
        """And never moves."""


def is_sound(found: Price, step: Step, policy: Policy, most_micros: int) -> bool:
    """Whether it can be a price, whoever says so: on the ladder, within floor and margin, all of it numbers."""
    return (
        type(found.reward_micros) is int
        and found.reward_micros in policy.reward.ladder_micros
        and max(step.floor_micros, policy.pricing.floor_micros) <= found.reward_micros
        and found.reward_micros <= most_micros
        and PROPENSITY_MIN <= found.propensity <= 1
        and isfinite(found.worth)
    )


def kind_of(candidate: Candidate, standing: Standing) -> str:
    """The task's kind: the candidate's own, else its campaign's."""
    return candidate.task_kind or (standing.ordered and standing.ordered.task_kind) or KIND_UNNAMED


def quality_of(standing: Standing) -> float:
    """The share of completions that the advertiser does not take back; 1 where nobody says it."""
    return standing.ordered.quality if standing.ordered else 1.0


def step_of(kind: str, position: int) -> str:
    """What a goal is learned of as: of a task's later goals, each is a kind of its own."""
    return f"{kind}/{position + 1}" if position else kind


def segment_of(person: Facts) -> str:
    """How experienced the person is, one of the policy's segments: all that a price may know of them."""
    if person.account_days is None:
        return ""
    if person.account_days < NEW_DAYS:
        return "new"
    return "regular" if person.account_days < EXPERT_DAYS else "expert"
