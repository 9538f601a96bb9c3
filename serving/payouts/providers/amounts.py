"""Amounts as providers write them. The port promises whole payable units, so nothing is ever rounded here."""

from typing import Final

from features.money import MICROS_PER_UNIT, exponent_of, payable

MICRO_DIGITS: Final = 6


def minor_units(amount_micros: int, currency: str) -> int:
    """Cents, yen, fils: `minor_units(5_000_000, "USD")` is 500."""
    assert payable(amount_micros, currency) == amount_micros > 0, "a payout is a whole number of payable units"
    units: int = amount_micros // 10 ** (MICRO_DIGITS - exponent_of(currency))
    return units


def decimal_text(amount_micros: int, currency: str) -> str:
    """With exactly the currency's decimals: `5.00` USD, `5` JPY, `5.000` KWD."""
    digits = exponent_of(currency)
    units = minor_units(amount_micros, currency)
    return f"{units // 10**digits}.{units % 10**digits:0{digits}d}" if digits else str(units)


def token_units(amount_micros: int, decimals: int) -> int:
    """Smallest units of a token of `decimals`. Raises ValueError where they cannot hold the amount exactly."""
    scale: int = 10**decimals
    units, rest = divmod(amount_micros * scale, MICROS_PER_UNIT)
    if rest or units <= 0:
        raise ValueError(f"amount_micros must be a whole number of token units ({decimals} decimals)")
    return units
