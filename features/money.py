"""Amounts: integer micros (10^-6 of the major unit, yen too) with an ISO 4217 currency. Floats never hold money."""

from typing import Final

MICROS_PER_UNIT: Final = 1_000_000
# Every amount stays exact in a float64, in JSON and in JavaScript.
MICROS_MAX: Final = 2**53 - 1

_TWO_DECIMALS = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP
CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR
KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN
PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD
TZS UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG
"""
_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"

# ISO 4217: the number of decimals in which a currency is really paid.
EXPONENTS: Final[dict[str, int]] = (
    dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3)
)

POINTS: Final = "PTS"
"""Points, which some platforms show in place of money: an asset of the book, in whole points, and no currency."""


def exponent_of(currency: str) -> int:
    """Decimals in which an asset is paid. Raises ValueError for a code that ISO 4217 does not list as money."""
    try:
        return 0 if currency == POINTS else EXPONENTS[currency]
    except KeyError:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency, e.g. CNY or USD") from None


def payable(micros: int, currency: str) -> int:
    """What of `micros` can be paid out, rounded down to the currency's exponent; the rest stays in the wallet."""
    step: int = 10 ** (6 - exponent_of(currency))
    return micros - micros % step


def in_words(micros: int, currency: str) -> str:
    """For people: `in_words(1_250_000, "CNY")` is `1.25 CNY`; decimals beyond the currency's own only if needed."""
    sign, rest = ("-", -micros) if micros < 0 else ("", micros)
    whole, fraction = divmod(rest, MICROS_PER_UNIT)
    shown = f"{fraction:06d}".rstrip("0").ljust(exponent_of(currency), "0")
    return f"{sign}{whole}{'.' + shown if shown else ''} {currency}"
