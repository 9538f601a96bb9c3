"""Tax that is withheld from people, by the rule of their country: a rate on what exceeds a threshold in a year.

Off where the policy has no rule. Booked when money is paid out or when it is credited, as the policy says; the account
holds it for the authority until it is handed on. What is due of a year is worked out of the year's whole, so that no
rounding adds up: it is rounded down to the micro once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
)

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ASSET
from serving.ledger.refusals import conflicting, missing
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind
from serving.policy_money import TaxPolicy

TAX = Table(
    "tax",
    METADATA,
    Column("cause_id", String(200), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("country", String(2), nullable=False),
    Column("year", Integer, nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("base_micros", BigInteger, nullable=False),
    Column("tax_micros", BigInteger, nullable=False),
    Column("rate", String(32), nullable=False),
    Column("threshold_micros", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("tax_of_user", "user_id", "country", "year"),
    Index("tax_of_year", "year", "country"),
)
"""What was counted for the year and what was withheld of it, under which rule; below zero: given back."""

_FIND: Final = select(TAX).where(TAX.c.cause_id == bindparam("cause"))
_YEAR_SO_FAR: Final = select(
    func.coalesce(func.sum(TAX.c.base_micros), 0).label("base"),
    func.coalesce(func.sum(TAX.c.tax_micros), 0).label("tax"),
).where(
    TAX.c.user_id == bindparam("user"),
    TAX.c.country == bindparam("land"),
    TAX.c.year == bindparam("in_year"),
    TAX.c.currency == bindparam("asset"),
)


@dataclass(frozen=True, slots=True)
class Taxed:
    """Money of a person that counts for a year: a payout, or a credit. `cause_id` counts it once."""

    cause_id: str
    user_id: str
    country: str
    currency: str
    base_micros: int

    def __post_init__(self) -> None:
        if self.base_micros <= 0:
            raise ValueError(f"{self.cause_id}: base_micros is above zero; `give_back` takes a payment out again")


@dataclass(frozen=True, slots=True)
class YearLine:
    """What was counted and withheld of one person in a year, for the authority and for the person."""

    year: int
    country: str
    user_id: str
    currency: str
    base_micros: int
    tax_micros: int


def year_of(instant: int, policy: TaxPolicy) -> int:
    """The year of an instant, where the policy says that a year begins."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
    return at.astimezone(ZoneInfo(policy.time_zone)).year


def due(base_micros: int, rate: float, threshold_micros: int) -> int:
    """The tax of a whole year, in micros, rounded down. The rate is taken as it is written: 0.2 is a fifth."""
    return int(Fraction(str(rate)) * max(0, base_micros - threshold_micros))


def withhold(connection: Connection, taxed: Taxed, policy: TaxPolicy, now: int) -> int:
    """Count the money for its year and withhold from the wallet what is due; the micros. Again: the same, no effect.

    Nothing without a rule for the country and currency. What the wallet cannot give now is withheld with the next one.
    Raises `Conflicting` for a used id with another body.
    """
    rule = policy.rules.get(taxed.country)
    if rule is None or rule.currency != taxed.currency:
        return 0
    book.lock(connection)
    known = connection.execute(_FIND, {"cause": taxed.cause_id}).one_or_none()
    if known is not None:
        if (known.user_id, known.country, known.currency, known.base_micros) != _body(taxed):
            raise conflicting("tax", taxed.cause_id)
        return int(known.tax_micros)
    year = year_of(now, policy)
    asked = {"user": taxed.user_id, "land": taxed.country, "in_year": year, "asset": taxed.currency}
    so_far = connection.execute(_YEAR_SO_FAR, asked).one()
    wanted = due(int(so_far.base) + taxed.base_micros, rule.rate, rule.threshold_micros) - int(so_far.tax)
    wallet = Account(AccountKind.WALLET_AVAILABLE, taxed.user_id, taxed.currency)
    micros = max(0, min(wanted, book.balance(connection, wallet).available_micros))
    kept = Account(AccountKind.TAX_WITHHELD, taxed.country, taxed.currency)
    if micros:
        book.post(connection, [_transfer(taxed.cause_id, wallet, kept, micros, now)], now)
    row = {"cause_id": taxed.cause_id, "user_id": taxed.user_id, "country": taxed.country, "year": year}
    under = {"rate": str(rule.rate), "threshold_micros": rule.threshold_micros, "recorded_at": now}
    amounts = {"currency": taxed.currency, "base_micros": taxed.base_micros, "tax_micros": micros}
    connection.execute(insert(TAX), [row | amounts | under])
    return micros


def give_back(connection: Connection, cause_id: str, now: int) -> int:
    """A payment did not happen, or came back: it counts no longer, and its tax is the person's again; the micros.

    Again: no effect, zero. Raises `Missing` for what was never counted.
    """
    book.lock(connection)
    known = connection.execute(_FIND, {"cause": cause_id}).one_or_none()
    if known is None:
        raise missing("tax", cause_id)
    undone = f"{cause_id}/returned"
    if connection.execute(_FIND, {"cause": undone}).first() is not None:
        return 0
    if known.tax_micros:
        book.reverse(connection, f"{cause_id}/{TransferKind.TAX}", undone, now)
    row = known._asdict() | {"cause_id": undone, "recorded_at": now}
    negative = {"base_micros": -known.base_micros, "tax_micros": -known.tax_micros}
    connection.execute(insert(TAX), [row | negative])
    return int(known.tax_micros)


def of_year(connection: Connection, year: int) -> list[YearLine]:
    """What was counted and withheld in a year, by country and person."""
    keys = TAX.c.year, TAX.c.country, TAX.c.user_id, TAX.c.currency
    sums = func.sum(TAX.c.base_micros).label("base"), func.sum(TAX.c.tax_micros).label("tax")
    rows = connection.execute(select(*keys, *sums).where(TAX.c.year == year).group_by(*keys).order_by(*keys))
    return [_line_of(row) for row in rows]


def _line_of(row: Row[*tuple[Any, ...]]) -> YearLine:
    return YearLine(row.year, row.country, row.user_id, row.currency, int(row.base), int(row.tax))


def _body(taxed: Taxed) -> tuple[str, str, str, int]:
    return taxed.user_id, taxed.country, taxed.currency, taxed.base_micros


def _transfer(cause_id: str, wallet: Account, kept: Account, micros: int, now: int) -> Transfer:
    return Transfer(
        id=f"{cause_id}/{TransferKind.TAX}",
        debit=wallet,
        credit=kept,
        amount_micros=micros,
        kind=TransferKind.TAX,
        cause_id=cause_id,
        effective_at=now,
    )
