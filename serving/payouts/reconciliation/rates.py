"""Whether an amount in another currency is what ours should have become: integers only."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final, Self

import polars as pl

from features.money import exponent_of

_SCALE: Final = 10**9
_RATE_MAX: Final = 10**6
_PPM: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of `base` is worth `scaled` / 10^9 units of `quote`."""

    base: str
    quote: str
    scaled: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `USD/CNY=7.12`. Raises ValueError."""
        pair, _, worth = text.partition("=")
        base, _, quote = pair.partition("/")
        for code in (base, quote):
            exponent_of(code)
        try:
            exact = Decimal(worth) * _SCALE
        except InvalidOperation:
            exact = Decimal(0)
        if not exact.is_finite() or exact != exact.to_integral_value() or not 0 < exact <= _RATE_MAX * _SCALE:
            raise ValueError(f"{text!r} is no rate: write USD/CNY=7.12, with at most 9 decimals")
        return cls(base, quote, int(exact))


def ppm_of(percent: str) -> int:
    """Parts per million of `0.5` (per cent). Raises ValueError outside of 0 to 50."""
    try:
        exact = Decimal(percent) * 10_000
    except InvalidOperation:
        exact = Decimal(-1)
    if not exact.is_finite() or exact != exact.to_integral_value() or not 0 <= exact <= _PPM // 2:
        raise ValueError(f"--tolerance: {percent!r} must be per cent from 0 to 50, e.g. 0.5")
    return int(exact)


def converted(rates: Sequence[Rate]) -> tuple[pl.Expr, pl.Expr]:
    """What `expected` (in `currency`) is in `their_currency`: numerator and denominator, both None without a rate."""
    numerator: pl.Expr = pl.lit(None, pl.Int128)
    denominator: pl.Expr = pl.lit(None, pl.Int128)
    for rate in rates:
        for ours, theirs, up, down in (
            (rate.base, rate.quote, rate.scaled, _SCALE),
            (rate.quote, rate.base, _SCALE, rate.scaled),
        ):
            is_pair = (pl.col("currency") == ours) & (pl.col("their_currency") == theirs)
            numerator = pl.when(is_pair).then(pl.lit(up, pl.Int128)).otherwise(numerator)
            denominator = pl.when(is_pair).then(pl.lit(down, pl.Int128)).otherwise(denominator)
    return pl.col("expected") * numerator, denominator


def is_near(rates: Sequence[Rate], tolerance_ppm: int) -> pl.Expr:
    """Whether `net`, in their currency, is `expected` converted, give or take the tolerance. False without a rate."""
    worth, denominator = converted(rates)
    apart = (pl.col("net") * denominator - worth).abs()
    return (apart * _PPM <= worth * tolerance_ppm).fill_null(value=False)
