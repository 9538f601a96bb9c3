"""What a trained model would do to money and to people on its test slice, under the policy that runs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from training.consequences import CostCurve, Decided, consequences, cost_curve, remedies
from training.costs import Costs
from training.estimates import Estimate, as_json, unknown
from training.evaluate import Bootstrap, Scored
from training.gate import Harm
from training.plots import pictures
from training.slices import by_slice, ratios, threshold_at

SLICES: Final = ("country", "city_tier", "device_price_tier", "partner_id", "is_new_user")
OPERATING_FPR: Final = 0.01
"""Slices are compared at the one threshold that flags this share of the honest."""
_TABLES_MAX: Final = 4


@dataclass(frozen=True)
class Assessment:
    """`money` by what was decided and in which currency; `ratios` of false positives by slice; `pictures` are SVG.

    `threshold` is the cheapest that reviewers can keep up with, a proposal to the policy and no more. `harms` compare
    with the champion (see `beside.py`), none where there was none to compare with.
    """

    money: dict[str, dict[str, Estimate]]
    slices: list[dict[str, Any]]
    ratios: dict[str, Estimate]
    threshold: Estimate
    pictures: dict[str, str]
    harms: Sequence[Harm] = ()


def assess(
    scored: pl.DataFrame, actions: Sequence[str], costs: Costs, hold_days: float, bootstrap: Bootstrap
) -> Assessment:
    """`scored` has one row an event of the test slice: `kind`, `user_id`, `event_id`, `label`, `score`, `currency`,
    `stake_micros` (the reward, or the amount of a withdrawal) and SLICES; `actions` are what the policy answers.

    Where the slice has one class only, pictures and ratios are left out and say so.
    """
    ranked = _ranked(scored)
    money = _money(scored, actions, costs, hold_days, bootstrap)
    if ranked.one_class:
        missing = unknown(ranked.one_class)
        return Assessment(money, [], dict.fromkeys(SLICES, missing), missing, {})
    threshold = threshold_at(ranked, OPERATING_FPR)
    groups = scored.select(SLICES)
    curve, currency = _curve(scored, ranked, costs)
    proposal = Estimate(float(curve.thresholds[curve.cheapest(costs.review_share_max)]))
    return Assessment(
        money,
        by_slice(ranked, groups, threshold),
        ratios(ranked, groups, threshold, bootstrap),
        proposal,
        pictures(ranked, curve, costs.review_share_max, currency),
    )


def _ranked(scored: pl.DataFrame) -> Scored:
    return Scored.of(scored["label"].cast(pl.Float64).to_numpy(), scored["score"].to_numpy(), people_of(scored))


def people_of(rows: pl.DataFrame) -> Any:
    """Codes 0..k-1: events of one person are resampled together; an event of nobody stands for itself."""
    person = pl.coalesce(pl.col("user_id"), pl.lit("event ") + pl.col("event_id"))
    return rows.select(person.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def _money(
    scored: pl.DataFrame, actions: Sequence[str], costs: Costs, hold_days: float, bootstrap: Bootstrap
) -> dict[str, dict[str, Estimate]]:
    tables = money_tables(scored.with_columns(pl.Series("action", actions, pl.String)))
    by_action = remedies(costs, hold_days)
    return {name: consequences(_decided(table), costs, by_action, bootstrap) for name, table in tables}


def money_tables(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The rows with money at stake, by what was decided and currency, those of most rows only: name and rows.

    Earning and withdrawing apart: what an event earns is asked for again when it is withdrawn.
    """
    decided = pl.when(pl.col("kind") == "withdrawal_requested").then(pl.lit("withdrawals")).otherwise(pl.lit("events"))
    staked = pl.col("currency").is_not_null() & (pl.col("stake_micros") > 0)
    rows = rows.with_columns(decided.alias("of")).filter(staked)
    largest = rows.group_by("of", "currency").len().sort("len", "of", "currency", descending=[True, False, False])
    for of, currency, _ in largest.head(_TABLES_MAX).iter_rows():
        yield f"{of}, {currency}", rows.filter((pl.col("of") == of) & (pl.col("currency") == currency))


def _decided(rows: pl.DataFrame) -> Decided:
    return Decided(
        rows["label"].cast(pl.Float64).to_numpy(),
        rows["stake_micros"].cast(pl.Float64).to_numpy(),
        rows["action"].to_list(),
        people_of(rows),
    )


def _curve(scored: pl.DataFrame, ranked: Scored, costs: Costs) -> tuple[CostCurve, str]:
    """In the commonest currency; other rows are ranked with it and stake nothing."""
    common = scored["currency"].drop_nulls().mode().sort()
    currency = str(common[0]) if len(common) else "no currency"
    stakes = scored.select(pl.when(pl.col("currency") == currency).then("stake_micros").otherwise(0).fill_null(0))
    decided = Decided(ranked.labels, stakes.to_series().cast(pl.Float64).to_numpy(), (), ranked.clusters)
    return cost_curve(decided, ranked.scores, costs), currency


def table_of(assessment: Assessment) -> dict[str, Any]:
    """Plain JSON, the pictures left out."""
    return {
        "money": {name: as_json(figures) for name, figures in assessment.money.items()},
        "slices": assessment.slices,
        "false_positive_ratios": as_json(assessment.ratios),
        "threshold": as_json({"cheapest": assessment.threshold}),
        "harms": [asdict(harm) for harm in assessment.harms],
    }
