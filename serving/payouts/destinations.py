"""Where people are paid: kept sealed, found by the keyed digest that the platform names it by, opened only to pay.

A payout, an event and a decision know the digest alone. A destination that is erased here cannot be paid any more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.payouts.identity.sealing import Seal
from serving.payouts.routes import DIGEST, kind_of

DESTINATION_CHARACTERS_MAX: Final = 128

PAYOUT_DESTINATION = Table(
    "payout_destination",
    METADATA,
    Column("digest", String(128), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)

_OF_DIGESTS = select(PAYOUT_DESTINATION).where(PAYOUT_DESTINATION.c.digest.in_(bindparam("digests", expanding=True)))


@dataclass(frozen=True, slots=True, repr=False)
class Vault:
    """What is kept with one seal."""

    seal: Seal

    def keep(self, connection: Connection, digest: str, destination: str, now: int) -> None:
        """Again: no effect; a digest names one destination for ever. Raises ValueError, which repeats none of it."""
        if not 0 < len(destination) <= DESTINATION_CHARACTERS_MAX or not destination.isprintable():
            raise ValueError(f"destination: write 1 to {DESTINATION_CHARACTERS_MAX} printable characters")
        if not 0 < len(digest) <= 128:
            raise ValueError("digest: name the keyed digest that withdrawals will name as payout_destination")
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {"digest": digest, "kind": kind_of(destination), "recorded_at": now}
        row["sealed"] = self.seal.close(destination, _about(digest))
        connection.execute(insert(PAYOUT_DESTINATION).values(row).on_conflict_do_nothing())

    def open_each(self, connection: Connection, digests: Collection[str]) -> dict[str, str]:
        """Those that are kept, by digest. Raises `Unsealable`."""
        rows = connection.execute(_OF_DIGESTS, {"digests": list(digests)}) if digests else ()
        return {row.digest: self.seal.open(row.sealed, _about(row.digest)) for row in rows}


def kind_at(connection: Connection, digest: str) -> str:
    """Of what kind a destination is, without opening it; `digest` where it is not kept."""
    kinds = connection.scalars(select(PAYOUT_DESTINATION.c.kind).where(PAYOUT_DESTINATION.c.digest == digest))
    return kinds.one_or_none() or DIGEST


def forget(connection: Connection, digest: str) -> bool:
    """Erase a destination; whether there was one. What was sent stays on record, under its digest."""
    gone = delete(PAYOUT_DESTINATION).where(PAYOUT_DESTINATION.c.digest == digest)
    return connection.execute(gone).rowcount == 1


def _about(digest: str) -> str:
    return f"payout_destination/{digest}"
