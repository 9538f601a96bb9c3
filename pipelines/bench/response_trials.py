"""A table of trials for `assay bench response`: what was offered, whether it was done, and in which group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.console import UserError
from training.nodes.cells import numbers, trimmed

SEPARATORS: Final = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
YES_NO: Final = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
UNITS_MAX: Final = 10**12
"""The largest reward becomes about so many whole units: a curve reads ratios of rewards, never their currency."""


@dataclass(frozen=True)
class Trials:
    """`rewards` as given, `units` the same as whole numbers in proportion, `outcomes` 0 or 1, `groups` codes from 0.

    `context` is (rows, columns) of what else is known, NaN where blank. `blank` rows lacked reward or outcome.
    """

    rewards: NDArray[np.float64]
    units: NDArray[np.int64]
    outcomes: NDArray[np.int64]
    groups: NDArray[np.int64]
    grouped: bool
    context: NDArray[np.float64]
    blank: int

    def __len__(self) -> int:
        return len(self.rewards)

    def rows(self, chosen: NDArray[np.bool_]) -> "Trials":
        arrays = {name: getattr(self, name)[chosen] for name in ("rewards", "units", "outcomes", "groups", "context")}
        return replace(self, **arrays)


def read_trials(file: Path, reward: str, outcome: str, group: str | None, context: Sequence[str]) -> Trials:
    """Rows with both reward and outcome. Raises UserError, naming the column and the remedy, for what is no trial."""
    table = _table(file)
    for option, name in (
        ("reward", reward),
        ("outcome", outcome),
        ("group", group),
        *(("context", name) for name in context),
    ):
        if name is not None and name not in table.columns:
            raise UserError(f"--{option} {name}: {file.name} has no such column; it has {', '.join(table.columns)}")
    if reward == outcome or {reward, outcome} & set(context) or group == outcome:
        raise UserError("name each column once: reward, outcome, group and context are different things")
    rewards, outcomes = _rewards(table[reward]), _outcomes(table[outcome])
    known = ~np.isnan(rewards) & ~np.isnan(outcomes)
    if not known.any():
        raise UserError(f"no row of {file.name} has both `{reward}` and `{outcome}`: nothing can be measured")
    _check_varied(reward, rewards[known], outcome, outcomes[known])
    rewards = rewards[known]
    return Trials(
        rewards=rewards,
        units=_units(rewards),
        outcomes=outcomes[known].astype(np.int64),
        groups=_groups(table[group].filter(pl.Series(known))) if group else np.arange(known.sum()),
        grouped=group is not None,
        context=_context([table[name].filter(pl.Series(known)) for name in context], len(rewards)),
        blank=int((~known).sum()),
    )


def _table(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise UserError(f"{file} is absent: give --data FILE, a table in csv, tsv or parquet")
    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            table = pl.read_parquet(file)
        elif kind in SEPARATORS:
            table = pl.read_csv(file, separator=SEPARATORS[kind], infer_schema=False)
        else:
            raise UserError(f"{file.name}: its name must end in .csv, .tsv or .parquet")
    except pl.exceptions.PolarsError as failure:
        raise UserError(f"{file.name} cannot be read as {kind[1:]}: {str(failure).splitlines()[0]}") from failure
    if not len(table):
        raise UserError(f"{file.name} has no rows")
    return table


def _rewards(column: pl.Series) -> NDArray[np.float64]:
    """As numbers, NaN where blank."""
    if column.dtype.is_nested() or column.dtype.is_temporal():
        raise UserError(f"--reward {column.name}: a column of {column.dtype}; a reward is a number")
    found = numbers(trimmed(column))
    if found is None:
        raise UserError(f"--reward {column.name}: not all of its cells are numbers; a reward is a number from 0 on")
    if np.nanmin(found, initial=0) < 0:
        raise UserError(f"--reward {column.name}: {np.nanmin(found):g} is negative; a reward is a number from 0 on")
    return found


def _outcomes(column: pl.Series) -> NDArray[np.float64]:
    if column.dtype.is_nested() or column.dtype.is_temporal():
        raise UserError(f"--outcome {column.name}: a column of {column.dtype}; give 0 or 1")
    text = trimmed(column).str.to_lowercase()
    found = numbers(text.replace({word: str(number) for word, number in YES_NO.items()}))
    if found is None or not np.isin(found[~np.isnan(found)], (0.0, 1.0)).all():
        wrong = text.filter(~text.is_in([*YES_NO, "0", "1", "0.0", "1.0"])).drop_nulls()
        raise UserError(
            f"--outcome {column.name}: {wrong.to_list()[0]} is neither 0 nor 1; 1 is done, 0 is not, blank unknown"
        )
    return found


def _check_varied(reward: str, rewards: NDArray[np.float64], outcome: str, outcomes: NDArray[np.float64]) -> None:
    if np.unique(rewards).size == 1:
        raise UserError(f"--reward {reward}: {rewards[0]:g} throughout; a response needs two different rewards")
    if np.unique(outcomes).size == 1:
        raise UserError(f"--outcome {outcome}: {outcomes[0]:g} throughout; a response needs both 0 and 1")


def _units(rewards: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole numbers in proportion; what is paid at all stays more than nothing."""
    found = np.rint(rewards / rewards.max() * UNITS_MAX).astype(np.int64)
    return np.where(rewards > 0, np.maximum(found, 1), 0)


def _groups(column: pl.Series) -> NDArray[np.int64]:
    """Codes from 0; rows without a group are one group, since nothing says that they are apart."""
    if column.dtype.is_nested():
        raise UserError(f"--group {column.name}: a column of {column.dtype}; give numbers or words")
    codes = column.cast(pl.String).fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    if codes.max() == 0:
        raise UserError(f"--group {column.name}: one group only; leave --group out, and rows are drawn into folds")
    return codes


def _context(columns: list[pl.Series], rows: int) -> NDArray[np.float64]:
    """Numbers as they are, words by their rank."""
    found = np.full((rows, len(columns)), np.nan)
    for at, column in enumerate(columns):
        if column.dtype.is_nested():
            raise UserError(f"--context {column.name}: a column of {column.dtype}; give numbers or words")
        text = trimmed(column)
        as_numbers = numbers(text)
        ranks = text.rank("dense").cast(pl.Float64).fill_null(np.nan).to_numpy()
        found[:, at] = ranks if as_numbers is None else as_numbers
    return found
