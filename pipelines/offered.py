"""The offer log as a table: of a served home, or of a Parquet file that somebody kept."""

from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy import Connection

from features.home import Home
from pipelines.console import UserError
from serving.database import has_records, open_records
from serving.pricing import offer_log
from serving.pricing.quotes import step_of

COLUMNS: Final[dict[str, Any]] = {
    "offer_id": pl.String,
    "user_id": pl.String,
    "task_kind": pl.String,
    "segment": pl.String,
    "campaign_id": pl.String,
    "currency": pl.String,
    "value_micros": pl.Int64,
    "reward_micros": pl.Int64,
    "propensity": pl.Float64,
    "stratum": pl.String,
    "policy_version": pl.String,
    "allowed_micros": pl.String,
    "offered_at": pl.Int64,
    "accept_by": pl.Int64,
    "complete_by": pl.Int64,
    "completed": pl.Boolean,
}
"""One row a goal of an offer, its `task_kind` as it is learned of; times in microseconds, `allowed_micros` a JSON list,
`completed` blank until known.
"""
REPLAYED: Final[dict[str, Any]] = {
    "quality": pl.Float64,
    "known_at": pl.Int64,
    "ticked_at": pl.Int64,
    "value_pressure": pl.Float64,
    "reward_pressure": pl.Float64,
}
"""What a price was chosen from (`offer_log.OFFER`), and when its outcome was known: blank where a log lacks them."""
ALL: Final = COLUMNS | REPLAYED


def offers_of(connection: Connection, since: int = 0) -> pl.DataFrame:
    """Every offer that the service made from `since` on, by time."""
    parts = [pl.DataFrame(schema=ALL)]
    for rows in offer_log.rows(connection):
        kept = [row for row in rows if row.offered_at >= since]
        table = {name: [getattr(row, name) for row in kept] for name in ALL}
        table["task_kind"] = [step_of(row.task_kind, row.position) for row in kept]
        parts.append(pl.DataFrame(table, schema=ALL))
    return _by_time(pl.concat(parts))


def assert_served(home: Home) -> None:
    """Raises UserError, with the remedy, where a home has no records, and so made no offer."""
    if not has_records(home):
        raise UserError(f"{home.root} has no records, and so no offers: serve it, and ask POST /v1/price/offers")


def offers_of_home(home: Home, since: int = 0) -> pl.DataFrame:
    """`offers_of` a home's database, which a service may be writing meanwhile."""
    engine = open_records(home)
    try:
        with engine.connect() as connection:
            return offers_of(connection, since)
    finally:
        engine.dispose()


def read_offers(file: Path) -> pl.DataFrame:
    """A Parquet file with `COLUMNS` and, where it has them, `REPLAYED`, by time. Raises ValueError, with the columns,
    where some are missing or wrong.
    """
    if not file.is_file():
        raise ValueError(f"{file} is no file: give --log FILE, which `assay price log --out FILE` writes")
    try:
        return _offers_in(file)
    except pl.exceptions.PolarsError as failure:
        reason = str(failure).splitlines()[0]
        raise ValueError(f"{file} is no offer log ({reason}): `assay price log --out FILE` writes one") from None


def _offers_in(file: Path) -> pl.DataFrame:
    table = pl.read_parquet(file)
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise ValueError(f"{file} lacks the columns {', '.join(missing)}: `assay price log` writes such a file")
    return _by_time(filled(table).select(ALL.keys()).cast(pl.Schema(ALL)))


def filled(table: pl.DataFrame) -> pl.DataFrame:
    """With those of `REPLAYED` that it lacks, blank."""
    return table.with_columns(
        pl.lit(None, type_).alias(name) for name, type_ in REPLAYED.items() if name not in table.columns
    )


def _by_time(table: pl.DataFrame) -> pl.DataFrame:
    return table.sort("offered_at", "offer_id", maintain_order=True)
