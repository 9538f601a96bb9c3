"""Who somebody is, as an identity provider proved it. Kept sealed; it never appears in a log or in a traceback."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, bindparam, insert, select, update

from serving.database import METADATA
from serving.payouts.identity.sealing import Seal

NAME_CHARACTERS_MAX: Final = 300
NAMES_MAX: Final = 10


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """`names`: as on the document, in each script in which it has them, and former names. `birth_date`: ISO 8601."""

    names: tuple[str, ...]
    birth_date: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which repeats nothing of what it refuses."""
        if not 1 <= len(self.names) <= NAMES_MAX:
            raise ValueError(f"names: between 1 and {NAMES_MAX} are kept")
        if any(len(name) > NAME_CHARACTERS_MAX for name in self.names):
            raise ValueError(f"names: a name has at most {NAME_CHARACTERS_MAX} characters")
        if self.birth_date is not None and not is_date(self.birth_date):
            raise ValueError("birth_date: write it as 1990-12-31, or leave it out")

    def __repr__(self) -> str:
        return "Person(...)"


@dataclass(frozen=True, slots=True)
class Known:
    """That a person is on record: `digest` is of the facts, and changes with them."""

    user_id: str
    digest: str


PERSON = Table(
    "identity_person",
    METADATA,
    Column("user_id", String(128), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("country", String(2)),
)
"""`country`: where the person is taxed, as the last proof said; it is no part of the digest, for lists name none."""

_FIND = select(PERSON).where(PERSON.c.user_id == bindparam("user"))
_DIGEST = select(PERSON.c.digest).where(PERSON.c.user_id == bindparam("user"))
_COUNTRIES = select(PERSON.c.user_id, PERSON.c.country).where(
    PERSON.c.user_id.in_(bindparam("users", expanding=True)), PERSON.c.country.is_not(None)
)
_DIGESTS = select(PERSON.c.user_id, PERSON.c.digest).where(PERSON.c.user_id.in_(bindparam("users", expanding=True)))


def record(
    connection: Connection, user_id: str, person: Person, seal: Seal, now: int, country: str | None = None
) -> None:
    """Keep what is known of a person, in place of what was known before."""
    text = _text_of(person)
    digest = seal.digest(text)
    known = connection.execute(_FIND, {"user": user_id}).one_or_none()
    if known is not None and (known.digest, known.country) == (digest, country):
        return
    sealed = seal.close(text, _about(user_id))
    values = {"sealed": sealed, "digest": digest, "recorded_at": now, "country": country}
    if known is None:
        connection.execute(insert(PERSON), [values | {"user_id": user_id}])
    else:
        connection.execute(update(PERSON).where(PERSON.c.user_id == user_id).values(values))


def find(connection: Connection, user_id: str) -> Known | None:
    """Whether somebody is known, without opening who it is."""
    digest = connection.scalar(_DIGEST, {"user": user_id})
    return None if digest is None else Known(user_id, digest)


def find_each(connection: Connection, user_ids: Collection[str]) -> dict[str, Known]:
    """Those who are known, by user id."""
    rows = connection.execute(_DIGESTS, {"users": list(user_ids)})
    return {row.user_id: Known(row.user_id, row.digest) for row in rows}


def countries(connection: Connection, user_ids: Collection[str]) -> dict[str, str]:
    """Where people are taxed, by user id; of whom that is not known, nothing."""
    rows = connection.execute(_COUNTRIES, {"users": list(user_ids)})
    return {row.user_id: row.country for row in rows}


def read(connection: Connection, user_id: str, seal: Seal) -> tuple[Person, Known] | None:
    """Raises `Unsealable`."""
    row = connection.execute(_FIND, {"user": user_id}).one_or_none()
    if row is None:
        return None
    body = json.loads(seal.open(row.sealed, _about(user_id)))
    return Person(tuple(body["names"]), body["birth_date"]), Known(user_id, row.digest)


def _text_of(person: Person) -> str:
    """The same for the same facts, in whatever order the names were said."""
    return json.dumps(asdict(person) | {"names": sorted(set(person.names))}, sort_keys=True)


def _about(user_id: str) -> str:
    return f"identity_person/{user_id}"


def is_date(text: str) -> bool:
    """Whether there is such a day, written as 1990-12-31."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
