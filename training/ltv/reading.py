"""Reads a table of purchases: CSV, TSV or parquet with a customer, a date and an amount, or CDNOW's text."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from features.ingest.errors import nearest
from training.ltv.purchases import Purchases, PurchasesError

NAMED: Final = {
    "customer": ("customer_id", "customer", "user_id", "user", "client_id", "id"),
    "date": ("date", "purchased_at", "occurred_at", "datetime", "timestamp", "time", "day"),
    "amount": ("amount", "spend", "revenue", "value", "price", "total"),
}
"""The columns that are taken for each role unless others are named."""
_SEPARATORS: Final = {".csv": ",", ".csv.gz": ",", ".tsv": "\t", ".tsv.gz": "\t"}
_CDNOW: Final = re.compile(r"\s*(?:\d+\s+)?(\d+)\s+(\d{8})\s+\d+\s+(-?\d+(?:\.\d+)?)\s*")
"""Customer, or master and sample number, then the date, how many discs, dollars."""
_EARLIEST, _LATEST = 1900, 2200
_SAID_MAX: Final = 40
"""Characters of a wrong cell that are repeated."""


def read_purchases(file: Path, named: Mapping[str, str]) -> Purchases:
    """`named`: role -> column, for a table; a text file without a header names none. Raises PurchasesError."""
    if not file.is_file():
        raise PurchasesError(f"{file} does not exist: check the path, a CSV, TSV, parquet or CDNOW text file is needed")
    table = _text(file) if file.suffix == ".txt" else _table(file, named)
    if table.is_empty():
        raise PurchasesError(f"{file} holds no purchase")
    _assert_plain(table)
    amounts = _amounts(table["amount"])
    days = _days(table["date"])
    customers = table["customer"].cast(pl.String).str.strip_chars().replace("", None)
    if customers.null_count():
        raise PurchasesError(f"customer: row {_row(customers.is_null())} names nobody; fill it, or take the row out")
    codes = customers.rank("dense").cast(pl.Int64).to_numpy() - 1
    return Purchases.of(codes, days, amounts)


def _text(file: Path) -> pl.DataFrame:
    found = []
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        read = _CDNOW.fullmatch(line)
        if read is None:
            raise PurchasesError(
                f"{file}, line {number}: a .txt file has lines such as `00004 0001 19970101  2   29.33`; "
                "write another table as CSV, TSV or parquet"
            )
        found.append(read.groups())
    return pl.DataFrame(found, schema=["customer", "date", "amount"], orient="row")


def _table(file: Path, named: Mapping[str, str]) -> pl.DataFrame:
    try:
        table = _scanned(file)
        columns = _columns(table.columns, named)
        return table.select(pl.col(column).alias(role) for role, column in columns.items())
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise PurchasesError(f"{file} cannot be read ({reason}); is it a whole CSV, TSV or parquet file?") from None


def _scanned(file: Path) -> pl.DataFrame:
    name = file.name.lower()
    if name.endswith(".parquet"):
        return pl.read_parquet(file)
    separator = next((sign for suffix, sign in _SEPARATORS.items() if name.endswith(suffix)), None)
    if separator is None:
        raise PurchasesError(f"{file}: the name must end in .csv, .tsv, .parquet, or .txt for CDNOW's own format")
    # Read as text: a customer `0007` is not 7, and a wrong date is to be named, not to become nothing.
    return pl.read_csv(file, separator=separator, infer_schema=False)


def _columns(there: list[str], named: Mapping[str, str]) -> dict[str, str]:
    chosen = {}
    for role, usual in NAMED.items():
        wanted = named.get(role)
        lower = {column.lower(): column for column in reversed(there)}
        if wanted is not None and wanted not in there:
            raise PurchasesError(f"--{role} {wanted}: no such column{nearest(wanted, there)}; there are {_told(there)}")
        column = wanted or next((lower[name] for name in usual if name in lower), None)
        if column is None:
            raise PurchasesError(
                f"no column is known as {role}: name it with --{role} COLUMN; there are {_told(there)}"
            )
        chosen[role] = column
    return chosen


def _told(columns: list[str]) -> str:
    return ", ".join(columns[:12]) + (", ..." if len(columns) > 12 else "")


def _assert_plain(table: pl.DataFrame) -> None:
    for role, kind in table.schema.items():
        if kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Boolean):
            raise PurchasesError(f"{role}: a column of {kind}; name another with --{role} COLUMN")


def _amounts(column: pl.Series) -> np.ndarray:
    amounts = column.cast(pl.Float64, strict=False)
    wrong = amounts.is_null() | ~amounts.is_finite().fill_null(value=False)
    if wrong.any():
        said = str(column.filter(wrong)[0])[:_SAID_MAX]
        raise PurchasesError(f"amount: row {_row(wrong)} has {said!r}, which is no number that can be counted with")
    if (amounts < 0).any():
        row = _row(amounts < 0)
        raise PurchasesError(f"amount: row {row} is below zero; take a return off its purchase, and leave it out")
    return amounts.to_numpy()


def _days(column: pl.Series) -> np.ndarray:
    """Proleptic ordinals; ISO 8601 dates, times with or without a zone (the date as written), or 19970101."""
    days = column if column.dtype == pl.Date else column.dt.date() if column.dtype == pl.Datetime else _parsed(column)
    wrong = days.is_null() | ~days.dt.year().is_between(_EARLIEST, _LATEST).fill_null(value=False)
    if wrong.any():
        said = str(column.filter(wrong)[0])[:_SAID_MAX]
        raise PurchasesError(
            f"date: row {_row(wrong)} has {said!r}; write 1997-01-31, 1997-01-31T09:30:00Z or 19970131"
        )
    return days.cast(pl.Int32).to_numpy().astype(np.int64) + 719_163  # the ordinal of 1970-01-01


def _parsed(column: pl.Series) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars()
    plain = text.str.to_date("%Y%m%d", strict=False)
    is_plain = text.str.contains(r"^\d{8}$").fill_null(value=False)
    is_dated = text.str.contains(r"^\d{4}-\d{2}-\d{2}(?:$|[T ]\d{2}:\d{2})").fill_null(value=False)
    dated = text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    frame = pl.DataFrame({"p": plain, "d": dated, "is_p": is_plain, "is_d": is_dated})
    said = pl.when("is_p").then("p").when("is_d").then("d")
    return frame.select(said.alias("date"))["date"]


def _row(wrong: pl.Series) -> int:
    """The number of the first wrong row, from 1, headings not counted."""
    first = wrong.arg_true()
    return int(first[0]) + 1
