"""A table of payments in the order of time: what the features, the protocol and the measures read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.ingest.errors import nearest
from features.windows import DAY

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNITS_MAX: Final = 2**53 / 1e6
"""So that micros are exact in a float, too."""
COLUMNS_SHOWN: Final = 12
NAMED: Final = {
    "time": ("TX_DATETIME", "occurred_at", "datetime", "timestamp", "time"),
    "customer": ("CUSTOMER_ID", "customer_id", "user_id", "card_id", "customer"),
    "terminal": ("TERMINAL_ID", "terminal_id", "partner_id", "merchant_id", "terminal"),
    "amount": ("TX_AMOUNT", "amount"),
    "label": ("TX_FRAUD", "is_fraud", "label", "fraud"),
}
"""What a table must say, and the columns that are taken for it unless others are named; the handbook's come first."""


class PaymentsError(ValueError):
    """The table or the window cannot be measured as it is; the message says what to change."""


@dataclass(frozen=True)
class Payments:
    """n payments in the order of time. `times` and `days` in microseconds and whole UTC days since 1970, `customers`
    and `terminals` as codes 0..k-1, `amounts` in micros, `labels` 1.0 for fraud and 0.0 for the rest.

    `out_of_order` counts the rows that the file told before an earlier one; payments of one instant keep its order.
    """

    times: Ints
    customers: Ints
    terminals: Ints
    amounts: Ints
    labels: Floats
    out_of_order: int = 0

    def __len__(self) -> int:
        return len(self.times)

    @property
    def days(self) -> Ints:
        return np.asarray(self.times // DAY, np.int64)

    def first(self, count: int) -> "Payments":
        """The earliest `count` payments, with the same codes."""
        return Payments(
            self.times[:count],
            self.customers[:count],
            self.terminals[:count],
            self.amounts[:count],
            self.labels[:count],
        )


def columns_of(found: list[str], named: Mapping[str, str]) -> dict[str, str]:
    """The column of each role: the one in `named`, else the first of NAMED that was found. Raises PaymentsError."""
    if unknown := sorted(named.keys() - NAMED.keys()):
        raise PaymentsError(f"{unknown[0]} is no role of a column; the roles are {', '.join(NAMED)}")
    chosen = {}
    for role, usual in NAMED.items():
        wanted = (named[role],) if role in named else usual
        column = next((name for name in wanted if name in found), None)
        if column is None:
            raise PaymentsError(
                f"there is no column {' or '.join(wanted)} for the {role}{nearest(wanted[0], found)}; the file has "
                f"{_shown(found)}; name the column with --columns {role}=COLUMN or in a mapping"
            )
        chosen[role] = column
    return chosen


def _shown(found: Sequence[str]) -> str:
    """The first of them: a table may have hundreds of columns, and a sentence is to be read."""
    return ", ".join(found[:COLUMNS_SHOWN]) + (", ..." if len(found) > COLUMNS_SHOWN else "")


def payments_of(table: pl.DataFrame, named: Mapping[str, str]) -> Payments:
    """The payments of any table whose columns NAMED knows or `named` names, put in the order of time.

    Raises PaymentsError for a missing column, an empty cell, a time, amount or label that is none, or no rows.
    """
    columns = columns_of(table.columns, named)
    if not len(table):
        raise PaymentsError("the file has no rows")
    for role, column in columns.items():
        if empty := table[column].null_count():
            raise PaymentsError(
                f"column {column} ({role}) is empty in {empty:,} rows; leave these rows out or fill them"
            )
    times = _times(table[columns["time"]])
    order = np.argsort(times, kind="stable")
    return Payments(
        times[order],
        _codes(table[columns["customer"]])[order],
        _codes(table[columns["terminal"]])[order],
        _amounts(table[columns["amount"]])[order],
        _labels(table[columns["label"]])[order],
        int(np.count_nonzero(np.diff(times) < 0)),
    )


def _times(column: pl.Series) -> Ints:
    if column.dtype == pl.String:
        try:
            column = column.str.to_datetime(time_unit="us", time_zone="UTC")
        except pl.exceptions.PolarsError:
            raise PaymentsError(
                f"column {column.name} holds a text that is no time; write 2018-07-25 09:30:00"
            ) from None
    if not column.dtype.is_temporal() or column.dtype in (pl.Time, pl.Duration):
        raise PaymentsError(f"column {column.name} must hold times, such as 2018-07-25 09:30:00, not {column.dtype}")
    return column.cast(pl.Datetime("us")).to_physical().cast(pl.Int64).to_numpy()


def _codes(column: pl.Series) -> Ints:
    return np.asarray(column.rank("dense").cast(pl.Int64).to_numpy() - 1, np.int64)


def _amounts(column: pl.Series) -> Ints:
    if not column.dtype.is_numeric():
        raise PaymentsError(f"column {column.name} must hold amounts as numbers, not {column.dtype}")
    units = column.cast(pl.Float64).to_numpy()
    if not (np.abs(units) < UNITS_MAX).all():
        raise PaymentsError(f"column {column.name} holds amounts of {UNITS_MAX:,.0f} or more, or none; leave these out")
    return np.rint(units * 1e6).astype(np.int64)


def _labels(column: pl.Series) -> Floats:
    values = column.cast(pl.Float64, strict=False).to_numpy()
    if not np.isin(values, (0.0, 1.0)).all():
        raise PaymentsError(f"column {column.name} must hold 1 for fraud and 0 for the rest, and nothing else")
    return values
