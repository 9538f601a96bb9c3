"""Statement files as typed lines: exact amounts, checked currencies, and errors that name row and column.

A file with any row that cannot be read is refused whole: a line left out would look like a payment that they lack.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from features.ingest.errors import IngestError, nearest
from features.ingest.reading import NUMBER, columns_of
from features.ingest.refusals import Refusal
from pipelines.reconcile.cells import amount_read, currency_read, time_read
from pipelines.reconcile.mapping import StatementError, StatementMapping
from pipelines.reconcile.reading import NotPlain, careful_parts, plain_parts
from serving.payouts.reconciliation.kept import NAME_LENGTH_MAX
from serving.payouts.reconciliation.rows import LINES, LineState

ROWS_MAX: Final = 20_000_000
SHOWN_MAX: Final = 5
COLUMNS_SHOWN_MAX: Final = 30
VALUE_SHOWN_MAX: Final = 60


@dataclass
class Unreadable:
    """Every bad cell is counted; the first few are told."""

    told: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, row: int, column: str, value: str | None, message: str) -> None:
        self.count += 1
        if len(self.told) < SHOWN_MAX:
            shown = "an empty cell" if value is None else repr(value[:VALUE_SHOWN_MAX])
            self.told.append(f"row {row:,}, column {column}: {message}, not {shown}")

    def raise_any(self, file: Path) -> None:
        if self.count:
            more = f"; and {self.count - len(self.told):,} more" if self.count > len(self.told) else ""
            raise StatementError(f"{file.name}: nothing was taken in. {'; '.join(self.told)}{more}")


def digest_of(file: Path) -> str:
    """SHA-256 of the file's bytes. Raises StatementError if it cannot be read."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as failure:
        raise StatementError(f"{file}: {failure.strerror}; check the path given after --from") from None


def lines_of(file: Path, mapping: StatementMapping, advance: Callable[[int], object] = lambda _: None) -> pl.DataFrame:
    """The rows that `mapping.when` lets through, as LINES. Raises StatementError."""
    try:
        _check_columns(file, mapping)
        try:
            return _read(plain_parts(file, mapping.read, mapping.columns), file, mapping, Unreadable(), advance)
        except NotPlain:
            bad = Unreadable()
            parts = careful_parts(file, mapping.read, mapping.columns, lambda one: _ragged(bad, one))
            return _read(parts, file, mapping, bad, advance)
    except IngestError as failure:
        raise StatementError(str(failure)) from None


def _read(
    parts: Iterable[pl.DataFrame],
    file: Path,
    mapping: StatementMapping,
    bad: Unreadable,
    advance: Callable[[int], object],
) -> pl.DataFrame:
    made, count = [pl.DataFrame(schema=LINES)], 0
    for part in parts:
        made.append(_typed(_wanted(_cleaned(part, mapping), mapping), mapping, file.name, bad))
        advance(part.height)
        count += part.height
        if count > ROWS_MAX:
            raise StatementError(f"{file.name} has more than {ROWS_MAX:,} rows: split it by date")
    bad.raise_any(file)
    return pl.concat(made)


def _ragged(bad: Unreadable, refusal: Refusal) -> None:
    bad.add(refusal.row, refusal.field, refusal.value, refusal.message)


def _check_columns(file: Path, mapping: StatementMapping) -> None:
    found = columns_of(file, mapping.read)
    for name in mapping.columns:
        if name not in found:
            shown = ", ".join(one[:VALUE_SHOWN_MAX] for one in found[:COLUMNS_SHOWN_MAX])
            raise StatementError(
                f"{file.name} has no column {name}{nearest(name, found)}; it has {shown}. "
                "Correct the column's name in the mapping, or read.delimiter if the columns run together"
            )


def _cleaned(chunk: pl.DataFrame, mapping: StatementMapping) -> pl.DataFrame:
    """Without the spaces around cells; what the mapping calls nothing is nothing."""
    text = pl.col(mapping.columns).cast(pl.String).str.strip_chars()
    cleaned = chunk.with_columns(text)
    nothing = pl.col(mapping.columns).is_in(list(mapping.read.nulls))
    return cleaned.with_columns(pl.when(~nothing).then(pl.col(mapping.columns)))


def _wanted(chunk: pl.DataFrame, mapping: StatementMapping) -> pl.DataFrame:
    for one in mapping.when:
        column = pl.col(one.column)
        if one.is_ is not None:
            chunk = chunk.filter(column.is_in(list(one.is_)))
        if one.is_not is not None:
            chunk = chunk.filter(column.is_not_null() & ~column.is_in(list(one.is_not)))
    return chunk


def _typed(chunk: pl.DataFrame, mapping: StatementMapping, name: str, bad: Unreadable) -> pl.DataFrame:
    names = {"key": mapping.key, "reference": mapping.reference, "original": mapping.original}
    texts = [(pl.col(one) if one else pl.lit(None, pl.String)).alias(field_) for field_, one in names.items()]
    currency = currency_read(mapping.currency)
    made = chunk.select(
        pl.lit(name).alias("statement"),
        pl.col(NUMBER).alias("row"),
        *texts,
        _state(mapping).alias("state"),
        currency.alias("currency"),
        amount_read(mapping.amount, currency).alias("signed"),
        (_fee(mapping, currency)).alias("fee_micros"),
        time_read(mapping.read, mapping.occurred_at).alias("occurred_at"),
    )
    _check_cells(made, chunk, mapping, bad)
    return made.with_columns(pl.col("signed").abs().alias("amount_micros")).select(
        pl.col(name).cast(kind) for name, kind in LINES.items()
    )


def _state(mapping: StatementMapping) -> pl.Expr:
    if mapping.state.column is None:
        return pl.lit(LineState.PAID.value)
    return pl.col(mapping.state.column).replace_strict(mapping.state.meanings, default=None, return_dtype=pl.String)


def _fee(mapping: StatementMapping, currency: pl.Expr) -> pl.Expr:
    if mapping.fee is None:
        return pl.lit(0, pl.Int64)
    written = mapping.amount.model_copy(update={"column": mapping.fee})
    is_empty = pl.col(mapping.fee).is_null()
    return pl.when(is_empty).then(pl.lit(0, pl.Int64)).otherwise(amount_read(written, currency).abs())


def _check_cells(made: pl.DataFrame, chunk: pl.DataFrame, mapping: StatementMapping, bad: Unreadable) -> None:
    """Tell of every cell that could not be read, or that contradicts its row."""
    amount, state, signed = mapping.amount, pl.col("state"), pl.col("signed")
    example = "12.50" if amount.decimal == "." else "12,50"
    shape = f"must be an amount such as {example}, at most 6 decimals" if amount.unit == "major" else "must be integer"
    words = ", ".join(mapping.state.meanings)
    outgoing = signed if amount.paid == "positive" else -signed
    may_come_in = state == LineState.RETURNED if amount.paid == "positive" else pl.lit(value=False)
    goes_out = pl.when(state == LineState.RETURNED).then(-outgoing > 0).otherwise(outgoing > 0)
    right_sign = (state == LineState.REFUSED) | (may_come_in & (signed != 0)) | goes_out
    times = ", ".join(mapping.occurred_at)
    form = mapping.read.time_format
    checks: list[tuple[pl.Expr, str, str]] = [
        (state.is_null(), mapping.state.column or "", f"must be a word that the mapping lists under state ({words})"),
        (pl.col("currency").is_null(), mapping.currency.column or "", "must be an ISO 4217 currency such as USD"),
        (signed.is_null() & pl.col("currency").is_not_null(), amount.column, shape),
        (~right_sign, amount.column, f"must not be zero, and {amount.paid} where money was paid"),
        (pl.col("fee_micros").is_null() & pl.col("currency").is_not_null(), mapping.fee or "", shape),
        (pl.col("occurred_at").is_null(), times, f"must be a time of 2000 to 2199 written as {form}"),
    ]
    for name in ("key", "reference", "original"):
        length = pl.col(name).str.len_chars() > NAME_LENGTH_MAX
        checks.append((length, getattr(mapping, name) or "", f"must have at most {NAME_LENGTH_MAX} characters"))
    places = made.with_row_index("place")
    for is_bad, column, message in checks:
        for place, row in places.filter(is_bad.fill_null(value=False)).select("place", "row").rows():
            values = [chunk[place, name] for name in column.split(", ") if name in chunk.columns]
            bad.add(row, column, " ".join(values) if all(one is not None for one in values) else None, message)
