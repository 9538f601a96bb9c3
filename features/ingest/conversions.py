"""From the text of a cell to the value of a field. Each conversion raises ValueError with what the text must be."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from functools import lru_cache, partial
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal
from zoneinfo import ZoneInfo

from features.events import EPOCH
from features.money import MICROS_PER_UNIT

Convert = Callable[[str], object]
ConversionName = Literal[
    "text",
    "lower",
    "upper",
    "integer",
    "number",
    "boolean",
    "micros",
    "micros_rounded",
    "ipv4_number",
    "ip_token",
    "digest",
]
TRUE: Final = ("1", "true", "True", "TRUE")
FALSE: Final = ("0", "false", "False", "FALSE")
# Addresses, time texts and digests repeat: a day of clicks has 1,440 minutes.
CACHED_MAX: Final = 65_536
EPOCH_UNITS: Final = {"epoch_seconds": 1_000_000, "epoch_millis": 1_000, "epoch_micros": 1}
DIGITS_MAX: Final = 40


def _decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a number") from None
    # An exponent of a million would make an integer of a million digits.
    if not number.is_finite() or number.adjusted() > DIGITS_MAX:
        raise ValueError("must be a finite number")
    return number


def integer(text: str) -> int:
    number = _decimal(text)
    if number != int(number):
        raise ValueError("must be a whole number")
    return int(number)


def number(text: str) -> float:
    return float(_decimal(text))


def micros(text: str) -> int:
    """Major units to micros, exactly; more than six decimals are refused rather than rounded unseen."""
    exact = _decimal(text) * MICROS_PER_UNIT
    if exact != int(exact):
        raise ValueError("must have at most 6 decimals; convert with micros_rounded to round")
    return int(exact)


def micros_rounded(text: str) -> int:
    return int((_decimal(text) * MICROS_PER_UNIT).to_integral_value(ROUND_HALF_EVEN))


@lru_cache(CACHED_MAX)
def ipv4_number(text: str) -> str:
    """`732758368.8` -> `43.173.1.96`: the number of an IPv4 address; a fraction is an artefact and is cut off."""
    value = int(_decimal(text))
    if not 0 <= value < 2**32:
        raise ValueError("must be the number of an IPv4 address, from 0 to 4294967295")
    return str(IPv4Address(value))


@lru_cache(CACHED_MAX)
def ip_token(text: str, *, space: str) -> str:
    """An address in fd00::/8 for a token that stands for one, alone in its /64, so that it has no neighbours.

    `space` (the mapping's name) keeps the tokens of two sources apart: their number 7 is not our number 7.
    """
    prefix = b"\xfd" + sha256(f"{space}\0{text}".encode()).digest()[:7]
    return str(IPv6Address(prefix + bytes(7) + b"\x01"))


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def boolean(text: str, *, true: tuple[str, ...], false: tuple[str, ...]) -> bool:
    if text in true:
        return True
    if text in false:
        return False
    raise ValueError(f"must be one of {', '.join((*true, *false))}")


PLAIN: Final[dict[str, Convert]] = {
    "text": str,
    "lower": str.lower,
    "upper": str.upper,
    "integer": integer,
    "number": number,
    "micros": micros,
    "micros_rounded": micros_rounded,
    "ipv4_number": ipv4_number,
    "digest": digest,
}


def conversion(name: str, *, space: str, true: tuple[str, ...], false: tuple[str, ...]) -> Convert:
    """The conversion called `name` in a mapping."""
    if name == "boolean":
        return partial(boolean, true=true or TRUE, false=false or FALSE)
    return partial(ip_token, space=space) if name == "ip_token" else PLAIN[name]


def time_reader(form: str, zone: str) -> Callable[[str], datetime]:
    """Reads times written as `form`: `iso`, an epoch unit, or a strptime format.

    A time without an offset is read in `zone`; of an hour that the clock shows twice, the first.
    """
    if form in EPOCH_UNITS:
        return partial(_epoch_time, scale=EPOCH_UNITS[form])
    return lru_cache(CACHED_MAX)(partial(_written_time, form=form, zone=ZoneInfo(zone)))


def _epoch_time(text: str, *, scale: int) -> datetime:
    try:
        return EPOCH + timedelta(microseconds=int(_decimal(text) * scale))
    except OverflowError:
        raise ValueError("must be a time in the unit of its format") from None


def _written_time(text: str, *, form: str, zone: ZoneInfo) -> datetime:
    try:
        read = (
            datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007  # a naive time is placed in its zone below
        )
        return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"must be a time written as {form}") from None
