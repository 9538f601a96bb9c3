"""What the notebook of prices shows, as figures: response, burn against plan, margin, trials, earners."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.windows import DAY
from pipelines.paid import Order, Paid
from serving.policy import Policy
from serving.pricing.pacing import Traffic
from serving.pricing.response import Curve, Response
from training.estimates import wilson
from training.pay.earners import Shares, shares

Floats = NDArray[np.float64]
PLAN_POINTS: Final = 200


@dataclass(frozen=True)
class Level:
    """Offers of one reward whose outcome is known, and how many were completed, with a 95% interval of the share."""

    reward_micros: int
    offered: int
    completed: int
    low: float
    high: float


@dataclass(frozen=True)
class Responding:
    """One kind of task: what was seen, level by level, and the curve that is learned of everybody from the same log."""

    task_kind: str
    levels: list[Level]
    curve: Curve


@dataclass(frozen=True)
class Burn:
    """A campaign's budget over its window: `at` (microseconds) with the share that the `plan` had spent by then, and
    `charged_at` with the share that was `charged`. `off_plan` is the RMS of the two apart, over time until now.
    """

    campaign_id: str
    at: NDArray[np.int64]
    plan: Floats
    charged_at: NDArray[np.int64]
    charged: Floats
    off_plan: float


@dataclass(frozen=True)
class Margin:
    """Of the completed goals that were offered on a day: their value, what people were owed, the share that is kept."""

    day: int
    value_micros: int
    owed_micros: int

    @property
    def kept(self) -> float:
        return 1 - self.owed_micros / self.value_micros


@dataclass(frozen=True)
class Cut:
    """What the daily curve did: days on which an account began a task, those that it cut; the rewards, and the cut."""

    days: int
    cut_days: int
    reward_micros: int
    cut_micros: int


def currencies(paid: Paid) -> list[str]:
    """The most frequent first."""
    return paid.offers["currency"].value_counts(sort=True)["currency"].to_list()


def of_currency(paid: Paid, currency: str) -> Paid:
    """The part of it in one currency."""
    orders = [one for one in paid.orders if one.currency == currency]
    is_meant = pl.col("currency") == currency
    return Paid(paid.offers.filter(is_meant), orders, paid.days.filter(is_meant), paid.policy)


def responses(paid: Paid, kinds_max: int = 6) -> list[Responding]:
    """The kinds of task with the most known outcomes; what is learned is folded from the whole log in its order."""
    known = paid.offers.filter(pl.col("completed").is_not_null())
    learned = Response(paid.policy.reward.ladder_micros)
    for key, rows in known.group_by("task_kind", "segment", maintain_order=True):
        learned.learn((str(key[0]), str(key[1])), rows["reward_micros"].to_numpy(), rows["completed"].to_numpy())
    kinds = known["task_kind"].value_counts(sort=True)["task_kind"].to_list()[:kinds_max]
    return [
        Responding(kind, _levels(known.filter(pl.col("task_kind") == kind)), learned.curve((kind, "")))
        for kind in sorted(kinds)
    ]


def _levels(known: pl.DataFrame) -> list[Level]:
    counts = known.group_by("reward_micros").agg(pl.len().alias("n"), pl.col("completed").sum()).sort("reward_micros")
    return [Level(reward, n, done, *wilson(done, n)) for reward, n, done in counts.iter_rows()]


def burns(paid: Paid) -> list[Burn]:
    """Campaigns with a budget, by the name; planned as the traffic of the policy's week comes."""
    pricing = paid.policy.pricing
    traffic = Traffic(pricing.traffic_by_hour, pricing.weekend_level, pricing.utc_offset_hours)
    return [_burn(one, traffic, paid.until) for one in paid.orders if one.deposited_micros]


def _burn(order: Order, traffic: Traffic, until: int) -> Burn:
    at = np.linspace(order.starts_at, order.ends_at, PLAN_POINTS).astype(np.int64)
    whole = traffic.between(order.starts_at, order.ends_at)
    plan = np.array([traffic.between(order.starts_at, int(instant)) / whole for instant in at])
    charged_at = np.concatenate(([order.starts_at], order.charged["at"].to_numpy()))
    charged = np.concatenate(([0.0], np.cumsum(order.charged["micros"].to_numpy()) / order.deposited_micros))
    past = at[at <= max(until, order.starts_at)]
    by_then = charged[np.searchsorted(charged_at, past, side="right") - 1]
    off_plan = float(np.sqrt(np.mean((by_then - plan[: len(past)]) ** 2)))
    return Burn(order.campaign_id, at, plan, charged_at, charged, off_plan)


def margins(paid: Paid) -> list[Margin]:
    """Days with completed goals."""
    done = paid.offers.filter(pl.col("completed")).with_columns((pl.col("offered_at") // DAY).alias("day"))
    sums = done.group_by("day").agg(pl.col("value_micros").sum(), pl.col("owed_micros").sum()).sort("day")
    return [Margin(day, value, owed) for day, value, owed in sums.iter_rows()]


def breaches(paid: Paid) -> tuple[int, int]:
    """Offers whose reward was above the margin's ceiling, and below the posted floor: none should be."""
    ceiling = _ceiling_share(paid.policy)
    rewards, values = (paid.offers[name].to_list() for name in ("reward_micros", "value_micros"))
    above = sum(reward > value * ceiling for reward, value in zip(rewards, values, strict=True))
    return above, sum(reward < paid.policy.pricing.floor_micros for reward in rewards)


def _ceiling_share(policy: Policy) -> Fraction:
    return 1 - Fraction(repr(policy.reward.margin_min))


def earners(paid: Paid) -> Shares:
    """What people are owed for what they completed, under offers."""
    done = paid.offers.filter(pl.col("completed"))
    earned = done.group_by("user_id").agg(pl.col("owed_micros").sum())["owed_micros"]
    return shares(np.asarray(earned.to_numpy(), np.int64))


def cut(paid: Paid) -> Cut:
    """As of the tasks that were begun and not given up."""
    worked = paid.days.filter(pl.col("reward_micros") > 0)
    lost = worked["reward_micros"] - worked["paid_micros"]
    return Cut(worked.height, int((lost > 0).sum()), int(worked["reward_micros"].sum()), int(lost.sum()))
