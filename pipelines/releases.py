"""Who was released by lot, and with which propensity: a file beside the frame, read before training.

`releases.parquet` in the home has the columns `event_id` and `release_propensity`, one row for each event that was let
through although its score said otherwise. Whoever draws the lots writes it; without it no row is weighed.
"""

from typing import Final

import polars as pl

from features.home import Home
from pipelines.console import UserError
from training.releases import PROPENSITY

FILE: Final = "releases.parquet"


def with_releases(home: Home, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the column `release_propensity`, null for whom no lot was drawn; as it was without the file.

    Raises UserError for a file without the two columns, or one that names an event twice.
    """
    file = home.root / FILE
    if not file.exists():
        return frame
    drawn = pl.read_parquet(file)
    absent = [name for name in ("event_id", PROPENSITY) if name not in drawn.columns]
    if absent:
        raise UserError(
            f"{file} lacks the columns {', '.join(absent)}: write one row an event that was released by lot"
        )
    if drawn["event_id"].is_duplicated().any():
        raise UserError(f"{file} names an event twice: an event is released once, with one propensity")
    return frame.join(drawn.select("event_id", PROPENSITY), on="event_id", how="left", maintain_order="left")
