"""Posts changes until they are taken: at least once, each subject's in their order, without end and in bounded memory.

What waits stays in the database. A subject has one request under way at a time; when it fails, that subject alone waits
longer and longer, to `PAUSE_SECONDS_MAX`. Subjects that failed share half of the slots, so that however many hang, what
is new still goes out. When everything fails the receiver is down: a few ask until one is answered.
"""

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from prometheus_client import Counter
from sqlalchemy import Connection, Engine, bindparam, select, text

from serving.database import reading
from serving.outbox.changes import CHANGE, CHANGE_SUBJECT, Change, change_of
from serving.outbox.numbering import NUMBERED_MAX, has_unnumbered, number, prune
from serving.outbox.posting import DEADLINE_SECONDS, Post, Posted
from serving.outbox.receiver import Receiver

SLOTS: Final = 32
SLOTS_FOR_FAILED: Final = 16
SLOTS_WHILE_DOWN: Final = 4
DOWN_AFTER: Final = 16
"""So many failures with no success between them: it is the receiver, not the subjects."""

CHANGES_A_TURN: Final = 20
TURN_SECONDS: Final = 20.0
"""A subject's turn ends with either, so that one with much to say does not keep its slot."""

WAIT_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 1.0
PAUSE_SECONDS_MAX: Final = 300.0
SECOND: Final = 1_000_000

Write = Callable[[Callable[[Connection], Any]], Any]
"""Runs a piece of work inside the next commit, and returns once it is on disk."""

log = structlog.get_logger()
_posts = Counter("assay_webhooks_total", "Posts to the receiver, by what came of them", ["outcome"])

_DUE = (
    select(CHANGE_SUBJECT.c.subject, CHANGE_SUBJECT.c.delivered, CHANGE_SUBJECT.c.failures)
    .where(CHANGE_SUBJECT.c.next_at.is_not(None), CHANGE_SUBJECT.c.next_at <= bindparam("now"))
    .where(CHANGE_SUBJECT.c.subject.not_in(bindparam("flying", expanding=True)))
    .order_by(CHANGE_SUBJECT.c.next_at, CHANGE_SUBJECT.c.subject)
    .limit(bindparam("count"))
)
_FRESH = _DUE.where(CHANGE_SUBJECT.c.failures == 0)
_FAILED = _DUE.where(CHANGE_SUBJECT.c.failures > 0)
_NEXT = (
    select(CHANGE)
    .where(CHANGE.c.subject == bindparam("of"), CHANGE.c.subject_sequence > bindparam("after"))
    .order_by(CHANGE.c.subject_sequence)
    .limit(CHANGES_A_TURN)
)
# More may have been numbered meanwhile: whether anything still waits is judged by the row as it is now.
_SETTLE = text(
    "UPDATE change_subject SET delivered = :delivered, failures = :failures, "
    "next_at = CASE WHEN sequence > :delivered THEN :next_at END "
    "WHERE subject = :subject AND delivered <= :delivered"
)


@dataclass(slots=True)
class _Turn:
    """A subject's changes under way; written by the loop that posts, read once that has ended or was ended."""

    subject: str
    changes: Sequence[Change]
    delivered: int
    failures: int
    last: Posted | None = field(default=None)


class Delivery:
    """One receiver's deliveries. One thread calls `round`; what it began goes on between two rounds."""

    def __init__(
        self,
        engine: Engine,
        write: Write,
        receiver: Receiver,
        deadline_seconds: float = DEADLINE_SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._engine, self._write, self._jitter = engine, write, jitter
        self._post = Post(receiver, deadline_seconds)
        self._flying: dict[Future[None], _Turn] = {}
        self._failures_in_a_row = 0
        self._resting_until = 0

    @property
    def is_down(self) -> bool:
        return self._failures_in_a_row >= DOWN_AFTER

    def round(self, now: int) -> int:
        """Number what is new, begin what is due, take in what has ended; how many changes were taken. Waits at most
        `WAIT_SECONDS`, and not at all for what hangs while others go on.
        """
        with reading(self._engine) as connection:
            is_new = has_unnumbered(connection)
        if is_new:
            number_all(self._write, now, is_awaited=True)
        self._begin(now)
        ended, _ = wait(self._flying, WAIT_SECONDS, FIRST_COMPLETED)
        return self._settle([_ended(self._flying.pop(future), future) for future in ended], now)

    def close(self, now: int) -> None:
        """End what is under way, keep what was taken: the rest is posted after the next start."""
        self._post.close()
        self._settle(list(self._flying.values()), now)
        self._flying.clear()

    def _begin(self, now: int) -> None:
        if now < self._resting_until:
            return
        slots = (SLOTS_WHILE_DOWN if self.is_down else SLOTS) - len(self._flying)
        again = sum(turn.failures > 0 for turn in self._flying.values())
        with reading(self._engine) as connection:
            due = self._due(connection, _FRESH, now, slots)
            due += self._due(connection, _FAILED, now, min(slots - len(due), SLOTS_FOR_FAILED - again))
            turns = [self._turn(connection, row) for row in due]
        for turn in turns:
            self._flying[self._post.begin(self._take(turn, now))] = turn

    def _due(self, connection: Connection, query: Any, now: int, count: int) -> list[Any]:
        if count <= 0:
            return []
        flying = [turn.subject for turn in self._flying.values()]
        return list(connection.execute(query, {"now": now, "flying": flying, "count": count}))

    def _turn(self, connection: Connection, row: Any) -> _Turn:
        rows = connection.execute(_NEXT, {"of": row.subject, "after": row.delivered})
        return _Turn(row.subject, [change_of(one) for one in rows], row.delivered, row.failures)

    async def _take(self, turn: _Turn, now: int) -> None:
        """Post a subject's changes one after another, to the first that is not taken."""
        began = time.monotonic()
        for change in turn.changes:
            seconds = time.monotonic() - began
            if seconds > TURN_SECONDS:
                break
            turn.last = await self._post.post(change, now + int(seconds * SECOND))
            if not turn.last.is_taken:
                break
            turn.delivered, turn.failures = change.subject_sequence, 0

    def _settle(self, turns: Sequence[_Turn], now: int) -> int:
        """Write down how far each came; how many changes were taken."""
        taken = 0
        rows = []
        for turn in turns:
            first = turn.changes[0].subject_sequence if turn.changes else turn.delivered + 1
            count = turn.delivered - first + 1
            taken += count
            is_refused = turn.last is not None and not turn.last.is_taken
            self._judge(turn, count, now, is_refused=is_refused)
            failures = turn.failures + is_refused
            pause = self._pause(failures) if is_refused else 0
            rows.append(
                {"subject": turn.subject, "delivered": turn.delivered, "failures": failures, "next_at": now + pause}
            )
        if rows:
            self._write(lambda connection: [connection.execute(_SETTLE, row) for row in rows])
        return taken

    def _judge(self, turn: _Turn, count: int, now: int, *, is_refused: bool) -> None:
        """Whether the receiver is up, and whether it asked for rest."""
        _posts.labels("taken").inc(count)
        was_down = self.is_down
        if count:
            self._failures_in_a_row = 0
        if is_refused and turn.last is not None:
            _posts.labels("refused").inc()
            self._failures_in_a_row += 1
            self._resting_until = max(self._resting_until, now + turn.last.rest_seconds * SECOND)
            if not was_down:  # the number tells which change it was, and no name; a receiver that is down is told once
                number_ = turn.changes[0].sequence
                log.warning("webhook_refused", why=turn.last.why, failures=turn.failures + 1, sequence=number_)
        if was_down != self.is_down:
            log.warning("webhook_receiver_down" if self.is_down else "webhook_receiver_up")

    def _pause(self, failures: int) -> int:
        """Twice as long each time, less up to half of it by chance, so that those who failed together do not return
        together.
        """
        seconds = min(PAUSE_SECONDS_MAX, PAUSE_SECONDS * 2.0 ** min(failures - 1, 30))
        return int(seconds * (1 - self._jitter() / 2) * SECOND)


def number_all(write: Write, now: int, *, is_awaited: bool) -> None:
    """Number everything that was told, some in each commit."""
    while write(lambda connection: number(connection, now, is_awaited=is_awaited)) == NUMBERED_MAX:
        pass


def forget_old(write: Write, now: int) -> int:
    """Prune in commits of their own, until nothing is left that is old enough; how many changes."""
    total = 0
    while count := write(lambda connection: prune(connection, now)):
        total += count
    return total


def _ended(turn: _Turn, future: Future[None]) -> _Turn:
    """A defect of ours counts as a failure of the subject alone: the others go on."""
    defect = future.exception()
    if defect is not None:
        log.error("webhook_failed", why=type(defect).__name__)
        turn.last = Posted(is_taken=False, why=type(defect).__name__)
    return turn
