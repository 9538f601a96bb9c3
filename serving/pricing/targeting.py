"""Whether an advertiser wants a person: pure, with the reason in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass

from serving.contract import Person, Targeting


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a person; None: not known. `risk`: the newest probability of fraud, 0 where nothing is known."""

    country: str | None = None
    device_os: str | None = None
    price_tier: int | None = None
    account_days: int | None = None
    requirements_met: frozenset[str] = frozenset()
    risk: float = 0.0
    is_banned: bool = False


def merged(told: Person, seen: Facts) -> Facts:
    """What the platform tells, else what was seen. Risk and bans are never the platform's word."""
    return Facts(
        country=told.country or seen.country,
        device_os=told.device_os or seen.device_os,
        price_tier=told.price_tier if told.price_tier is not None else seen.price_tier,
        account_days=told.account_days if told.account_days is not None else seen.account_days,
        requirements_met=frozenset(told.requirements_met) | seen.requirements_met,
        risk=seen.risk,
        is_banned=seen.is_banned,
    )


def unwanted(targeting: Targeting, person: Facts) -> str | None:
    """Why `targeting` leaves the person out; None if it does not."""
    system = person.device_os.lower() if person.device_os else None
    return (
        _outside("country", person.country, targeting.countries)
        or _outside("device_os", system, [name.lower() for name in targeting.device_os])
        or _beyond("price_tier", person.price_tier, targeting.price_tier_min, targeting.price_tier_max)
        or _beyond("account_days", person.account_days, targeting.account_days_min, targeting.account_days_max)
        or _missing([name for name in targeting.requirements if name not in person.requirements_met])
    )


def _outside(name: str, known: str | None, wanted: Sequence[str]) -> str | None:
    if not wanted or known in wanted:
        return None
    return _unknown(name) if known is None else f"not open to {name} {known}"


def _beyond(name: str, known: int | None, least: int | None, most: int | None) -> str | None:
    if least is None and most is None:
        return None
    if known is None:
        return _unknown(name)
    if least is not None and known < least:
        return f"asks for {name} {least} or more, this is {known}"
    if most is not None and known > most:
        return f"asks for {name} {most} or less, this is {known}"
    return None


def _missing(requirements: Sequence[str]) -> str | None:
    return f"asks for {', '.join(sorted(requirements))} first" if requirements else None


def _unknown(name: str) -> str:
    return f"asks for a certain {name}, and it is not known: send person.{name}"
