"""What the platform advances: rewards that are people's own before their partner can no longer take them back.

A partner's window is its own: until it ends a reward may be reversed, and one that has matured by then is the
platform's loss. How much may stand so, by partner and currency, is capped by policy. The cap is judged when a reward is
credited, counting all that is promised before its partner's date, so that a date that was set never moves: beyond the
cap a reward simply matures when its partner's window ends.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, bindparam, func, insert, select, update

from features.windows import DAY
from serving.database import METADATA
from serving.ledger.accounts import ASSET
from serving.policy_money import ExposurePolicy

UNATTRIBUTED: Final = "unattributed"
"""Whoever owes revenue, or may take it back, and is not named."""

EXPOSURE = Table(
    "exposure",
    METADATA,
    Column("partner_id", String(128), primary_key=True),
    Column("currency", ASSET, primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("micros", BigInteger, nullable=False),
)
"""What is promised before its partner's window ends, summed by the day (of UTC) on which that is: so nothing has to
add up a month of rewards before it credits one.
"""

_PROMISED: Final = select(func.coalesce(func.sum(EXPOSURE.c.micros), 0)).where(
    EXPOSURE.c.partner_id == bindparam("partner"),
    EXPOSURE.c.currency == bindparam("asset"),
    EXPOSURE.c.day >= bindparam("today"),
)
_CHANGE: Final = (
    update(EXPOSURE)
    .where(
        EXPOSURE.c.partner_id == bindparam("partner"),
        EXPOSURE.c.currency == bindparam("asset"),
        EXPOSURE.c.day == bindparam("ends"),
    )
    .values(micros=EXPOSURE.c.micros + bindparam("change"))
)


@dataclass(frozen=True, slots=True)
class Dates:
    """When a reward becomes the person's own, and when its partner can no longer take it back."""

    matures_at: int
    final_at: int
    is_capped: bool = False


@dataclass(frozen=True, slots=True)
class Advance:
    """`micros` of a reward between its two dates; below zero: taken back."""

    partner_id: str | None
    currency: str
    dates: Dates
    micros: int


def promised(connection: Connection, partner_id: str | None, currency: str, now: int) -> int:
    """What is promised to mature, or has matured, before the partner's windows end; those that ended today count."""
    asked = {"partner": partner_id or UNATTRIBUTED, "asset": currency, "today": now // DAY}
    return int(connection.execute(_PROMISED, asked).scalar_one())


def dated(connection: Connection, policy: ExposurePolicy, wanted: Advance, now: int) -> Dates:
    """The dates of a reward that is credited now: those wanted, unless they go beyond the partner's cap."""
    dates, cap = wanted.dates, policy.cap(wanted.partner_id)
    if cap is None or dates.matures_at >= dates.final_at:
        return dates
    if promised(connection, wanted.partner_id, wanted.currency, now) + wanted.micros <= cap:
        return dates
    return Dates(dates.final_at, dates.final_at, is_capped=True)


def count(connection: Connection, advances: Iterable[Advance]) -> None:
    """Add what is newly promised, or subtract what was taken back; what matures at its partner's date is no advance."""
    sums: Counter[tuple[str, str, int]] = Counter()
    for one in advances:
        if one.micros and one.dates.matures_at < one.dates.final_at:
            sums[one.partner_id or UNATTRIBUTED, one.currency, one.dates.final_at // DAY] += one.micros
    # In one order, so that two writers never wait for each other.
    for (partner, asset, ends), change in sorted(sums.items()):
        key = {"partner": partner, "asset": asset, "ends": ends}
        if not connection.execute(_CHANGE, key | {"change": change}).rowcount:
            row = {"partner_id": partner, "currency": asset, "day": ends, "micros": change}
            connection.execute(insert(EXPOSURE), [row])
