"""What the arena found: recall among people, rings held, money stopped, and what it cost the honest.

A person is *caught* when a score of theirs, up to and with their first approved withdrawal (their first payout) of the
period, reaches its threshold. Only events with money at stake are asked, a reward or a withdrawal: of a log-in nothing
can be held. There are two thresholds, as a model has two heads and a policy two sets of limits: one for
withdrawals and one for all other events. Both stand where the same share of the honest people who acted in the period
would be caught, a share so small that at most 1% of the honest are caught by either. So people are counted, not
events, and an event after the money has left is too late. Whoever takes over an account counts as a person of their
own, with the events that they sent.

A ring of five or more is *held before its first payout* when, before the first withdrawal of any member was approved,
at least half of the members who had acted by then had a reward or a withdrawal that was not approved; without a payout,
by the end. A ring is counted when any member asked for a withdrawal or was held. The stricter `rings_all_but_stopped`
looks at withdrawals alone: the ring's first request was not approved, nor were the first requests of four in five of
the members who asked.

Money of a person is *stopped* when it was declined, or still waits for a person at the end (rewards in review,
withdrawals challenged or in review); it is *paid* by approved withdrawals, also by a reviewer's mistake. What nobody
asked for by the end is neither. An honest person is *held* when a reward or a withdrawal of theirs was not approved.

A family that a tree of depth 3 catches above one half, by the same rule at the same 1%, is *easy*: it is reported and
does not count towards the totals.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events import Kind
from features.money import MICROS_PER_UNIT
from training.arena.book import APPROVE
from training.arena.episode import Fought
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap

Floats = NDArray[np.float64]

WITHDRAWAL: Final = str(Kind.WITHDRAWAL_REQUESTED)
FALSE_POSITIVES_MAX: Final = 0.01
EASY_ABOVE: Final = 0.5
RING_MIN: Final = 5
RING_HELD_SHARE: Final = 0.5
RING_STOPPED_SHARE: Final = 0.8


def peaks(fought: Fought) -> pl.DataFrame:
    """One row an owner: people's columns, what was held, and the highest score before the first payout of either head
    (`model_event`, `model_withdrawal`; of the tree likewise), missing where the head was never asked.
    """
    decisions = fought.decisions.with_row_index("place")
    paid = (pl.col("kind") == WITHDRAWAL) & (pl.col("action") == APPROVE)
    first = decisions.filter(paid).group_by("owner").agg(pl.col("place").min().alias("paid_at"))
    early = decisions.join(first, on="owner", how="left").filter(
        (pl.col("place") <= pl.col("paid_at").fill_null(1 << 31)) & (pl.col("amount_micros") > 0)
    )
    tops = early.group_by("owner").agg(
        pl.col(name).filter(asked).max().alias(f"{name}_{head}")
        for name in ("model", "tree")
        for head, asked in (("event", pl.col("kind") != WITHDRAWAL), ("withdrawal", pl.col("kind") == WITHDRAWAL))
    )
    held = (pl.col("action") != APPROVE) & (pl.col("amount_micros") > 0)
    counted = decisions.group_by("owner").agg(
        held.any().alias("is_held"),
        ((pl.col("kind") == WITHDRAWAL) & held).any().alias("is_withdrawal_held"),
    )
    return fought.people.join(tops, on="owner", how="left").join(counted, on="owner", how="left")


def oddity(people: pl.DataFrame, name: str) -> Floats:
    """How odd each person's peak is by one score: 1 less the share of the honest who reach it, by the rarer head."""
    innocent = people.filter(~pl.col("is_fraud"))
    heads = []
    for head in ("event", "withdrawal"):
        column = pl.col(f"{name}_{head}").fill_null(-np.inf)
        ranked = np.sort(innocent.select(column).to_series().to_numpy())
        below = np.searchsorted(ranked, people.select(column).to_series().to_numpy(), side="left")
        heads.append(below / len(ranked))
    odd: Floats = np.maximum(*heads)
    return odd


def threshold(honest: Floats, share_max: float = FALSE_POSITIVES_MAX) -> float:
    """The lowest score that at most `share_max` of the honest reach."""
    ranked = np.sort(honest)[::-1]
    allowed = int(share_max * len(ranked))
    above = ranked[allowed] if allowed < len(ranked) else -np.inf
    return float(np.nextafter(above, np.inf))


def recall_between(honest: Floats, fraud: Floats, share: float = FALSE_POSITIVES_MAX) -> float:
    """The share of the fraud caught at `share` of the honest, interpolated between thresholds: a tree of few leaves
    has few of them, and is given the benefit of a draw among equals.
    """
    levels = np.unique(np.r_[honest, fraud])[::-1]
    wrong = np.r_[0.0, [(honest >= level).mean() for level in levels]]
    right = np.r_[0.0, [(fraud >= level).mean() for level in levels]]
    return float(np.interp(share, wrong, right))


@dataclass(frozen=True)
class Measured:
    """`totals` over families that are not easy, `families` one row each, `honest` one row a family of look-alikes,
    and the two thresholds of recall as probabilities.
    """

    totals: dict[str, Estimate]
    families: pl.DataFrame
    honest: pl.DataFrame
    thresholds: dict[str, float]


def measure(fought: Fought, bootstrap: Bootstrap) -> Measured:
    """All figures of one arena. Resamples draw people, and for rings whole rings."""
    people = peaks(fought)
    people = people.with_columns(pl.Series(name, oddity(people, name)) for name in ("model", "tree"))
    honest, fraud = people.filter(~pl.col("is_fraud")), people.filter("is_fraud")
    level = threshold(honest["model"].to_numpy())
    fraud = fraud.with_columns((pl.col("model") >= level).alias("is_caught"))
    rings = _rings(fought, fraud)
    families = _families(honest, fraud, rings)
    hard = families.filter(~pl.col("is_easy"))["family"].to_list()
    counted, counted_rings = (table.filter(pl.col("family").is_in(hard)) for table in (fraud, rings))
    unseen = counted.filter(~pl.col("is_trained"))
    stopped, paid = (unseen[name].to_numpy().astype(np.float64) for name in ("stopped_micros", "paid_micros"))
    totals = {
        "recall_at_1pct_fpr": _share(counted["is_caught"].to_numpy(), bootstrap),
        "rings_held_before_first_payout": _share(counted_rings["is_held"].to_numpy(), bootstrap),
        "rings_all_but_stopped": _share(counted_rings["is_stopped"].drop_nulls().to_numpy(), bootstrap),
        "honest_held": _share(honest["is_held"].to_numpy(), bootstrap),
        "honest_withdrawals_held": _share(honest["is_withdrawal_held"].to_numpy(), bootstrap),
        "held_out_money_stopped": _ratio(stopped, stopped + paid, bootstrap),
        "recall_of_all_families": _share(fraud["is_caught"].to_numpy(), bootstrap),
    }
    return Measured(totals, families, _honest(honest), _limits(honest, level))


def _limits(honest: pl.DataFrame, level: float) -> dict[str, float]:
    """The two thresholds as probabilities: what a policy would have to say to hold 1% of the honest."""
    tops = {head: honest[f"model_{head}"].fill_null(-np.inf).to_numpy() for head in ("event", "withdrawal")}
    return {head: threshold(peak, 1 - level) for head, peak in tops.items()}


def _rings(fought: Fought, fraud: pl.DataFrame) -> pl.DataFrame:
    """Rings of RING_MIN who acted, and were held or asked: family, `is_held` and `is_stopped`, null if nobody asked."""
    named = fraud.filter(pl.col("ring").is_not_null()).select("owner", "ring", "family")
    acts = fought.decisions.with_row_index("place").join(named, on="owner").sort("place")
    asked, approved = pl.col("kind") == WITHDRAWAL, pl.col("action") == APPROVE
    paid_at = pl.col("place").filter(asked & approved).min().over("ring").fill_null(1 << 31)
    early = acts.filter(pl.col("place") < paid_at)
    held = pl.col("owner").filter(~approved & (pl.col("amount_micros") > 0)).n_unique()
    before = early.group_by("ring").agg((held / pl.col("owner").n_unique()).alias("held_share"))
    firsts = acts.filter(asked).group_by("ring", "owner", maintain_order=True).agg((~approved).first().alias("stopped"))
    stopped = pl.col("stopped").first() & (pl.col("stopped").mean() >= RING_STOPPED_SHARE)
    answered = firsts.group_by("ring", maintain_order=True).agg(stopped.alias("is_stopped"))
    sizes = named.group_by("ring").agg(pl.col("family").first(), pl.len().alias("members"))
    rings = sizes.filter(pl.col("members") >= RING_MIN).join(before, on="ring", how="left")
    rings = rings.join(answered, on="ring", how="left").sort("ring")
    known = rings.with_columns(pl.col("held_share").fill_null(0.0))
    told = known.filter(pl.col("is_stopped").is_not_null() | (pl.col("held_share") > 0))
    return told.with_columns((pl.col("held_share") >= RING_HELD_SHARE).alias("is_held"))


def _families(honest: pl.DataFrame, fraud: pl.DataFrame, rings: pl.DataFrame) -> pl.DataFrame:
    held = rings.group_by("family").agg(pl.len().alias("rings"), pl.col("is_held").mean().alias("rings_held"))
    stopped, paid = pl.col("stopped_micros").sum(), pl.col("paid_micros").sum()
    rows = fraud.group_by("family", maintain_order=True).agg(
        (~pl.col("is_trained")).first().alias("is_held_out"),
        pl.len().alias("people"),
        pl.col("is_caught").mean().alias("recall"),
        (stopped / (stopped + paid)).alias("money_stopped"),
        (stopped / MICROS_PER_UNIT).alias("stopped_units"),
        (paid / MICROS_PER_UNIT).alias("paid_units"),
    )
    innocent = honest["tree"].to_numpy()
    tree = {
        str(name): recall_between(innocent, table["tree"].to_numpy()) for (name,), table in fraud.group_by("family")
    }
    easily = pl.col("family").replace_strict(tree, return_dtype=pl.Float64).alias("tree_recall")
    known = rows.with_columns(easily).join(held, on="family", how="left")
    return known.with_columns((pl.col("tree_recall") > EASY_ABOVE).alias("is_easy")).sort("is_held_out", "family")


def _honest(honest: pl.DataFrame) -> pl.DataFrame:
    return (
        honest.group_by("family")
        .agg(
            pl.len().alias("people"),
            pl.col("is_held").mean().alias("held"),
            pl.col("is_withdrawal_held").mean().alias("withdrawal_held"),
            pl.col("delayed_unit_days").sum(),
        )
        .sort("family")
    )


def _share(chosen: NDArray[np.bool_], bootstrap: Bootstrap) -> Estimate:
    return _ratio(chosen.astype(np.float64), np.ones(len(chosen)), bootstrap)


def _ratio(top: Floats, bottom: Floats, bootstrap: Bootstrap) -> Estimate:
    """Sum over sum, with a 95% interval over resampled rows."""
    if not len(top) or not bottom.sum():
        return unknown("nobody was there to be counted")
    drawn = [
        (weights @ top) / (weights @ bottom)
        for weights in bootstrap.weights(np.arange(len(top)))
        if weights @ bottom > 0
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(float(top.sum() / bottom.sum()), float(low), float(high))
