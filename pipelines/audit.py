"""Were logged decisions made with the features that the log says they should have had?

Everything that arrived is read again in order (the event log, then what the service recorded since) and the vector of
each decision's event is computed anew, offline. It is compared, cell by cell, with the vector that the service stored
with the decision; then the recorded version of the model scores the vector of the log, and the policy decides on that
score: both are compared, too. Events are checked against the digests and the stamps that were recorded with them.
Nothing is held in memory beyond a chunk of events and the state of the features.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from features.events import Event
from features.fold import Vector
from features.frame import KEYS
from features.home import Home
from features.intelligence.lists import Lists
from features.log import SCHEMA, Log, Row
from features.vector import COLUMNS, FEATURES, VERSION, FeatureEngine, events_of
from pipelines.arrivals import BODY, arrivals, bounds, faults_of, orphans, read_body
from pipelines.audited import Audit, same
from pipelines.repeated import RepeatedIds
from pipelines.rescored import NO_MODEL, Rescoring, is_action_right, stored_scores
from serving.database import has_records, open_records, reading
from serving.decision import Score
from serving.knowledge import rows_of
from serving.parts import registry_of
from serving.policy import Policy, load_policy
from serving.records import EVENT, Recorded, decision_id, unpacked

ALWAYS: Final = (-(2**63), 2**63 - 1)
"""All that the records can hold: an instant that was tampered with must not lie outside."""

CHUNK: Final = 10_000
_READ: Final = tuple(dict.fromkeys([*KEYS, *COLUMNS, "recorded_at"]))


def audit(
    home: Home,
    since: int,
    until: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Audit:
    """Judge every event that was recorded at or after `since` and before `until`, microseconds on the service's clock.

    It is to have a decision, the records are to agree with themselves, and vector, score and action are to be what
    the log, the model and the policy make of the event. What is recorded last can be taken away whole, unnoticed.
    Raises FileNotFoundError when the home never served.
    """
    if not has_records(home):
        raise FileNotFoundError(f"{home.records} does not exist: this home has not served, so it decided nothing")
    engine = open_records(home)
    try:
        with (
            reading(engine) as connection,
            TemporaryDirectory(prefix="assay-audit-") as scratch,
        ):
            return _Reading(home, connection, since, until).audit(Path(scratch), advance)
    finally:
        engine.dispose()


@dataclass
class _Reading:
    """One pass over what arrived. The connection sees one consistent state, however long it takes."""

    home: Home
    connection: Connection
    since: int
    until: int
    found: Audit = field(default_factory=Audit)
    known: FeatureEngine = field(init=False)
    """With the lists that applied at each sequence, as the home keeps them."""

    models: Rescoring = field(init=False)
    policy: Policy = field(default_factory=load_policy)

    def __post_init__(self) -> None:
        self.known = FeatureEngine(Lists.of_home(self.home))
        self.models = Rescoring(registry_of(self.home))

    def audit(self, scratch: Path, advance: Callable[[int], object]) -> Audit:
        found = bounds(self.connection, self.since, self.until)
        if found is None:
            self.found.lost = orphans(self.connection, 0, -1, self.since, self.until)
            return self.found
        first, last = found
        ids = RepeatedIds(scratch)
        self._examined = first - 1
        for until, chunk in self._arrived(last):
            ids.add(chunk)
            self._examine(until, chunk)
            advance(chunk.num_rows)
        self.found.repeated = ids.count(first, last)
        self.found.missing = max(last - first + 1 - self._present, 0)
        self.found.lost += orphans(self.connection, first, last, self.since, self.until)
        return self.found

    _examined: int = 0
    _present: int = 0
    """Arrivals of the examined stretch that the log or the records hold."""

    def _arrived(self, last: int) -> Iterator[tuple[int, pa.Table]]:
        """What arrived up to the sequence `last`, in order, CHUNK rows at a time, each with the sequence it reaches."""
        log = Log(self.home.log)
        for table in log.tables(_READ):
            kept = table.filter(pc.field("sequence") <= last)
            for at in range(0, kept.num_rows, CHUNK):
                chunk = kept.slice(at, CHUNK)
                yield chunk["sequence"][-1].as_py(), chunk
        reached, _ = log.last()
        while reached < last:
            reached, rows = self._recorded(reached, last)
            yield reached, pa.Table.from_pylist(rows, schema=pa.schema([SCHEMA.field(name) for name in _READ]))

    def _recorded(self, after: int, last: int) -> tuple[int, list[Row]]:
        """The sequence that is reached, and the rows; what cannot be read was learned by nobody since, and is none."""
        place = EVENT.c.sequence
        asked = select(place, EVENT.c.recorded_at, EVENT.c.as_of, EVENT.c.user_id, BODY)
        found = self.connection.execute(asked.where(place > after, place <= last).order_by(place).limit(CHUNK)).all()
        sound = [row for row in found if read_body(row.body) is not None]
        rows = rows_of(
            Recorded(row.sequence, row.recorded_at, row.as_of, row.user_id, row.body.decode()) for row in sound
        )
        return (found[-1].sequence if found else last), rows

    def _examine(self, until: int, chunk: pa.Table) -> None:
        if until <= self._examined:
            self.known.learn(chunk)
            return
        events, vectors = events_of(chunk), self.known.vectors(chunk)
        places = {sequence: at for at, sequence in enumerate(events["sequence"].to_pylist())}
        held = set(pc.filter(chunk["sequence"], pc.greater(chunk["sequence"], self._examined)).to_pylist())
        for arrival in arrivals(self.connection, self._examined + 1, until):
            held.add(arrival.sequence)
            record = read_body(arrival.body)
            if record is None:
                self.found.blame(decision_id(arrival.event_id), "the body cannot be read")
                continue
            for fault in faults_of(arrival, record):
                self.found.blame(decision_id(arrival.event_id), fault)
            if isinstance(record, Event) and arrival.decision_id is not None:
                at = places.get(arrival.decided_sequence)
                found = None if at is None else (events.slice(at, 1).to_pylist()[0], vectors[at])
                self._judge(arrival, found)
        self._present += len(held)
        self._examined = until

    def _judge(self, decision: Any, found: tuple[Row, Vector] | None) -> None:
        """`found`: the row and the vector of the log, at the place that the decision names."""
        self.found.decisions += 1
        if decision.features_version != VERSION:
            self.found.other_version += 1
        elif found is None or found[0]["event_id"] != decision.event_id:
            self.found.lost += 1
            self.found.blame(decision.decision_id, "its event did not arrive where it says")
        else:
            self._compare(decision, *found)

    def _compare(self, decision: Any, row: Row, computed: Vector) -> None:
        self.found.late += row["event_time"] < row["as_of"]
        stored = _vector(decision.vector)
        if stored is None:
            self.found.blame(decision.decision_id, "the vector cannot be read")
            return
        # By an event of another kind, no head can be chosen; that is a fault already.
        if self.found.compare(decision.event_id, stored, computed) and decision.kind == row["kind"]:
            self._rescore(decision, computed)

    def _rescore(self, decision: Any, computed: Vector) -> None:
        """Of a decision whose vector is right."""
        stored, has_model = stored_scores(decision), decision.model_version != NO_MODEL
        if has_model and not 0 <= stored[0] <= 1:
            self._misscored(decision)
            return
        score = self.models.score(decision, computed) if has_model else Score(None)
        if score is None:
            self.found.unscored += 1
            return
        self.found.rescored += has_model
        if not same(stored, np.array([score.probability, score.reversal], dtype=np.float64)).all():
            self._misscored(decision)
        self._redecide(decision, score)

    def _misscored(self, decision: Any) -> None:
        self.found.misscored += 1
        self.found.blame(decision.decision_id, "the score is not that of the model")

    def _redecide(self, decision: Any, score: Score) -> None:
        if decision.policy_version != self.policy.version:
            self.found.other_policy += 1
            return
        self.found.redecided += 1
        if not is_action_right(decision, score, self.policy):
            self.found.blame(decision.decision_id, "the action is not that of the policy")


def _vector(stored: Any) -> Vector | None:
    """None for text, for bytes that are no floats, and for too few or too many of them."""
    try:
        vector = unpacked(stored)
    except (TypeError, ValueError):
        return None
    return vector if len(vector) == len(FEATURES) else None
