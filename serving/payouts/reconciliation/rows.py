"""The tables that reconciliation reads and makes. Amounts are integer micros, instants integer microseconds."""

from enum import StrEnum
from typing import Any, Final

import polars as pl


class LineState(StrEnum):
    """What one line of a statement says of its movement."""

    PAID = "paid"
    PENDING = "pending"
    RETURNED = "returned"
    REFUSED = "refused"


class Standing(StrEnum):
    """What our book says. Due: they must have paid it. Open: they may have. Returned, refused: nothing is due."""

    DUE = "due"
    OPEN = "open"
    RETURNED = "returned"
    REFUSED = "refused"


_MONEY: Final[dict[str, Any]] = {"amount_micros": pl.Int64, "currency": pl.String}

LINES: Final[dict[str, Any]] = {
    "statement": pl.String,  # the name of the file
    "row": pl.Int64,
    "key": pl.String,
    "reference": pl.String,
    "original": pl.String,  # the reference of the line that this one undoes, or of what it belongs to
    "state": pl.String,
    **_MONEY,
    "fee_micros": pl.Int64,
    "occurred_at": pl.Int64,
}
"""What they say. `key` is ours (a provider key, a transaction id), `reference` theirs; amounts are positive."""

OURS: Final[dict[str, Any]] = {
    "id": pl.String,
    "key": pl.String,
    "reference": pl.String,
    "standing": pl.String,
    **_MONEY,
    "at": pl.Int64,
}
"""What we say. Rows of one `id` (attempts of a payout, events of a transaction) are judged together."""

BREAKS: Final[dict[str, Any]] = {
    "subject": pl.String,
    "cause": pl.String,
    "currency": pl.String,
    "ours_micros": pl.Int64,
    "their_currency": pl.String,
    "theirs_micros": pl.Int64,
    "difference_micros": pl.Int64,
    "key": pl.String,
    "reference": pl.String,
    "statement": pl.String,
    "row": pl.Int64,
    "opened_at": pl.Int64,
}
"""`difference_micros`: theirs less ours, None between currencies without a rate. `opened_at`: when the money moved."""


def breaks_of(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` as BREAKS; columns that it lacks are empty. Raises ValueError where sums exceed what can be kept."""
    held = [
        pl.col(name).cast(kind, strict=False) if name in frame.columns else pl.lit(None, kind).alias(name)
        for name, kind in BREAKS.items()
    ]
    made = frame.select(held)
    for name in {"ours_micros", "theirs_micros", "difference_micros"} & set(frame.columns):
        lost = frame.filter(frame[name].is_not_null() & made[name].is_null())
        if lost.height:
            raise ValueError(f"the amounts of {lost['subject'][0]} add up to more than a book can hold: check the file")
    return made
