"""What our book says of a provider's payouts and of a partner's conversions, read in one consistent state."""

from typing import Any, Final

import polars as pl
from sqlalchemy import BigInteger, Connection, Select, case, cast, func, or_, select

from serving.ledger.accounts import ACCOUNT, TRANSFER
from serving.ledger.rewards import REWARD
from serving.ledger.transfer import AccountKind
from serving.payouts.attempts import PAYOUT_ATTEMPT
from serving.payouts.reconciliation.clearing import IN_CLEARING
from serving.payouts.reconciliation.rows import OURS, Standing
from serving.payouts.saga import PAYOUT, PaidBy, State
from serving.records import DECISION, EVENT

_STANDINGS: Final = {
    State.SETTLED: Standing.DUE,
    State.RETURNED: Standing.RETURNED,
    State.REFUSED: Standing.REFUSED,
}


def payouts_of(connection: Connection, provider: str) -> pl.DataFrame:
    """OURS: a row an attempt. Due is what the provider-cash account says has left under the payout's name.

    A payout is due once, by its newest attempt; what an earlier attempt paid as well was paid twice. Payouts that were
    bundled are one row under the key of their one payment. What a person paid as a fee never left.
    """
    attempts = _attempts(connection, provider)
    paid = _by_cause(connection, AccountKind.PROVIDER_CASH, provider).filter(pl.col("amount_micros") > 0)
    cash = paid.select("id", "currency", pl.col("amount_micros").alias("paid_micros"), pl.col("at").alias("paid_at"))
    joined = attempts.join(cash, on=["id", "currency"], how="left", maintain_order="left")
    is_newest = pl.int_range(pl.len()).over("id") == pl.len().over("id") - 1
    stated = pl.col("state").replace_strict(_STANDINGS, default=Standing.OPEN, return_dtype=pl.String)
    standing = (
        pl.when(~is_newest)
        .then(pl.lit(Standing.REFUSED))
        .when(pl.col("paid_micros").is_not_null())
        .then(pl.lit(Standing.DUE))
        .otherwise(stated)
    )
    stand = joined.with_columns(
        standing.alias("standing"),
        pl.coalesce("paid_micros", "amount_micros").alias("amount_micros"),
        pl.coalesce("paid_at", "updated_at").alias("at"),
    )
    alone = stand.filter(pl.col("bundle").is_null()).select(list(OURS))
    return pl.concat([alone, _together(stand.filter(pl.col("bundle").is_not_null()))])


def _together(bundled: pl.DataFrame) -> pl.DataFrame:
    """One row a bundle; members of which the book says different things are one open question."""
    alike = pl.col("standing").n_unique() == 1
    return (
        bundled.group_by("bundle", "currency", maintain_order=True)
        .agg(
            pl.col("reference").drop_nulls().first(),
            pl.when(alike).then(pl.col("standing").first()).otherwise(pl.lit(Standing.OPEN)).alias("standing"),
            pl.col("amount_micros").sum(),
            pl.col("at").max(),
        )
        .with_columns(pl.col("bundle").alias("id"), pl.col("bundle").alias("key"))
        .select(list(OURS))
    )


def _attempts(connection: Connection, provider: str) -> pl.DataFrame:
    taken = case((PAYOUT.c.fee_paid_by == PaidBy.PERSON, func.coalesce(PAYOUT.c.fee_micros, 0)), else_=0)
    columns: dict[str, Any] = {
        "id": PAYOUT.c.id,
        "key": PAYOUT_ATTEMPT.c.provider_key,
        "reference": PAYOUT_ATTEMPT.c.provider_reference,
        "state": PAYOUT.c.state,
        "amount_micros": PAYOUT.c.amount_micros - taken - func.coalesce(PAYOUT.c.tax_micros, 0),
        "currency": PAYOUT.c.currency,
        "updated_at": PAYOUT.c.updated_at,
        "bundle": PAYOUT_ATTEMPT.c.bundle,
    }
    query = select(*columns.values()).join(PAYOUT, PAYOUT.c.id == PAYOUT_ATTEMPT.c.payout_id)
    query = query.where(PAYOUT_ATTEMPT.c.provider == provider)
    ordered = query.order_by(PAYOUT_ATTEMPT.c.payout_id, PAYOUT_ATTEMPT.c.created_at, PAYOUT_ATTEMPT.c.id)
    numbers = ("amount_micros", "updated_at")
    return _frame(connection, ordered, {one: pl.Int64 if one in numbers else pl.String for one in columns})


def in_clearing(connection: Connection, provider: str) -> pl.DataFrame:
    """IN_CLEARING of a provider's accounts: payouts whose money is neither paid nor back."""
    return _by_cause(connection, AccountKind.CLEARING, provider).filter(pl.col("amount_micros") != 0)


def _by_cause(connection: Connection, kind: AccountKind, owner: str) -> pl.DataFrame:
    """What each cause left on the accounts of a kind: credits less debits, and the last time that it moved."""
    ours = select(ACCOUNT.c.number).where(ACCOUNT.c.kind == kind, ACCOUNT.c.owner == owner)
    numbers = list(connection.scalars(ours))
    signed = case((TRANSFER.c.credit.in_(numbers), TRANSFER.c.amount_micros), else_=-TRANSFER.c.amount_micros)
    total = cast(func.sum(signed), BigInteger)  # PostgreSQL adds integers up to a decimal
    query = (
        select(TRANSFER.c.cause_id, ACCOUNT.c.asset, total, func.max(TRANSFER.c.effective_at))
        .join(ACCOUNT, ACCOUNT.c.number == TRANSFER.c.debit)
        .where(or_(TRANSFER.c.debit.in_(numbers), TRANSFER.c.credit.in_(numbers)))
        .group_by(TRANSFER.c.cause_id, ACCOUNT.c.asset)
    )
    return _frame(connection, query, IN_CLEARING)


def conversions_of(connection: Connection, partner: str) -> pl.DataFrame:
    """OURS of a partner, by transaction id (the event's id where it gave none), with `kind` and `score` of each event.

    Due is the revenue that was charged, less what was given back; of an event that was declined nothing is due.
    """
    events = _events(connection, partner)
    rewards = _rewards(connection, partner)
    joined = events.join(rewards, on="event_id", how="full", coalesce=True, maintain_order="left")
    due = pl.col("revenue_micros") - pl.col("returned_micros")
    standing = (
        pl.when(due > 0)
        .then(pl.lit(Standing.DUE))
        .when(pl.col("revenue_micros") > 0)
        .then(pl.lit(Standing.RETURNED))
        .otherwise(pl.lit(Standing.REFUSED))
    )
    key = pl.coalesce("transaction_id", "event_id")
    charged = joined.with_columns(
        key.alias("id"),
        key.alias("key"),
        pl.lit(None, pl.String).alias("reference"),
        standing.alias("standing"),
        pl.when(due > 0).then(due).otherwise(pl.lit(0)).alias("amount_micros"),
        pl.coalesce("charged_at", "recorded_at").alias("at"),
        pl.coalesce("currency", pl.lit("")).alias("currency"),
    )
    return charged.select(*OURS, pl.col("kind").fill_null("?"), pl.col("score").fill_null(0.0))


def _events(connection: Connection, partner: str) -> pl.DataFrame:
    """Events, declined ones too, that name the partner."""
    mark = EVENT.c.body.contains('"partner_id"')
    query = select(EVENT.c.event_id, EVENT.c.recorded_at, EVENT.c.body)
    types = {"event_id": pl.String, "recorded_at": pl.Int64, "body": pl.String}
    rows = _frame(connection, query.where(EVENT.c.subject_event_id.is_(None), mark), types)
    said = {"partner": "$.partner_id", "transaction_id": "$.partner_transaction_id", "kind": "$.kind"}
    told = rows.with_columns(pl.col("body").str.json_path_match(path).alias(name) for name, path in said.items())
    own = told.filter(pl.col("partner") == partner).drop("body", "partner")
    return own.join(_scores(connection), on="event_id", how="left", maintain_order="left")


def _scores(connection: Connection) -> pl.DataFrame:
    query = select(DECISION.c.event_id, DECISION.c.score).order_by(DECISION.c.event_id, DECISION.c.revision)
    scored = _frame(connection, query, {"event_id": pl.String, "score": pl.Float64})
    return scored.unique("event_id", keep="last")


def _rewards(connection: Connection, partner: str) -> pl.DataFrame:
    columns: dict[str, Any] = {
        "event_id": REWARD.c.event_id,
        "revenue_micros": REWARD.c.revenue_micros,
        "returned_micros": REWARD.c.revenue_returned_micros,
        "currency": REWARD.c.currency,
        "charged_at": REWARD.c.recorded_at,
    }
    texts = ("event_id", "currency")
    query = select(*columns.values()).where(REWARD.c.partner_id == partner)
    return _frame(connection, query, {one: pl.String if one in texts else pl.Int64 for one in columns})


def _frame(connection: Connection, query: Select[Any], types: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([tuple(row) for row in connection.execute(query)], schema=types, orient="row")
