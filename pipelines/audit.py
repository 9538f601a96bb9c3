"""Were logged decisions made with the features that the log says they should have had?

Everything that arrived is read again in order (the event log, then what the service recorded since) and the vector of
each decision's event is computed anew, offline. It is compared, cell by cell, with the vector that the service stored
with the decision; then the recorded version of the model scores the vector of the log, and that score is compared, too.
Nothing is held in memory beyond a chunk of events and the state of the features.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, select
from sqlalchemy.sql.functions import count
from sqlalchemy.sql.functions import max as high
from sqlalchemy.sql.functions import min as low

from features.fold import Vector
from features.frame import KEYS
from features.home import Home
from features.intelligence.lists import Lists
from features.log import SCHEMA, Log, Row
from features.vector import COLUMNS, FEATURES, VERSION, FeatureEngine, events_of
from pipelines.repeated import RepeatedIds
from pipelines.rescored import Rescoring
from serving.database import open_database, reading
from serving.knowledge import rows_of
from serving.parts import registry_of
from serving.records import DECISION, EVENT, Recorded, unpacked

CHUNK: Final = 10_000
_READ: Final = tuple(dict.fromkeys([*KEYS, *COLUMNS, "recorded_at"]))
EXAMPLES_MAX: Final = 10
RELATIVE_MAX: Final = 1e-9
"""Decayed sums are floats: the order in which a state was folded may show in the last digits, and nowhere else."""


@dataclass(frozen=True)
class Mismatch:
    """One cell: what the service stored and what the log gives."""

    event_id: str
    feature: str
    stored: float
    computed: float


@dataclass
class Audit:
    """What was compared.

    `late`: decided events that happened before another that was known already. `repeated`: events among them whose id
    the log holds twice. `other_version`: decisions with features of another version, which cannot be compared.
    `lost`: decisions whose event is not in the log, or whose vector has another length. `rescored`: decisions whose
    score was computed anew, `misscored` those of them where it differs, and `unscored` those whose version of the model
    cannot be had any more.
    """

    decisions: int = 0
    cells: int = 0
    late: int = 0
    repeated: int = 0
    other_version: int = 0
    lost: int = 0
    rescored: int = 0
    misscored: int = 0
    unscored: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    examples: list[Mismatch] = field(default_factory=list)

    @property
    def mismatches(self) -> int:
        return self.differing.total()

    @property
    def is_clean(self) -> bool:
        return not self.mismatches and not self.lost and not self.misscored

    def compare(self, event_id: str, stored: Vector, computed: Vector) -> None:
        """Count the cells of one decision."""
        if len(stored) != len(computed):
            self.lost += 1
            return
        self.cells += len(stored)
        for at in np.flatnonzero(~_same(stored, computed)):
            self.differing[FEATURES[at]] += 1
            if len(self.examples) < EXAMPLES_MAX:
                self.examples.append(Mismatch(event_id, FEATURES[at], float(stored[at]), float(computed[at])))


def _same(stored: Vector, computed: Vector) -> npt.NDArray[np.bool_]:
    return np.isclose(stored, computed, rtol=RELATIVE_MAX, atol=RELATIVE_MAX, equal_nan=True)


def audit(
    home: Home,
    since: int,
    until: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Audit:
    """Compare every decision made at or after `since` and before `until`, microseconds on the service's clock.

    Raises FileNotFoundError when the home never served.
    """
    if not home.records.exists():
        raise FileNotFoundError(f"{home.records} does not exist: this home has not served, so it decided nothing")
    engine = open_database(home.records)
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

    def __post_init__(self) -> None:
        self.known = FeatureEngine(Lists.of_home(self.home))
        self.models = Rescoring(registry_of(self.home))

    def audit(self, scratch: Path, advance: Callable[[int], object]) -> Audit:
        decided = self.connection.execute(self._chosen(count(), low(DECISION.c.sequence), high(DECISION.c.sequence)))
        self.found.decisions, first, last = decided.one()
        if not self.found.decisions:
            return self.found
        ids = RepeatedIds(scratch)
        for chunk in self._arrived(last):
            ids.add(chunk)
            self._examine(chunk, first)
            advance(chunk.num_rows)
        self.found.repeated = ids.count(first, last)
        self.found.lost += self.found.decisions - self.found.other_version - self._compared
        return self.found

    _compared: int = 0

    def _chosen(self, *columns: Any) -> Select[Any]:
        """A person's later answer is a revision that keeps what the model saw, so the first one is compared."""
        at = DECISION.c.decided_at
        return select(*columns).where(DECISION.c.revision == 1, at >= self.since, at < self.until)

    def _arrived(self, last: int) -> Iterator[pa.Table]:
        """What arrived up to the sequence `last`, in order, at most CHUNK rows at a time."""
        log = Log(self.home.log)
        for table in log.tables(_READ):
            kept = table.filter(pc.field("sequence") <= last)
            yield from (kept.slice(at, CHUNK) for at in range(0, kept.num_rows, CHUNK))
        after, _ = log.last()
        while rows := self._recorded(after, last):
            yield pa.Table.from_pylist(rows, schema=pa.schema([SCHEMA.field(name) for name in _READ]))
            after = rows[-1]["sequence"]

    def _recorded(self, after: int, last: int) -> list[Row]:
        place = EVENT.c.sequence
        asked = select(EVENT).where(place > after, place <= last).order_by(place).limit(CHUNK)
        found = self.connection.execute(asked)
        return rows_of(Recorded(row.sequence, row.recorded_at, row.as_of, row.user_id, row.body) for row in found)

    def _examine(self, chunk: pa.Table, first: int) -> None:
        if chunk.num_rows and chunk["sequence"][-1].as_py() < first:
            self.known.learn(chunk)
            return
        events, vectors = events_of(chunk), self.known.vectors(chunk)
        places = {sequence: at for at, sequence in enumerate(events["sequence"].to_pylist())}
        for decision in self._decided(chunk):
            if decision.features_version != VERSION:
                self.found.other_version += 1
            elif (at := places.get(decision.sequence)) is not None:
                self._compare(decision, events.slice(at, 1).to_pylist()[0], vectors[at])

    def _decided(self, chunk: pa.Table) -> Iterator[Any]:
        if not chunk.num_rows:
            return iter(())
        place = DECISION.c.sequence
        bounds = place.between(chunk["sequence"][0].as_py(), chunk["sequence"][-1].as_py())
        columns = (
            DECISION.c.event_id,
            place,
            DECISION.c.features_version,
            DECISION.c.vector,
            DECISION.c.kind,
            DECISION.c.model_version,
            DECISION.c.score,
            DECISION.c.reversal_score,
        )
        return iter(self.connection.execute(self._chosen(*columns).where(bounds).order_by(place)))

    def _compare(self, decision: Any, row: Row, computed: Vector) -> None:
        if row["event_id"] != decision.event_id:
            return
        self._compared += 1
        self.found.late += row["event_time"] < row["as_of"]
        before = self.found.mismatches
        self.found.compare(decision.event_id, unpacked(decision.vector), computed)
        if decision.score is not None and self.found.mismatches == before:
            self._rescore(decision, computed)

    def _rescore(self, decision: Any, computed: Vector) -> None:
        """Of a decision whose vector is right. One without a score was made without a model."""
        score = self.models.score(decision, computed)
        if score is None:
            self.found.unscored += 1
            return
        stored = np.array([decision.score, decision.reversal_score], dtype=np.float64)
        again = np.array([score.probability, score.reversal], dtype=np.float64)
        self.found.rescored += 1
        self.found.misscored += not _same(stored, again).all()
