"""A clearing account holds what is on its way and nothing else: it returns to zero, payout by payout."""

from typing import Final

import polars as pl

from serving.payouts.reconciliation.causes import Cause
from serving.payouts.reconciliation.rows import breaks_of

IN_CLEARING: Final = {"id": pl.String, "currency": pl.String, "amount_micros": pl.Int64, "at": pl.Int64}
"""What a clearing account still holds for each payout (below zero: more went out than came in), and since when."""


def stands(in_clearing: pl.DataFrame, patience_micros: int, now: int) -> pl.DataFrame:
    """BREAKS of what stayed longer than the provider's patience, and at once of what can never have been right."""
    is_wrong = (pl.col("amount_micros") < 0) | (pl.col("at") < now - patience_micros)
    late = in_clearing.filter((pl.col("amount_micros") != 0) & is_wrong)
    return breaks_of(
        late.with_columns(
            ("clearing:" + pl.col("id")).alias("subject"),
            pl.lit(Cause.CLEARING_STANDS).alias("cause"),
            pl.col("amount_micros").alias("ours_micros"),
            (-pl.col("amount_micros")).alias("difference_micros"),
            pl.col("at").alias("opened_at"),
        )
    )
