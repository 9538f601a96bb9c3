"""Rows in Redis: where several processes, or another language, read what one writes."""

from collections.abc import Sequence
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from features.store.rows import STAMPS, Held, Row, unpacked
from features.store.settings import Unreachable, without_password

DEADLINE_SECONDS: Final = 1.0
CONNECT_SECONDS: Final = 0.5
# Redis does nothing else while a script runs: at some 150,000 rows a second, one call holds it for 3 ms.
ROWS_PER_CALL: Final = 500
_SCAN_COUNT: Final = 1_000

# Feast's own Redis store reads the stamps and writes afterwards, so two writers can cross, and it refuses equal event
# times, so that a key which a late event changed would stay as it was. A script compares and writes in one step.
_PUT: Final = """
for at, key in ipairs(KEYS) do
  local new, old = ARGV[at + 1], redis.call('GETRANGE', key, 0, 15)
  local newer = #old < 16
  if not newer then
    local old_as_of, old_sequence = struct.unpack('<i8i8', old)
    local as_of, sequence = struct.unpack('<i8i8', new)
    newer = as_of > old_as_of or (as_of == old_as_of and sequence >= old_sequence)
  end
  if newer then redis.call('SET', key, new, 'EX', ARGV[1]) end
end
"""


class RedisRows:
    """One string a key, `PROJECT:TABLE:KEY`: two 64-bit stamps, then the doubles. Rows die by themselves."""

    def __init__(self, address: str, project: str) -> None:
        self._address, self._project = address, project
        # The client would try three times by itself and so stretch each deadline; whoever calls retries.
        self._redis: Any = Redis.from_url(
            address,
            socket_timeout=DEADLINE_SECONDS,
            socket_connect_timeout=CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._script = self._redis.register_script(_PUT)

    def assert_reachable(self) -> None:
        """Raises Unreachable."""
        try:
            self._redis.ping()
        except RedisError as failure:
            shown = without_password(self._address)
            raise Unreachable(
                f"ASSAY_REDIS names {shown}, which does not answer ({failure}): start Redis there, correct the "
                "address, or unset ASSAY_REDIS to keep features in SQLite"
            ) from failure

    def put(self, table: str, rows: Sequence[Row], lives: int) -> None:
        for at in range(0, len(rows), ROWS_PER_CALL):
            some = rows[at : at + ROWS_PER_CALL]
            values = [STAMPS.pack(row.as_of, row.sequence) + row.packed for row in some]
            self._script(keys=[self._key(table, row.key) for row in some], args=[lives // 1_000_000, *values])

    def get(self, table: str, keys: Sequence[bytes]) -> list[Held | None]:
        if not keys:
            return []
        stored = self._redis.mget([self._key(table, key) for key in keys])
        return [None if held is None else _held(held) for held in stored]

    def forget(self, table: str, before: int) -> None:
        """Nothing to do: each row has its expiry."""

    def drop(self, table: str) -> None:
        names = list(self._redis.scan_iter(self._key(table, b"*"), count=_SCAN_COUNT))
        for at in range(0, len(names), ROWS_PER_CALL):
            self._redis.unlink(*names[at : at + ROWS_PER_CALL])

    def close(self) -> None:
        self._redis.close()

    def _key(self, table: str, key: bytes) -> bytes:
        return f"{self._project}:{table}:".encode() + key


def _held(stored: bytes) -> Held:
    as_of, sequence = STAMPS.unpack_from(stored)
    return unpacked(as_of, sequence, stored[STAMPS.size :])
