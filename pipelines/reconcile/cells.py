"""Columns of text as amounts, currencies and instants. A cell that cannot be read exactly becomes None."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from features.ingest.conversions import EPOCH_UNITS
from features.ingest.mapping import Read
from features.money import EXPONENTS, MICROS_MAX, MICROS_PER_UNIT
from pipelines.reconcile.mapping import Amount, Currency

_EARLIEST: Final = 946_684_800_000_000  # 2000-01-01
_LATEST: Final = 7_258_118_400_000_000  # 2200-01-01
_WHOLE: Final = r"(?:[0-9]{1,10}|[0-9]{1,3}(?:,[0-9]{3}){1,3})"
_WRITTEN: Final = rf"^[+-]?(?:{_WHOLE}(?:\.[0-9]{{0,6}}0*)?|\.[0-9]{{1,6}}0*)$"
_MINOR: Final = r"^[+-]?[0-9]{1,16}$"
_OFFSET: Final = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})$"


def currency_read(currency: Currency) -> pl.Expr:
    if currency.column is None:
        return pl.lit(currency.value, pl.String)
    upper = pl.col(currency.column).str.to_uppercase()
    return pl.when(upper.is_in(list(EXPONENTS))).then(upper)


def amount_read(amount: Amount, currency: pl.Expr) -> pl.Expr:
    """Signed micros, by integer arithmetic alone: a float never sees an amount."""
    text = pl.col(amount.column)
    micros = _minor(text, currency) if amount.unit == "minor" else _major(text, amount.decimal)
    return pl.when(micros.abs() <= MICROS_MAX).then(micros)


def _major(text: pl.Expr, decimal: str) -> pl.Expr:
    if decimal == ",":
        swapped = text.str.replace_all(".", "'", literal=True).str.replace_all(",", ".", literal=True)
        text = swapped.str.replace_all("'", ",", literal=True)
    plain = pl.when(text.str.contains(_WRITTEN)).then(text.str.replace_all(",", "", literal=True))
    whole = plain.str.extract(r"^[+-]?([0-9]*)", 1).str.pad_start(1, "0").cast(pl.Int64, strict=False)
    decimals = plain.str.extract(r"\.([0-9]{1,6})", 1).fill_null("0").str.pad_end(6, "0")
    size = whole * MICROS_PER_UNIT + decimals.cast(pl.Int64, strict=False)
    return pl.when(plain.str.starts_with("-")).then(-size).otherwise(size)


def _minor(text: pl.Expr, currency: pl.Expr) -> pl.Expr:
    units = pl.when(text.str.contains(_MINOR)).then(text.str.strip_prefix("+")).cast(pl.Int128, strict=False)
    steps = {code: 10 ** (6 - exponent) for code, exponent in EXPONENTS.items()}
    micros = units * currency.replace_strict(steps, default=None, return_dtype=pl.Int64).cast(pl.Int128)
    return pl.when(micros.abs() <= MICROS_MAX).then(micros).cast(pl.Int64, strict=False)


def time_read(read: Read, columns: Sequence[str]) -> pl.Expr:
    """Microseconds since 1970; several columns (a date, a time) are joined by a space."""
    text = pl.concat_str([pl.col(name) for name in columns], separator=" ")
    if read.time_format in EPOCH_UNITS:
        count = pl.when(text.str.contains(r"^[0-9]{1,16}$")).then(text).cast(pl.Int128, strict=False)
        micros = count * EPOCH_UNITS[read.time_format]
    elif read.time_format == "iso":
        micros = _iso(text, read.time_zone).cast(pl.Int128)
    else:
        micros = _placed(text.str.to_datetime(read.time_format, strict=False, time_unit="us"), read).cast(pl.Int128)
    return pl.when(micros.is_between(_EARLIEST, _LATEST - 1)).then(micros).cast(pl.Int64, strict=False)


def _placed(naive: pl.Expr, read: Read) -> pl.Expr:
    if "%z" in read.time_format:
        return naive.dt.epoch("us")
    return _in_zone(naive, read.time_zone)


def _in_zone(naive: pl.Expr, zone: str) -> pl.Expr:
    """Of an hour that the clock shows twice, the first; one that it skips is no time."""
    return naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.epoch("us")


def _iso(text: pl.Expr, zone: str) -> pl.Expr:
    joined = text.str.replace(r"^(\S+) +(\S+)", "${1}T${2}")
    whole = pl.when(joined.str.contains("T")).then(joined).otherwise(joined + "T00:00:00")
    hours = whole.str.replace(r"(T.*[+-][0-9]{2})$", "${1}:00")
    seconds = hours.str.replace(r"T([0-9]{2}:[0-9]{2})($|Z|[+-])", "T${1}:00${2}")
    aware = pl.when(seconds.str.contains(_OFFSET)).then(seconds.str.replace(r"Z$", "+00:00"))
    naive = pl.when(~seconds.str.contains(_OFFSET)).then(seconds)
    with_offset = aware.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us").dt.epoch("us")
    without = naive.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    return pl.coalesce(with_offset, _in_zone(without, zone))
