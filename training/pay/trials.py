"""What trying out other prices cost: trials beside usual prices of the like task, outcomes known, people resampled.

A payoff is the advertiser's value less the reward of an offer that was completed, and nothing of one that was not. The
cost is what the trials would have paid off at the usual price, less what they did; a negative cost is a gain.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap

USUAL_MIN: Final = 0.5
"""From this propensity on a level is the usual one of its offer; a trial's is smaller."""
LIKE: Final = ("currency", "campaign_id", "position", "value_micros")


@dataclass(frozen=True)
class Cost:
    """Of one stratum's trials: how many, the share of all offers, and their cost in units of the currency, beside the
    payoff of all offers.
    """

    stratum: str
    trials: int
    share: float
    cost: Estimate
    payoff: float


def costs(offers: pl.DataFrame, bootstrap: Bootstrap | None = None) -> list[Cost]:
    """One for each stratum that holds trials. `offers` are of one currency; those of unknown outcome are left out."""
    known = offers.filter(pl.col("completed").is_not_null()).with_columns(
        (pl.col("completed") * (pl.col("value_micros") - pl.col("reward_micros")) / 1e6).alias("payoff"),
        ((pl.col("propensity") < USUAL_MIN) | (pl.col("stratum") == "full")).alias("is_trial"),
    )
    if known.is_empty():
        return []
    strata = known.filter("is_trial")["stratum"].unique().sort()
    return [_cost(known, str(stratum), bootstrap or Bootstrap(200)) for stratum in strata]


def _cost(known: pl.DataFrame, stratum: str, bootstrap: Bootstrap) -> Cost:
    tried = (known["is_trial"] & (known["stratum"] == stratum)).to_numpy().astype(np.float64)
    usual = (~known["is_trial"]).to_numpy().astype(np.float64)
    like = known.select(pl.struct(LIKE).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
    _, person = np.unique(known["user_id"].to_numpy(), return_inverse=True)
    payoff = known["payoff"].to_numpy()

    def lost(weights: np.ndarray) -> float:
        trials, usuals = np.bincount(like, weights * tried), np.bincount(like, weights * usual)
        mean = np.bincount(like, weights * usual * payoff) / np.where(usuals > 0, usuals, np.nan)
        gained = np.bincount(like, weights * tried * payoff)
        is_met = (trials > 0) & (usuals > 0)
        return float(np.where(is_met, trials * mean - gained, 0.0).sum())

    drawn = [lost(weights) for weights in bootstrap.weights(person)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    is_known = bool(usual.any())
    cost = Estimate(lost(np.ones(len(payoff))), float(low), float(high)) if is_known else unknown("no usual prices")
    return Cost(stratum, int(tried.sum()), float(tried.mean()), cost, float(payoff.sum()))
