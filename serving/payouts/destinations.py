"""Where people are paid: kept sealed, found by the keyed digest that the platform names it by, opened only to pay.

A payout, an event and a decision know the digest alone. A destination that is erased here cannot be paid any more.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.ledger.refusals import Conflicting
from serving.payouts.identity.sealing import Seal, Unsealable
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

_SINCE = select(PAYOUT_DESTINATION.c.digest, PAYOUT_DESTINATION.c.recorded_at).where(
    PAYOUT_DESTINATION.c.digest.in_(bindparam("digests", expanding=True))
)


@dataclass(frozen=True, slots=True, repr=False)
class Vault:
    """What is kept with one seal."""

    seal: Seal

    def digest_of(self, destination: str) -> str:
        """What names a destination: the same for all who are paid there, and nobody without the seal can try it out."""
        return self.seal.digest(f"destination/{_same(destination)}")

    def keep(self, connection: Connection, digest: str, destination: str, now: int) -> str:
        """The destination's kind. Again: no effect; a digest names one destination until that is forgotten.

        Raises ValueError, which repeats none of it, `Conflicting` for another destination, `Unsealable`.
        """
        assert_destination(destination)
        if not 0 < len(digest) <= 128:
            raise ValueError("digest: name the keyed digest that withdrawals will name as payout_destination")
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        row = {"digest": digest, "kind": kind_of(destination), "recorded_at": now}
        row["sealed"] = self.seal.close(destination, _about(digest))
        connection.execute(insert(PAYOUT_DESTINATION).values(row).on_conflict_do_nothing())
        if _same(self.open_each(connection, [digest])[digest]) != _same(destination):
            raise Conflicting(
                f"payout_destination {digest!r} names another destination: DELETE it first, or name another digest",
                what="payout_destination",
                id=digest,
            )
        return str(row["kind"])

    def open_each(self, connection: Connection, digests: Collection[str]) -> dict[str, str]:
        """Those that are kept, by digest. Raises `Unsealable`."""
        rows = connection.execute(_OF_DIGESTS, {"digests": list(digests)}) if digests else ()
        return {row.digest: self.seal.open(row.sealed, _about(row.digest)) for row in rows}

    def assert_opens(self, connection: Connection) -> None:
        """Raises `Unsealable` where what is kept was sealed with another secret: one that opens speaks for all."""
        kept = connection.scalars(select(PAYOUT_DESTINATION.c.digest).limit(1)).all()
        try:
            self.open_each(connection, kept)
        except Unsealable:
            raise Unsealable(
                "where people are paid was sealed with another secret: put back ASSAY_SEAL_KEY, or the home's seal.key"
            ) from None


def assert_destination(destination: str) -> None:
    """Raises ValueError, which repeats none of it. Half of a surrogate pair is not printable either."""
    is_written = 0 < len(destination) <= DESTINATION_CHARACTERS_MAX and destination.isprintable()
    if not is_written or destination != destination.strip():
        raise ValueError(
            f"destination: write 1 to {DESTINATION_CHARACTERS_MAX} printable characters, with no space at either end"
        )


def kind_at(connection: Connection, digest: str) -> str:
    """Of what kind a destination is, without opening it; `digest` where it is not kept."""
    return kinds_at(connection, [digest]).get(digest, DIGEST)


def kinds_at(connection: Connection, digests: Collection[str]) -> dict[str, str]:
    """The same of those that are kept, by digest."""
    rows = connection.execute(_OF_DIGESTS, {"digests": list(digests)}) if digests else ()
    return {row.digest: row.kind for row in rows}


def kept_since(connection: Connection, digests: Collection[str]) -> dict[str, int]:
    """Since when each of those that are kept names what it does; forgotten and kept again it may be something else."""
    rows = connection.execute(_SINCE, {"digests": list(digests)}) if digests else ()
    return {digest: int(recorded_at) for digest, recorded_at in rows}


def forget(connection: Connection, digest: str) -> bool:
    """Erase a destination; whether there was one. What was sent stays on record, under its digest."""
    gone = delete(PAYOUT_DESTINATION).where(PAYOUT_DESTINATION.c.digest == digest)
    return connection.execute(gone).rowcount == 1


def _same(destination: str) -> str:
    """Letters of either case are one address, of a wallet as of a mailbox; an account's name is as it is."""
    return destination.lower() if kind_of(destination) in {"email", "wallet_address"} else destination


def _about(digest: str) -> str:
    return f"payout_destination/{digest}"
