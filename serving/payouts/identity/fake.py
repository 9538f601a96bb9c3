"""A document provider that looks at nobody's document, for the embedded default and for tests: it remembers, answers
late, and fails. It proves nobody by itself: only who can write its file says that a document convinced.

Its file is not ours: it outlives our restart, as a real provider would. What was shown to it lies there sealed.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from enum import StrEnum
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from features.events import Id, Word
from serving.payouts.identity.persons import Person
from serving.payouts.identity.provider import Absent, CheckAnswer, Disproven, Lapsed, Proven, Waiting
from serving.payouts.identity.sealing import Seal
from serving.payouts.providers.notices import Unverified, hmac_sha256

MEMORY: Final = "fake-identity.db"
"""Its file, in a home."""
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS document (key TEXT PRIMARY KEY, said TEXT NOT NULL, reason TEXT, sealed BLOB);
CREATE TABLE IF NOT EXISTS start (number INTEGER PRIMARY KEY, key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS secret (number INTEGER PRIMARY KEY CHECK (number = 1), value BLOB NOT NULL)
"""
_SECRET_BYTES: Final = 32


class Fault(StrEnum):
    """What befalls one request. `lose_answer`: it was done, and no answer comes; `lose_request`: it was not done."""

    NONE = "none"
    LOSE_ANSWER = "lose_answer"
    LOSE_REQUEST = "lose_request"


class _News(BaseModel):
    """The body of a notice, as `notify` writes it; in these forms any database can look for the key."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)
    id: Id
    key: Word


class FakeIdentityProvider:
    """`faults` befall the first, second, ... request of this object; after the list nothing does."""

    name: str = "fake-documents"

    def __init__(self, path: Path, seal: Seal, faults: Iterable[Fault] = ()) -> None:
        self._path, self._seal, self._faults = path, seal, iter(faults)
        self._secret = b""
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            connection.executescript(_SCHEMA)

    def start(self, key: str) -> CheckAnswer:
        """Raises TimeoutError where a fault says that no answer comes."""
        fault = next(self._faults, Fault.NONE)
        with self._writing() as connection:
            connection.execute("INSERT INTO start (key) VALUES (?)", (key,))
            if fault is not Fault.LOSE_REQUEST:
                connection.execute("INSERT OR IGNORE INTO document (key, said) VALUES (?, 'waiting')", (key,))
        return self._answer(key, fault)

    def lookup(self, key: str) -> CheckAnswer:
        """Raises TimeoutError where a fault says that no answer comes."""
        return self._answer(key, next(self._faults, Fault.NONE))

    def prove(self, key: str, person: Person, valid_until: int | None = None, country: str | None = None) -> None:
        """The person has shown a document, and it convinced."""
        shown = json.dumps(asdict(person) | {"valid_until": valid_until, "country": country})
        self._finish(key, "proven", sealed=self._seal.close(shown, _about(key)))

    def disprove(self, key: str, reason: str = "document_forged") -> None:
        """The document did not convince; also after it had."""
        self._finish(key, "disproven", reason=reason)

    def lapse(self, key: str) -> None:
        """Nobody came."""
        self._finish(key, "lapsed")

    def forget(self, key: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM document WHERE key = ?", (key,))

    def starts(self) -> list[str]:
        """The keys under which a check was asked for, one for each time, lost requests included."""
        with self._writing() as connection:
            return [key for (key,) in connection.execute("SELECT key FROM start ORDER BY number")]

    def notify(self, key: str, event_id: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of a signed notice that there is news of a check, for `read_notice`."""
        body = json.dumps({"id": event_id, "key": key}).encode()
        return {"fake-signature": self._signature(body)}, body

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> str:
        """Raises `Unverified`, also for a signed body that it would never have written."""
        del now
        if not compare_digest(headers.get("fake-signature", "").encode(), self._signature(body).encode()):
            raise Unverified("fake-signature does not fit the body")
        try:
            return _News.model_validate_json(body).key
        except ValidationError:
            raise Unverified("the body is no notice: send what `notify` returned") from None

    def _finish(self, key: str, said: str, reason: str | None = None, sealed: bytes | None = None) -> None:
        query = "UPDATE document SET said = ?, reason = ?, sealed = ? WHERE key = ?"
        with self._writing() as connection:
            if connection.execute(query, (said, reason, sealed, key)).rowcount != 1:
                raise ValueError(f"no check was begun under {key}")

    def _answer(self, key: str, fault: Fault) -> CheckAnswer:
        if fault is not Fault.NONE:
            raise TimeoutError("no answer in time")
        with self._writing() as connection:
            row = connection.execute("SELECT said, reason, sealed FROM document WHERE key = ?", (key,)).fetchone()
        return Absent() if row is None else self._read(key, *row)

    def _read(self, key: str, said: str, reason: str | None, sealed: bytes | None) -> CheckAnswer:
        if sealed is not None:
            shown: dict[str, Any] = json.loads(self._seal.open(sealed, _about(key)))
            person = Person(tuple(shown["names"]), shown["birth_date"])
            return Proven(person, shown["valid_until"], shown.get("country"))
        if said == "disproven":
            return Disproven(reason or "")
        return Lapsed() if said == "lapsed" else Waiting(f"https://documents.invalid/{key}")

    def _signature(self, body: bytes) -> str:
        if not self._secret:  # remembered: an unsigned post must not take the file's lock each time
            with self._writing() as connection:
                made = secrets.token_bytes(_SECRET_BYTES)
                connection.execute("INSERT OR IGNORE INTO secret VALUES (1, ?)", (made,))
                self._secret = bytes(connection.execute("SELECT value FROM secret").fetchone()[0])
        return hmac_sha256(self._secret, body).hex()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


def _about(key: str) -> str:
    return f"fake_document/{key}"
