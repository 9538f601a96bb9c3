"""What the text of a table's cells says: numbers, categories, and which of two labels is the bad one."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BLANK: Final = frozenset({"", "na", "nan", "n/a", "null", "<na>", "?"})
"""Cells that say nothing, in any case of letters. `none` is not among them: people use it as a category."""
POSITIVE_WORDS: Final = frozenset(
    "yes y true t positive pos fraud fraudster fraudulent banned ban bad abuse abuser spam spammer bot illicit".split()
)
NAMES_SHOWN: Final = 5


def trimmed(column: pl.Series) -> pl.Series:
    """Text without the spaces around it, null where the cell is blank."""
    text = column.cast(pl.String).str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(list(BLANK)), None)


def numbers(column: pl.Series) -> Floats | None:
    """The column as float64, NaN where blank or infinite; None if a cell is no number."""
    found = column.str.strip_chars().cast(pl.Float64, strict=False)
    if found.null_count() > column.null_count():
        return None
    values = found.fill_null(float("nan")).to_numpy().copy()
    values[~np.isfinite(values)] = np.nan
    return values


def truths(column: pl.Series, positive: str | None = None) -> tuple[Floats, str]:
    """Labels 1.0 and 0.0, NaN where blank, and the value that became 1.0.

    Of two values that one is `positive` which is named so; else the larger number, else a word that means yes, else
    the rarer one. With a name, everything else is 0.0. Raises ValueError, naming the column, when no cell is filled,
    when all say the same, and when more than two values leave it open.
    """
    counts = column.drop_nulls().value_counts().sort("count", column.name)
    values = counts[column.name].to_list()
    shown = ", ".join(values[:NAMES_SHOWN])
    if not values:
        raise ValueError(f"the label column `{column.name}` is blank everywhere: nothing can be learned from it")
    if positive is not None and positive not in values:
        raise ValueError(f"no node has `{column.name}` = {positive}: name one of {shown} with --positive")
    if len(values) == 1:
        raise ValueError(f"the label column `{column.name}` says {shown} everywhere: a second class is needed")
    if positive is None and len(values) > 2:
        raise ValueError(
            f"the label column `{column.name}` has {len(values)} values ({shown}...): name the one to find with "
            "--positive VALUE, and all others count as its opposite (blank those that mean unknown); or choose another "
            "column with --label"
        )
    chosen = positive if positive is not None else _positive(values)
    found = np.array([np.nan if cell is None else float(cell == chosen) for cell in column.to_list()])
    return found, chosen


def _positive(values: list[str]) -> str:
    """One of two values, the rarer of which comes first."""
    as_numbers = numbers(pl.Series(values))
    if as_numbers is not None:
        return values[int(as_numbers.argmax())]
    words = [value for value in values if value.lower() in POSITIVE_WORDS]
    return words[0] if len(words) == 1 else values[0]
