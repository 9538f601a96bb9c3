"""Points: an asset of the book with dated rates, for platforms that show points in place of money.

A rate is written down before it counts, never after, and never changed: what was promised when a person earned or was
quoted stays what it was. A conversion is two linked transfers, one in points and one in money, with an account between
them that says how many points were taken back and how much money was given for them. It is exact: points that would not
make a whole micro stay in the wallet. Without a rate nothing is converted.
"""

from dataclasses import asdict, dataclass
from math import gcd
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Index,
    Row,
    String,
    Table,
    bindparam,
    desc,
    func,
    insert,
    select,
    tuple_,
)

from features.events import instant_of
from features.money import MICROS_MAX, MICROS_PER_UNIT, POINTS
from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT, ASSET, BALANCE, STANDING
from serving.ledger.accruals import post_person
from serving.ledger.refusals import Refusal, conflicting
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind


class BackDated(Refusal):
    """A rate would count for what was promised before it was written down."""

    status: ClassVar[int] = 422


class NoRate(Refusal):
    """There was no rate at the instant of the promise, or the points make no whole micro at it; it says which."""

    status: ClassVar[int] = 422


class TooMany(Refusal):
    """The points are worth more than one transfer can move."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Rate:
    """From `effective_from` on, `points` points are worth `amount_micros` of the currency."""

    currency: str
    effective_from: int
    points: int
    amount_micros: int
    decided_by: str

    def __post_init__(self) -> None:
        if not (0 < self.points <= 10**9 and 0 < self.amount_micros <= 10**12):
            raise ValueError("a rate is of 1 to 10^9 points for 1 to 10^12 micros")
        if self.currency == POINTS or not self.decided_by.strip():
            raise ValueError("a rate names a currency, and who decided it (decided_by)")


@dataclass(frozen=True, slots=True)
class Order:
    """Turn at most `points_micros` of a person's points into money, at the rate of `promised_at`."""

    id: str
    user_id: str
    currency: str
    points_micros: int
    promised_at: int


@dataclass(frozen=True, slots=True)
class Converted:
    """What was taken in points and given in money. `rate_from`: since when that rate counted."""

    points_micros: int
    amount_micros: int
    rate_from: int


RATE = Table(
    "points_rate",
    METADATA,
    Column("currency", ASSET, primary_key=True),
    Column("effective_from", BigInteger, primary_key=True),
    Column("points", BigInteger, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("decided_by", String(128), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    CheckConstraint("effective_from >= recorded_at", name="points_rate_is_never_back_dated"),
)
CONVERSION = Table(
    "conversion",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("asked_micros", BigInteger, nullable=False),
    Column("promised_at", BigInteger, nullable=False),
    Column("rate_from", BigInteger, nullable=False),
    Column("points_micros", BigInteger, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("conversion_of_user", "user_id", "recorded_at"),
)

_RATE: Final = (
    select(RATE)
    .where(RATE.c.currency == bindparam("asset"), RATE.c.effective_from <= bindparam("instant"))
    .order_by(desc(RATE.c.effective_from))
    .limit(1)
)
_SAME_DAY: Final = select(RATE).where(
    RATE.c.currency == bindparam("asset"), RATE.c.effective_from == bindparam("instant")
)
_FIND: Final = select(CONVERSION).where(CONVERSION.c.id == bindparam("conversion"))


def set_rate(connection: Connection, rate: Rate, now: int) -> bool:
    """Write a rate down; whether it is new. Raises `BackDated`, and `Conflicting` for another rate of that instant."""
    asked = {"asset": rate.currency, "instant": rate.effective_from}
    known = connection.execute(_SAME_DAY, asked).one_or_none()
    if known is not None:
        if (known.points, known.amount_micros) != (rate.points, rate.amount_micros):
            raise conflicting("rate", f"{rate.currency} from {rate.effective_from}")
        return False
    if rate.effective_from < now:
        raise BackDated("effective_from: a rate counts from now on at the earliest: promises were made at the others")
    connection.execute(insert(RATE), [asdict(rate) | {"recorded_at": now}])
    return True


def rate_at(connection: Connection, currency: str, instant: int) -> Rate | None:
    """The rate that counted at an instant."""
    row = connection.execute(_RATE, {"asset": currency, "instant": instant}).one_or_none()
    return None if row is None else _rate_of(row)


def rates(connection: Connection, currency: str | None, before: tuple[int, str] | None, limit: int) -> list[Rate]:
    """Those of a currency, or of all, the latest first; `before`: where a page ended, by its instant and currency."""
    query = select(RATE).order_by(RATE.c.effective_from.desc(), RATE.c.currency.desc()).limit(limit)
    if currency is not None:
        query = query.where(RATE.c.currency == currency)
    if before is not None:
        query = query.where(tuple_(RATE.c.effective_from, RATE.c.currency) < before)
    return [_rate_of(row) for row in connection.execute(query)]


def _rate_of(row: Row[Any]) -> Rate:
    return Rate(row.currency, row.effective_from, row.points, row.amount_micros, row.decided_by)


def exact(points_micros: int, rate: Rate) -> tuple[int, int]:
    """The most points that make whole micros at this rate, and those micros of money."""
    used = points_micros - points_micros % _step(rate)
    return used, used * rate.amount_micros // (rate.points * MICROS_PER_UNIT)


def _step(rate: Rate) -> int:
    """The fewest micros of points that make whole micros of money; all that do are multiples of it."""
    whole = rate.points * MICROS_PER_UNIT
    return whole // gcd(whole, rate.amount_micros)


def promised(connection: Connection, conversion_id: str, now: int) -> int:
    """When the points of a conversion that does not say it were promised: now, and asked for again, the first time."""
    known = connection.execute(_FIND, {"conversion": conversion_id}).one_or_none()
    return now if known is None else int(known.promised_at)


def convert(connection: Connection, order: Order, now: int) -> Converted:
    """Carry out a conversion, of what was accrued, too. Again with the same body: the first answer, no effect.

    Raises `NoRate`, `TooMany`, `InsufficientFunds`, `Conflicting`; ValueError for a promise that was not made yet.
    """
    if order.promised_at > now:
        raise ValueError("promised_at: nothing was promised later than now")
    book.lock(connection)
    known = connection.execute(_FIND, {"conversion": order.id}).one_or_none()
    if known is not None:
        body = known.user_id, known.currency, known.asked_micros, known.promised_at
        if body != (order.user_id, order.currency, order.points_micros, order.promised_at):
            raise conflicting("conversion", order.id)
        return Converted(known.points_micros, known.amount_micros, known.rate_from)
    rate = rate_at(connection, order.currency, order.promised_at)
    if rate is None:
        raise _unrated(connection, order.currency)
    used, given = exact(order.points_micros, rate)
    if not given:
        raise _too_few(order, rate)
    if given > MICROS_MAX:
        raise TooMany(
            f"points_micros: {used} are worth more than {MICROS_MAX} micros of {order.currency}: ask for fewer"
        )
    post_person(connection, order.user_id, POINTS, now)
    book.post(connection, _transfers(order, used, given, now), now)
    made = Converted(used, given, rate.effective_from)
    row = {"id": order.id, "user_id": order.user_id, "currency": order.currency, "recorded_at": now}
    asked = {"asked_micros": order.points_micros, "promised_at": order.promised_at}
    connection.execute(insert(CONVERSION), [row | asked | asdict(made)])
    return made


def check(connection: Connection) -> list[str]:
    """What was converted is what the accounts between points and money say; a finding is a sentence."""
    money = select(CONVERSION.c.currency.label("asset"), -func.sum(CONVERSION.c.amount_micros)).group_by("asset")
    points = select(func.coalesce(func.sum(CONVERSION.c.points_micros), 0))
    wanted = {asset: int(micros) for asset, micros in connection.execute(money)}
    wanted[POINTS] = int(connection.execute(points).scalar_one())
    between = select(ACCOUNT.c.asset, BALANCE.c.posted).select_from(STANDING)
    rows = connection.execute(between.where(ACCOUNT.c.kind == AccountKind.CONVERSION))
    found = {row.asset: row.posted for row in rows}
    return [
        f"conversions in {asset} sum to {wanted.get(asset, 0)} micros, their account says {found.get(asset, 0)}"
        for asset in sorted(wanted.keys() | found.keys())
        if wanted.get(asset, 0) != found.get(asset, 0)
    ]


def _unrated(connection: Connection, currency: str) -> NoRate:
    first = connection.scalar(select(func.min(RATE.c.effective_from)).where(RATE.c.currency == currency))
    if first is None:
        told = f"there is no rate of points in {currency}: an operator sets one first"
    else:
        begins = instant_of(first).isoformat().replace("+00:00", "Z")
        told = f"promised_at lies before the first rate of points in {currency}, which counts from {begins} on"
    return NoRate(told, currency=currency)


def _too_few(order: Order, rate: Rate) -> NoRate:
    told = f"{order.points_micros} micros of points make no whole micro of {order.currency}: {_step(rate)} or more do"
    return NoRate(told, currency=order.currency)


def _transfers(order: Order, used: int, given: int, now: int) -> list[Transfer]:
    def leg(name: str, debit: Account, credit: Account, micros: int) -> Transfer:
        return Transfer(
            id=f"{order.id}/{name}",
            debit=debit,
            credit=credit,
            amount_micros=micros,
            kind=TransferKind.CONVERSION,
            cause_id=order.id,
            effective_at=now,
        )

    own, between = AccountKind.WALLET_AVAILABLE, AccountKind.CONVERSION
    return [
        leg("points", Account(own, order.user_id, POINTS), Account(between, PLATFORM, POINTS), used),
        leg("money", Account(between, PLATFORM, order.currency), Account(own, order.user_id, order.currency), given),
    ]
