"""How long breaks have stood."""

from typing import Final

import polars as pl

from serving.payouts.reconciliation.causes import WAITS_MICROS, Cause

_DAY: Final = 24 * 3_600 * 1_000_000
BUCKETS: Final = (("0-1 days", 2), ("2-7 days", 8), ("8-30 days", 31), ("31-90 days", 91), ("over 90 days", None))


def bucket_of(opened_at: int, now: int) -> str:
    """Counted from the movement of the money, not from when it was noticed."""
    days = max(now - opened_at, 0) // _DAY
    return next(name for name, below in BUCKETS if below is None or days < below)


def aged(breaks: pl.DataFrame, now: int) -> dict[str, int]:
    """Breaks in each bucket, youngest first."""
    counts = dict.fromkeys((name for name, _ in BUCKETS), 0)
    for opened_at in breaks["opened_at"]:
        counts[bucket_of(opened_at, now)] += 1
    return counts


def waits(now: int) -> pl.Expr:
    """Whether a break is nothing but a movement that the next statement should show."""
    return (pl.col("cause") == Cause.TIMING) & (pl.col("opened_at") >= now - WAITS_MICROS)
