"""Partners that take back more than their traffic explains: reversals against matched traffic of other partners.

A partner that scrubs honest work keeps its count of conversions and denies the pay. Its people look like everybody
else's, so its events are compared with events of the same kind and the same risk that other partners brought.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from scipy.stats import norm

RISK_LEVELS: Final = 5
EVENTS_MIN: Final = 100
"""Of a partner, and of the others in its strata; below, nothing is said."""
RATIO_MIN: Final = 1.5
"""Half as many again as expected: less is within what terms and tracking differ by."""
ERROR_MAX: Final = 0.01
"""The chance that any honest partner at all is named, over all that are tested (Bonferroni)."""


@dataclass(frozen=True)
class Partner:
    """`reversed` of `events` that have an outcome were taken back, where `expected` would have been by other traffic.

    `p` is one-sided, corrected for the number of partners. `stands_out`: an alert.
    """

    partner_id: str
    events: int
    reversed: int
    expected: float
    p: float

    @property
    def ratio(self) -> float:
        return self.reversed / self.expected if self.expected else float("inf")

    @property
    def stands_out(self) -> bool:
        return self.p <= ERROR_MAX and self.ratio >= RATIO_MIN


def partners(events: pl.DataFrame) -> list[Partner]:
    """`events` have settled: `partner_id`, `kind`, `score` (probability of fraud), `reversed` (bool). Worst first.

    Strata are kind x fifth of the score. Observed less expected is judged as by Mantel and Haenszel (1959), J. Natl.
    Cancer Inst. 22: within a stratum the reversals are as if drawn without regard to the partner. Partners, or strata,
    with nobody to compare with are left out.
    """
    strata = _strata(events.drop_nulls(["partner_id", "kind", "score"]))
    found = [_judged(str(name[0]), rows) for name, rows in strata.group_by("partner_id", maintain_order=True)]
    known = [one for one in found if one is not None]
    corrected = [
        Partner(one.partner_id, one.events, one.reversed, one.expected, min(1.0, one.p * len(known))) for one in known
    ]
    return sorted(corrected, key=lambda one: (one.p, -one.ratio))


def _strata(events: pl.DataFrame) -> pl.DataFrame:
    """One row a partner and stratum: its own events and reversals `n`, `k`, and those of all, `all_n`, `all_k`."""
    levels = events["score"].rank("average") / max(events.height, 1) * RISK_LEVELS
    risk = levels.ceil().clip(1, RISK_LEVELS).cast(pl.Int8)
    keys = ["kind", "risk"]
    counts = [pl.len().alias("n"), pl.col("reversed").sum().cast(pl.Int64).alias("k")]
    own = events.with_columns(risk.alias("risk")).group_by("partner_id", *keys, maintain_order=True).agg(counts)
    return own.with_columns(
        pl.col("n").sum().over(keys).cast(pl.Int64).alias("all_n"), pl.col("k").sum().over(keys).alias("all_k")
    )


def _judged(partner_id: str, rows: pl.DataFrame) -> Partner | None:
    rows = rows.filter(pl.col("all_n") > pl.col("n"))
    n, k, all_n, all_k = (rows[name].to_numpy().astype(np.float64) for name in ("n", "k", "all_n", "all_k"))
    if n.sum() < EVENTS_MIN or (all_n - n).sum() < EVENTS_MIN:
        return None
    others = (all_k - k) / (all_n - n)
    drawn = n * all_k / all_n
    variance = float((n * (all_n - n) * all_k * (all_n - all_k) / (all_n**2 * np.maximum(all_n - 1, 1))).sum())
    excess = float((k - drawn).sum())
    # Half an event nearer to what is expected: counts are whole.
    p = float(norm.sf((excess - 0.5) / variance**0.5)) if variance > 0 else 1.0
    return Partner(partner_id, int(n.sum()), int(k.sum()), float((n * others).sum()), p)
