"""Judges a trained model by the policy that runs: what it would have decided on the test slice, and to whom."""

from dataclasses import replace
from typing import Final

import polars as pl

from features.events import EARLIEST, Event, Kind
from features.home import Home
from features.log import Log
from serving.decision import Score, decide_event, decide_withdrawal
from serving.policy import Policy, load_policy
from training.assess import SLICES, Assessment, assess
from training.beside import harms
from training.costs import Costs
from training.evaluate import Bootstrap
from training.train import Trained

NEW_USER_DAYS: Final = 7
_DAY: Final = 86_400_000_000
_READ: Final = "sequence user_id event_time country city_tier fingerprint_price_tier partner_id currency amount_micros"


def assess_on(home: Home, trained: Trained, bootstrap: Bootstrap) -> Assessment:
    """The consequences of `trained` on its test slice, under today's policy and costs, beside those of the champion."""
    policy, target = load_policy(), str(trained.model.context["target"])
    rows = trained.scored.join(_about(home), on="sequence", how="left", maintain_order="left")
    rows = rows.with_columns(pl.coalesce("reward_micros", "amount_micros").fill_null(0).alias("stake_micros"))
    actions, costs, hold_days = _actions(rows, "score", target, policy), Costs.read(), policy.event.hold_hours / 24
    assessment = assess(rows, actions, costs, hold_days, bootstrap)
    if rows["champion_score"].is_null().any():
        return assessment
    of_champion = _actions(rows, "champion_score", target, policy)
    both = rows.with_columns(pl.Series("action", actions), pl.Series("champion_action", of_champion))
    return replace(assessment, harms=harms(both, costs, hold_days, bootstrap))


def _actions(rows: pl.DataFrame, score: str, target: str, policy: Policy) -> list[str]:
    """What the policy answers to each row, if `score` names its probabilities."""
    asked = rows.select("kind", score, pl.col("reward_micros").fill_null(0)).iter_rows()
    return [_action(kind, chance, bool(reward), target, policy) for kind, chance, reward in asked]


def _about(home: Home) -> pl.DataFrame:
    """Whom each event of the log concerns, by sequence: the columns of SLICES, currency and amount."""
    read = pl.DataFrame(pl.from_arrow(Log(home.log).read(_READ.split())))
    since = pl.col("event_time") - pl.col("event_time").min().over("user_id")
    is_new = pl.when(pl.col("user_id").is_not_null()).then(since < NEW_USER_DAYS * _DAY)
    named = read.with_columns(is_new.alias("is_new_user")).rename({"fingerprint_price_tier": "device_price_tier"})
    return named.select("sequence", "currency", "amount_micros", *SLICES)


def _action(kind: str, probability: float, earns: bool, target: str, policy: Policy) -> str:
    score = Score(probability, target)
    if kind == Kind.WITHDRAWAL_REQUESTED:
        return str(decide_withdrawal(score, policy).action)
    return str(decide_event(_PLAIN, score, int(earns), policy).action)


# What the platform promised is judged when it is promised; here only the score decides.
_PLAIN: Final = Event(event_id="plain", kind=Kind.TASK_COMPLETED, occurred_at=EARLIEST)
