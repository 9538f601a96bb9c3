"""Mirrors changed keys into the online store, behind the service; a store that is lost costs time, never a request."""

from collections.abc import Callable
from typing import Final

from features.fold import Changed
from features.store.online import OnlineStore

KEYS_PER_BATCH: Final = 200
"""Values are read where requests are served: a batch holds them up for a few milliseconds at most."""
BATCHES_PER_ROUND: Final = 25
RESTS_MAX: Final = 64

Taken = tuple[list[Changed], int]


class Projection:
    """Called once a period. `take(limit)` gives changed keys, and the sequence as of which their values are.

    While the store is lost one batch waits here, and nothing more is taken: whoever gives names each changed key once,
    however often it changes meanwhile.
    """

    def __init__(self, take: Callable[[int], Taken], open_store: Callable[[], OnlineStore]) -> None:
        self._take, self._open_store = take, open_store
        self._store: OnlineStore | None = None
        self._waiting: Taken = ([], 0)
        self._failures = self._rests = 0

    def __call__(self) -> int:
        """Write what changed, at most BATCHES_PER_ROUND batches; returns the number of keys.

        After a failure, which is raised, it rests for 1, 2, 4 ... RESTS_MAX calls before it tries again.
        """
        if self._rests > 0:
            self._rests -= 1
            return 0
        written = self._write_waiting()
        for _ in range(BATCHES_PER_ROUND):
            self._waiting = self._take(KEYS_PER_BATCH)
            taken = self._write_waiting()
            written += taken
            if taken < KEYS_PER_BATCH:
                break
        return written

    def _write_waiting(self) -> int:
        changes, sequence = self._waiting
        if changes:
            try:
                self._write(changes, sequence)
            except Exception:
                self._rests = min(2 ** min(self._failures, 10), RESTS_MAX)
                self._failures += 1
                raise
        self._waiting, self._failures = ([], 0), 0
        return len(changes)

    def _write(self, changes: list[Changed], sequence: int) -> None:
        if self._store is None:
            self._store = self._open_store()
        self._store.write(changes, sequence)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
