"""Selective labels: who is declined never shows an outcome, so the few released by lot stand for the others.

A row may carry the propensity with which it was released although its score said otherwise. One that was released with
probability p counts 1 / p times: it speaks for itself and for those like it that were not.
"""

from typing import Final

import numpy as np
import polars as pl

from training.table import Floats

PROPENSITY: Final = "release_propensity"
"""The optional column of the frame; null for a row that was let through on its own merits."""
WEIGHT_MAX: Final = 20.0
"""A row never counts for more: below 5% a propensity buys variance, and the bias of the cap is the lesser evil."""


def weights_of(frame: pl.DataFrame) -> Floats | None:
    """`min(1 / propensity, WEIGHT_MAX)` for each row, 1 where there is none; None when no row was released by lot.

    Raises ValueError for a propensity that is no probability.
    """
    if PROPENSITY not in frame.columns:
        return None
    shares = frame[PROPENSITY].cast(pl.Float64).fill_nan(None)
    if shares.null_count() == len(shares):
        return None
    if not shares.drop_nulls().is_between(0, 1, closed="right").all():
        raise ValueError(f"{PROPENSITY} must be above 0 and at most 1: it is the probability of having been released")
    return np.minimum(1 / shares.fill_null(1.0).to_numpy(), WEIGHT_MAX)
