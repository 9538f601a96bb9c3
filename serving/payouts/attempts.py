"""What was committed before a provider was asked: each try to pay, its key, and which payouts share one payment."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    text,
    update,
)

from serving.database import METADATA
from serving.payouts.rows import insert_each
from serving.payouts.saga import Payout

_IS_BUNDLED: Final = text("bundle IS NOT NULL")
PAYOUT_ATTEMPT = Table(
    "payout_attempt",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("payout_id", String(128), ForeignKey("payout.id"), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("provider_key", String(64), nullable=False),
    Column("outcome", String(16)),
    Column("created_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("provider_reference", String(255)),
    Column("bundle", String(64)),
    Column("sent_at", BigInteger),
    UniqueConstraint("provider_key", name="payout_attempt_key"),
    Index("payout_attempt_of_payout", "payout_id"),
    Index("payout_attempt_of_bundle", "bundle", sqlite_where=_IS_BUNDLED, postgresql_where=_IS_BUNDLED),
)
"""`bundle` is the key under which several payouts went out as one payment: that of the first of them, of which it is
the own key too. A payout that went out alone has none. `sent_at`: when it was last given leave to be sent again.
"""

_BY_PAYOUT: Final = select(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.payout_id.in_(bindparam("ids", expanding=True)))
_BY_KEY: Final = select(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.provider_key.in_(bindparam("keys", expanding=True)))
_PERMIT: Final = (
    update(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.id == bindparam("attempt")).values(sent_at=bindparam("now"))
)
_OF_BUNDLES: Final = select(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.bundle.in_(bindparam("keys", expanding=True)))


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay: one payment, of `payout_id` and of what is bundled with it.

    `outcome` is the last answer's name, None before the first; `version` is that of its first payout since the claim:
    whoever finds another has been overtaken.
    """

    payout_id: str
    provider: str
    provider_key: str
    outcome: str | None
    created_at: int
    destination: str
    amount_micros: int
    currency: str
    version: int
    is_first: bool

    def __repr__(self) -> str:
        return f"Attempt({self.payout_id!r})"  # a key or a destination in a log would be there for years


def key_of(payout_id: str) -> str:
    """A digest: providers bound the length and the letters of a key, and need not learn our ids."""
    return hashlib.sha256(_id(payout_id).encode()).hexdigest()[:32]


def record(connection: Connection, payments: Collection[Collection[Payout]], provider: str, now: int) -> None:
    """Write down the attempt of every payout, those of one payment under the key of its first."""
    rows = []
    for payouts in payments:
        first = next(iter(payouts))
        bundle = key_of(first.id) if len(payouts) > 1 else None
        rows += [
            (_id(one.id), one.id, provider, key_of(one.id), None, now, None, None, bundle, None) for one in payouts
        ]
    insert_each(connection, PAYOUT_ATTEMPT, rows)


def of_payouts(connection: Connection, payout_ids: Collection[str]) -> list[Row[Any]]:
    return list(connection.execute(_BY_PAYOUT, {"ids": list(payout_ids)}))


def by_key(connection: Connection, keys: Collection[str]) -> dict[str, list[Row[Any]]]:
    """The attempts that were sent under each key: one, or all of its bundle. Unknown keys are left out."""
    rows = {row.provider_key: [row] for row in connection.execute(_BY_KEY, {"keys": list(keys)}).all()}
    bundles = [row.bundle for (row,) in rows.values() if row.bundle]
    if bundles:
        shared: dict[str, list[Row[Any]]] = {}
        for row in connection.execute(_OF_BUNDLES, {"keys": bundles}):
            shared.setdefault(row.bundle, []).append(row)
        rows |= {key: shared[row.bundle] for key, (row,) in rows.items() if row.bundle}
    return rows


def permit(connection: Connection, rows: Collection[Row[Any]], now: int) -> None:
    """Note that these may be sent again from now on."""
    connection.execute(_PERMIT, [{"attempt": row.id, "now": now} for row in rows])


def forget(connection: Connection, ids: Collection[str]) -> None:
    """Of what was never sent there is nothing to ask: once it is begun again, its key lives from then on."""
    if ids:
        connection.execute(delete(PAYOUT_ATTEMPT).where(PAYOUT_ATTEMPT.c.id.in_(ids)))


def answer(connection: Connection, said: Collection[tuple[str, int, str | None, str]]) -> None:
    """Keep the last answers: the answer's name, its instant, the provider's reference, and the attempt's id."""
    if said:
        mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        statement = _ANSWER.replace("?", mark)
        connection.exec_driver_sql(statement, list(said))


def _id(payout_id: str) -> str:
    return f"{payout_id}/1"


_ANSWER: Final = "UPDATE payout_attempt SET outcome = ?, answered_at = ?, provider_reference = ? WHERE id = ?"
assert len(PAYOUT_ATTEMPT.columns) == 10, "an attempt is recorded by the places of its columns"
