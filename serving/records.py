"""The records: every event, outcome and decision, and the one writer that commits them together with the book.

Requests that wait together share a commit (`synchronous=FULL`), and nobody is answered before it is done. Each request
works inside its own savepoint, so one that is refused takes nothing of the others with it.
"""

import asyncio
import hashlib
import json
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar

import numpy as np
import structlog
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    bindparam,
    desc,
    insert,
    select,
    text,
    update,
)

from features.events import Event, Outcome
from features.fold import Vector
from features.log import Row as LogRow
from serving.database import METADATA
from serving.outbox.changes import tell
from serving.outbox.told import of_decision
from serving.problems import busy, conflict, unavailable

WAITING_MAX: Final = 2048
PATIENCE_SECONDS: Final = 60.0
SHARED_COMMIT_MAX: Final = 64
Result = TypeVar("Result")

log = structlog.get_logger()

_SPEAKS: Final = text("subject_event_id IS NOT NULL")
EVENT = Table(
    "event",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("event_id", String(128), nullable=False, unique=True),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("event_time", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("subject_event_id", String(128), index=True),
    Column("user_id", String(128)),
    Column("body", Text, nullable=False),
    Column("answer", Text),
    Index("event_of_user", "user_id", "sequence"),
    Index("outcome_of_user", "user_id", sqlite_where=_SPEAKS, postgresql_where=_SPEAKS),
)
"""What arrived since the log was last written, in the order of arrival: events and outcomes alike.

`user_id` is whom it is about: an outcome that does not say it has that of the event it speaks of.
"""

DECISION = Table(
    "decision",
    METADATA,
    Column("decision_id", String(40), primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("event_id", String(128), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("user_id", String(128)),
    Column("action", String(16), nullable=False),
    Column("score", Float),
    Column("reversal_score", Float),
    Column("reason_codes", Text, nullable=False),
    Column("reward_micros", BigInteger),
    Column("currency", String(3)),
    Column("final", Boolean, nullable=False),
    Column("model_version", String(64), nullable=False),
    Column("policy_version", String(64), nullable=False),
    Column("features_version", String(64), nullable=False),
    Column("degraded", Text, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("contributions", Text, nullable=False),
    Index("decision_by_event", "event_id", "revision"),
)
"""Revisions of decisions, with the vector that was seen: float64, little-endian, in the order of FEATURES."""

PROBE = Table("probe", METADATA, Column("id", Integer, primary_key=True), Column("at", BigInteger, nullable=False))
"""One row, written to find out whether the disk takes a write."""

_PROBE = text("INSERT INTO probe (id, at) VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET at = excluded.at")
_INSERT_EVENT = insert(EVENT)
_INSERT_DECISION = insert(DECISION)
_HASH_OF = select(EVENT.c.body_hash).where(EVENT.c.event_id == bindparam("event"))
_KEEP_ANSWER = update(EVENT).where(EVENT.c.event_id == bindparam("event")).values(answer=bindparam("kept"))
_ANSWER_OF = select(EVENT.c.answer).where(EVENT.c.event_id == bindparam("event"))
_BODY_OF = select(EVENT.c.body).where(EVENT.c.event_id == bindparam("event"))
_SAID_OF = select(EVENT.c.body).where(EVENT.c.subject_event_id == bindparam("event")).order_by(EVENT.c.sequence)
_LATEST_OF_EVENT = (
    select(DECISION).where(DECISION.c.event_id == bindparam("event")).order_by(desc(DECISION.c.revision)).limit(1)
)
_LATEST = select(DECISION).where(DECISION.c.decision_id == bindparam("id")).order_by(desc(DECISION.c.revision)).limit(1)
_EVENTS_AFTER = select(EVENT).where(EVENT.c.sequence > bindparam("after")).order_by(EVENT.c.sequence)


@dataclass(frozen=True)
class Unit:
    """One request's share of a commit. `now` is the instant of the request, microseconds on the service's clock."""

    connection: Connection
    now: int


def body_hash(record: Event | Outcome) -> bytes:
    return _digest(canonical(record))


def _digest(body: str) -> bytes:
    return hashlib.sha256(body.encode()).digest()


def canonical(record: Event | Outcome) -> str:
    """What the body says, not how it was written: order and white space do not make another event."""
    return json.dumps(record.model_dump(mode="json", exclude_defaults=True), sort_keys=True, ensure_ascii=False)


def is_known(unit: Unit, record: Event | Outcome, field: str = "event_id") -> bool:
    """Whether this very record was recorded before. Raises Problem (409, naming `field`) for another body."""
    known = unit.connection.execute(_HASH_OF, {"event": record.event_id}).scalar_one_or_none()
    if known is not None and known != body_hash(record):
        raise conflict(record.event_id, field)
    return known is not None


def record(unit: Unit, row: LogRow, source: Event | Outcome) -> None:
    """Keep what arrived, with its stamps."""
    body = canonical(source)
    stamps = {name: row[name] for name in ("sequence", "event_id", "recorded_at", "event_time", "as_of", "user_id")}
    subject = {"subject_event_id": source.subject_event_id if isinstance(source, Outcome) else None}
    unit.connection.execute(_INSERT_EVENT, {**stamps, **subject, "body": body, "body_hash": _digest(body)})


def outcomes_of(unit: Unit, event_id: str) -> list[Outcome]:
    """What was said of an event so far, perhaps before it arrived, in order of arrival."""
    bodies = unit.connection.execute(_SAID_OF, {"event": event_id}).scalars()
    return [Outcome.model_validate_json(body) for body in bodies]


def decision_id(event_id: str) -> str:
    """One decision an event: its id follows from the event's, and tells nothing about it."""
    return "d_" + hashlib.sha256(f"decision {event_id}".encode()).hexdigest()[:32]


def record_answer(unit: Unit, event_id: str, answer: str) -> None:
    """Keep the answer to an outcome, so that a retry gets the same."""
    unit.connection.execute(_KEEP_ANSWER, {"event": event_id, "kept": answer})


def answer_of(unit: Unit, event_id: str) -> str:
    return str(unit.connection.execute(_ANSWER_OF, {"event": event_id}).scalar_one())


def source_of(unit: Unit, event_id: str) -> Event:
    """The event as it was recorded."""
    return Event.model_validate_json(unit.connection.execute(_BODY_OF, {"event": event_id}).scalar_one())


def record_decision(unit: Unit, decision: dict[str, Any]) -> None:
    """Keep a revision, and tell of it in the same commit."""
    unit.connection.execute(_INSERT_DECISION, decision)
    tell(unit.connection, of_decision(decision))


def decision_of_event(unit: Unit, event_id: str) -> Row[Any] | None:
    """The latest revision of the decision on an event."""
    return unit.connection.execute(_LATEST_OF_EVENT, {"event": event_id}).one_or_none()


def find_decision(connection: Connection, decision_id: str) -> Row[Any] | None:
    """The latest revision of a decision."""
    return connection.execute(_LATEST, {"id": decision_id}).one_or_none()


@dataclass(frozen=True)
class Recorded:
    """Something that arrived: its stamps and its body as JSON text."""

    sequence: int
    recorded_at: int
    as_of: int
    user_id: str | None
    body: str


def recorded_after(connection: Connection, sequence: int) -> Sequence[Recorded]:
    """Everything that arrived after `sequence`, in order."""
    rows = connection.execute(_EVENTS_AFTER, {"after": sequence})
    return [Recorded(row.sequence, row.recorded_at, row.as_of, row.user_id, row.body) for row in rows]


def packed(vector: Vector) -> bytes:
    return vector.astype("<f8").tobytes()


def unpacked(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype="<f8")


@dataclass
class _Job:
    work: Callable[[Unit], Any]
    done: Callable[[Any, BaseException | None], object]
    result: Any = None
    error: BaseException | None = None


class Memory(Protocol):
    """What is learned in memory while a commit is under way, and must be forgotten if it fails."""

    sequence: int

    def rebuild(self, engine: Engine) -> None:
        """Make it anew from what is on disk."""
        ...


class Writer:
    """One thread that owns all writing. After a failed commit, what was learned of it is rebuilt from the disk.

    While that is not possible (a full disk, say), everything that would write is refused at once, and retried later.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], memory: Memory) -> None:
        self._engine, self._clock, self._memory = engine, clock, memory
        self._jobs: queue.Queue[_Job | None] = queue.Queue(WAITING_MAX)
        self._thread = threading.Thread(target=self._run, name="assay-writer", daemon=True)
        self._stale = False

    @property
    def is_well(self) -> bool:
        """Whether it runs, and knows what is on disk."""
        return self._thread.is_alive() and not self._stale

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._jobs.put(None)
        self._thread.join()

    async def do(self, work: Callable[[Unit], Result]) -> Result:
        """Run `work` inside the next commit, answer once it is on disk. Raises Problem (503) when too many wait."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._enqueue(_Job(work, lambda result, error: loop.call_soon_threadsafe(settle, result, error)))
        return await future

    def do_now(self, work: Callable[[Unit], Result]) -> Result:
        """The same for threads: blocks until the commit."""
        finished = threading.Event()
        job = _Job(work, lambda *_: finished.set())
        self._enqueue(job)
        if not finished.wait(PATIENCE_SECONDS):
            raise TimeoutError("the writer did not answer")
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[no-any-return]  # the job carries what `work` returned

    def _enqueue(self, job: _Job) -> None:
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise busy() from None

    def _run(self) -> None:
        while (batch := self._next_batch()) is not None:
            known = self._memory.sequence
            try:
                self._recover()
                self._commit(batch)
            except Exception as error:  # noqa: BLE001  # whatever the database says, the waiting must be told
                log.warning("commit_failed", kind=type(error).__name__, waiting=len(batch))
                self._stale = self._stale or self._memory.sequence != known
                for job in batch:
                    job.error = unavailable()
            for job in batch:
                job.done(job.result, job.error)

    def _recover(self) -> None:
        """Rebuild what a failed commit left wrong, once the disk takes a write again. Raises while it does not."""
        if not self._stale:
            return
        with self._engine.begin() as connection:
            connection.execute(_PROBE, {"at": self._clock()})
        self._memory.rebuild(self._engine)
        self._stale = False

    def _next_batch(self) -> list[_Job] | None:
        first = self._jobs.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < SHARED_COMMIT_MAX:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:
                self._jobs.put(None)
                break
            batch.append(job)
        return batch

    def _commit(self, batch: list[_Job]) -> None:
        with self._engine.connect() as connection, connection.begin() as transaction:
            for job in batch:
                # Alone in its commit, a request that is refused is simply rolled back with it.
                savepoint = connection.begin_nested() if len(batch) > 1 else transaction
                try:
                    job.result = job.work(Unit(connection, self._clock()))
                except Exception as error:  # noqa: BLE001  # one bad request must not take the others with it
                    job.error = error
                    savepoint.rollback()
                else:
                    # Alone, the block commits: it also rolls back when the commit fails, and so frees the connection.
                    if savepoint is not transaction:
                        savepoint.commit()
