"""A home's offers, what people and campaigns they belong to, and what became of them: read for audits and pictures."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection, select

from features.events import micros_of
from features.home import Home
from features.log import Log
from pipelines.console import UserError
from serving import records
from serving.contract import Campaign
from serving.database import has_records, open_records, reading
from serving.knowledge import rows_of
from serving.ledger.budgets import budget_of
from serving.ledger.history import history
from serving.ledger.transfer import TransferKind
from serving.policy import Policy, load_policy
from serving.pricing.campaigns import CAMPAIGN
from serving.pricing.earned import DAILY_EARNING
from serving.pricing.offer_log import COLUMNS, rows

ATTRIBUTES: Final = {"country": "country", "city_tier": "city tier", "fingerprint_price_tier": "device price tier"}
"""Columns of the event log by which pay is audited, and what people call them. No price may read the first two, nor the
third: targeting reads some of them, prices never.
"""

_EVENTS: Final = ("user_id", *ATTRIBUTES)
_NUMBERS: Final = (
    "position value_micros reward_micros offered_at accept_by complete_by started_at owed_micros known_at ticked_at"
).split()
_SHARES: Final = "propensity quality value_pressure reward_pressure".split()
_TYPES: Final[dict[str, Any]] = {
    name: pl.Int64 if name in _NUMBERS else pl.Float64 if name in _SHARES else pl.String for name in COLUMNS
} | {"completed": pl.Boolean}


@dataclass(frozen=True)
class Order:
    """A campaign with a window and a budget of the advertiser's: its deposits, and what was charged, at what times."""

    campaign_id: str
    currency: str
    starts_at: int
    ends_at: int
    deposited_micros: int
    charged: pl.DataFrame


@dataclass(frozen=True)
class Paid:
    """`offers` (a row a goal, as the offer log has them, with ATTRIBUTES of the person), the campaigns ordered, and
    what each account began, `days` (its rewards as offered, and what was locked for them on the daily curve).
    """

    offers: pl.DataFrame
    orders: list[Order]
    days: pl.DataFrame
    policy: Policy

    @property
    def until(self) -> int:
        """The newest instant at which anything was offered, in microseconds."""
        return int(self.offers.select(pl.col("offered_at").max()).item())


def read_paid(home: Home) -> Paid:
    """All that was offered on a home. Raises UserError, with the remedy, where nothing was."""
    if not has_records(home):
        raise UserError(f"{home.root} has no records: serve it, and ask POST /v1/price/offers")
    engine = open_records(home)
    try:
        with reading(engine) as connection:
            offers = _offers(connection)
            people, orders, days = _people(home, connection), _orders(connection), _days(connection)
    finally:
        engine.dispose()
    if offers.is_empty():
        raise UserError(f"no offer was made on {home.root}: ask POST /v1/price/offers, or run `assay pay simulate`")
    return Paid(offers.join(people, on="user_id", how="left", maintain_order="left"), orders, days, load_policy())


def _offers(connection: Connection) -> pl.DataFrame:
    parts = [pl.DataFrame([tuple(row) for row in part], schema=_TYPES, orient="row") for part in rows(connection)]
    return pl.concat(parts) if parts else pl.DataFrame(schema=_TYPES)


def _people(home: Home, connection: Connection) -> pl.DataFrame:
    """The newest that every person's events said of each attribute, in the log and recorded since."""
    log, last = Log(home.log), 0
    parts: list[pl.DataFrame] = []
    if home.log.exists():
        last = log.last()[0]
        parts = [_newest(pl.DataFrame(pl.from_arrow(table))) for table in log.tables(_EVENTS)]
    since = [{name: row[name] for name in _EVENTS} for row in rows_of(records.recorded_after(connection, last))]
    types: dict[str, Any] = {name: pl.Int64 if name.endswith("tier") else pl.String for name in _EVENTS}
    parts.append(pl.DataFrame(since, schema=types, orient="row"))
    return _newest(pl.concat([part.select(pl.col(name).cast(types[name]) for name in _EVENTS) for part in parts]))


def _newest(events: pl.DataFrame) -> pl.DataFrame:
    said = [pl.col(name).drop_nulls().last() for name in ATTRIBUTES]
    return events.drop_nulls("user_id").group_by("user_id", maintain_order=True).agg(said)


def _days(connection: Connection) -> pl.DataFrame:
    amounts = ("reward_micros", "paid_micros")
    found = connection.execute(select(*(DAILY_EARNING.c[name] for name in ("currency", *amounts))))
    types: dict[str, Any] = {"currency": pl.String} | dict.fromkeys(amounts, pl.Int64)
    return pl.DataFrame([tuple(row) for row in found], schema=types, orient="row")


def _orders(connection: Connection) -> list[Order]:
    ordered = [
        (row.campaign_id, Campaign.model_validate_json(row.body)) for row in connection.execute(select(CAMPAIGN))
    ]
    return [_order(connection, *one) for one in sorted(ordered, key=lambda one: one[0])]


def _order(connection: Connection, campaign_id: str, ordered: Campaign) -> Order:
    account = budget_of(campaign_id, ordered.currency).id
    moved = history()
    ordered_by_time = select(moved).order_by(moved.c.effective_at, moved.c.sequence)
    found = connection.execute(ordered_by_time, {"account": account, "after": 0}).all()
    deposited = sum(row.amount_micros for row in found if row.kind == TransferKind.DEPOSIT)
    charged = _charged(row for row in found if row.kind != TransferKind.DEPOSIT)
    window = micros_of(ordered.starts_at), micros_of(ordered.ends_at)
    return Order(campaign_id, ordered.currency, *window, deposited, charged.with_columns(_sign(account)))


def _charged(moved: Iterable[Any]) -> pl.DataFrame:
    told = [(row.effective_at, row.debit, row.amount_micros) for row in moved]
    types: dict[str, Any] = {"at": pl.Int64, "debit": pl.String, "micros": pl.Int64}
    return pl.DataFrame(told, schema=types, orient="row")


def _sign(account: str) -> pl.Expr:
    """What goes back to a budget counts against what was charged."""
    return pl.when(pl.col("debit") == account).then(pl.col("micros")).otherwise(-pl.col("micros")).alias("micros")
