"""What similar people were offered: for one goal of a campaign within one hour, the dearest offer over the cheapest."""

from dataclasses import dataclass
from typing import Final

import polars as pl

HOUR_MICROS: Final = 3_600_000_000
TASK: Final = ("currency", "campaign_id", "position", "value_micros")


@dataclass(frozen=True)
class Similar:
    """Tasks within an hour that at least two people were offered, and by how much their rewards differed.

    `alike`: everybody was offered the same. `above`: the ratio is above `ratio_max`. `middle` and `high` are the median
    and the 99th of a hundred of the ratio, 1 where nothing could be compared. `worst` are the rows, the widest first.
    """

    tasks: int
    alike: int
    above: int
    middle: float
    high: float
    ratio_max: float
    worst: pl.DataFrame


def similar(offers: pl.DataFrame, ratio_max: float, *, shown_max: int = 10) -> Similar:
    """Trials of the whole ladder (stratum `full`) are apart: they are drawn by chance, and paid for as trials."""
    usual = offers.filter(pl.col("stratum") != "full")
    hours = usual.with_columns((pl.col("offered_at") // HOUR_MICROS * HOUR_MICROS).alias("hour"))
    tasks = (
        hours.group_by(*TASK, "hour", maintain_order=True)
        .agg(
            pl.col("user_id").n_unique().alias("people"),
            pl.col("reward_micros").min().alias("least_micros"),
            pl.col("reward_micros").max().alias("most_micros"),
        )
        .filter(pl.col("people") > 1)
        .with_columns((pl.col("most_micros") / pl.col("least_micros")).alias("ratio"))
        .sort("ratio", descending=True, maintain_order=True)
    )
    ratio = tasks["ratio"]
    return Similar(
        tasks=tasks.height,
        alike=int((ratio == 1).sum()),
        above=int((ratio > ratio_max).sum()),
        middle=float(ratio.quantile(0.5) or 1.0),
        high=float(ratio.quantile(0.99) or 1.0),
        ratio_max=ratio_max,
        worst=tasks.head(shown_max),
    )
