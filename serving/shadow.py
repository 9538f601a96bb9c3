"""The shadow: a model that scores what was decided, after its commit, and decides nothing.

A flow knows nothing of it. Decisions are read from the records once they are on disk, scored many at a time, and what
the shadow would have done is written beside them. A shadow that is slow falls behind, and beyond a limit skips what is
oldest; one that fails is counted and passed over.
"""

import json
import threading
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import structlog
from prometheus_client import Counter
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Float,
    Row,
    String,
    Table,
    bindparam,
    select,
    text,
)
from sqlalchemy.sql.functions import count
from sqlalchemy.sql.functions import max as highest

from features.events import Event, Kind
from features.vector import VERSION
from serving.database import METADATA, reading
from serving.decision import UNEXPLAINED, Action, Score, decide_event, decide_withdrawal
from serving.policy import Policy
from serving.records import DECISION, EVENT, Unit, Writer, unpacked
from serving.scoring import FraudModel

SHADOW_SECONDS: Final = 1.0
# One job of the writer: a fraction of a millisecond between two requests.
CHUNK: Final = 100
CHUNKS_PER_ROUND: Final = 50
BEHIND_MAX: Final = 50_000
"""In arrivals. A shadow that is further behind skips what is older, and counts it: it is to say what holds now."""

BY_MONEY: Final = frozenset(
    (
        "amount_outside_limits insufficient_available budget_exhausted cap_reached daily_count_reached "
        "daily_amount_reached rolling_amount_reached fee_exceeds_amount destination_not_paid"
    ).split()
)
"""Reasons that stand first where money decided: any model's score would have ended there."""

log = structlog.get_logger()
_seen = Counter("assay_shadow_decisions_total", "Decisions that the shadow scored, failed at, or skipped", ["result"])

SHADOW_SCORE = Table(
    "shadow_score",
    METADATA,
    Column("decision_id", String(40), primary_key=True),
    Column("model_version", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("score", Float, nullable=False),
    Column("reversal_score", Float),
    Column("action", String(16), nullable=False),
    Column("policy_version", String(64), nullable=False),
)
"""What a shadow made of a decision: its score, and what the same policy would have done with it."""

_INSERT = text(
    "INSERT INTO shadow_score (decision_id, model_version, sequence, score, reversal_score, action, policy_version) "
    "VALUES (:decision_id, :model_version, :sequence, :score, :reversal_score, :action, :policy_version) "
    "ON CONFLICT (decision_id, model_version) DO NOTHING"
)
_REACHED = select(highest(SHADOW_SCORE.c.sequence)).where(SHADOW_SCORE.c.model_version == bindparam("version"))
_NEWEST = select(highest(EVENT.c.sequence))
# By way of the events, whose key is the sequence.
_DECIDED = EVENT.join(DECISION, (DECISION.c.event_id == EVENT.c.event_id) & (DECISION.c.revision == 1))
_NEXT = (
    select(EVENT.c.body, DECISION)
    .select_from(_DECIDED)
    .where(EVENT.c.sequence > bindparam("after"))
    .order_by(EVENT.c.sequence)
    .limit(CHUNK)
)
_SKIPPED = select(count()).select_from(_DECIDED).where(EVENT.c.sequence.between(bindparam("first"), bindparam("last")))


class Shadow:
    """Two threads touch it: one that names the model, one that scores. Neither serves requests."""

    def __init__(self, engine: Engine, writer: Writer, policy: Policy) -> None:
        self._engine, self._writer, self._policy = engine, writer, policy
        self._model: FraudModel | None = None
        self._after = 0
        self._turn = threading.Lock()

    @property
    def version(self) -> str | None:
        """The version that is scored, None for none."""
        return None if self._model is None else self._model.version

    def follow(self, model: FraudModel | None) -> None:
        """Let `model` score what is decided from now on; one that was here before goes on where it stopped."""
        with self._turn:
            if model is not None:
                with reading(self._engine) as connection:
                    reached = connection.scalar(_REACHED, {"version": model.version})
                    self._after = (connection.scalar(_NEWEST) or 0) if reached is None else reached
            self._model = model

    def catch_up(self) -> None:
        """Score what was decided since the last time, at most CHUNKS_PER_ROUND chunks of it.

        Raises Problem (503) while the writer is busy: requests go first, and nothing is lost.
        """
        for _ in range(CHUNKS_PER_ROUND):
            with self._turn:
                if self._model is None or not self._chunk(self._model):
                    return

    def _chunk(self, model: FraudModel) -> bool:
        """Whether there was any."""
        with reading(self._engine) as connection:
            self._skip(connection)
            rows = connection.execute(_NEXT, {"after": self._after}).all()
        if not rows:
            return False
        found = self._judged(model, rows)
        if found:
            self._writer.do_now(lambda unit: _keep(unit, found))
            _seen.labels("scored").inc(len(found))
        self._after = rows[-1].sequence
        return True

    def _skip(self, connection: Connection) -> None:
        oldest = (connection.scalar(_NEWEST) or 0) - BEHIND_MAX
        if oldest > self._after:
            skipped = connection.scalar(_SKIPPED, {"first": self._after + 1, "last": oldest}) or 0
            _seen.labels("skipped").inc(skipped)
            log.warning("shadow_behind", skipped=skipped)
            self._after = oldest

    def _judged(self, model: FraudModel, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Rows of SHADOW_SCORE.

        A decision by other features or another policy, as after a release, is not compared, nor one by the shadow
        itself: for a moment after its promotion it decides while it is still followed.
        """
        here = [row for row in rows if self._compares(model, row)]
        _seen.labels("skipped").inc(len(rows) - len(here))
        try:
            return [
                _row(row, score, would_be(row, score, self._policy))
                for chosen in (False, True)
                for row, score in _scored(model, [row for row in here if _is_withdrawal(row) is chosen])
            ]
        except Exception:  # the shadow must not stop at what it fails at, nor say so every second
            _seen.labels("failed").inc(len(here))
            log.exception("shadow_failed", version=model.version, decisions=len(here))
            return []

    def _compares(self, model: FraudModel, row: Row[Any]) -> bool:
        alike = (row.features_version, row.policy_version) == (VERSION, self._policy.version)
        return alike and row.model_version != model.version


def would_be(decision: Row[Any], score: Score, policy: Policy) -> Action:
    """What `policy` would have done with `score`, where a score decided at all. `decision` has the event's `body`."""
    if BY_MONEY.intersection(json.loads(decision.reason_codes)[:1]):
        return Action(decision.action)
    if _is_withdrawal(decision):
        return decide_withdrawal(score, policy).action
    event = Event.model_validate_json(decision.body)
    return decide_event(event, score, decision.reward_micros or 0, policy).action


def _scored(model: FraudModel, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], Score]]:
    if not rows:
        return []
    vectors = np.stack([unpacked(row.vector) for row in rows])
    return list(zip(rows, model.scores(Kind(rows[0].kind), vectors, UNEXPLAINED), strict=True))


def _is_withdrawal(decision: Row[Any]) -> bool:
    return bool(decision.kind == Kind.WITHDRAWAL_REQUESTED)


def _row(decision: Row[Any], score: Score, action: Action) -> dict[str, Any]:
    return {
        "decision_id": decision.decision_id,
        "model_version": score.model_version,
        "sequence": decision.sequence,
        "score": score.probability,
        "reversal_score": score.reversal,
        "action": str(action),
        "policy_version": decision.policy_version,
    }


def _keep(unit: Unit, rows: list[dict[str, Any]]) -> None:
    unit.connection.execute(_INSERT, rows)
