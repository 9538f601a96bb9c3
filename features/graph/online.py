"""The device graph: who is tied to whom by devices, payout destinations, identities and referrals, as of an event.

Two answers, kept apart. The *ring* (component) says that accounts have to do with each other: joining.py holds its
rule. The *same person* says that one human being is behind two accounts, with a confidence: persons.py holds that one.
Networks are tied to people for a reviewer's eye, and join nobody.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.graph import snapshots
from features.graph.folding import fold
from features.graph.history import members_at
from features.graph.joining import limit_of
from features.graph.layout import (
    BORN,
    FIRST,
    HEAD,
    KIND,
    LAST,
    NONE,
    OTHER,
    PERSON,
    R_DESTINATION,
    REFUSED,
    ROW_WIDTH,
    SAYS_NOTHING,
    SEQUENCE,
    SINCE,
    TIES,
    UNIONS,
    USER,
    Integers,
    next_of,
    root_of,
)
from features.graph.peers import accounts_of, confidence_between
from features.graph.persons import ACCOUNTS_MAX, PERSON_MIN, WEIGHTS
from features.graph.reading import WIDTH, read, replay
from features.graph.rows import ATTESTED, OUTCOMES, REFERRALS, SAYING, devices_of, verdict_of
from features.graph.store import Store
from features.graph.tables import KEYS, Number, rows_of

Vector = NDArray[np.float64]

GRAPH_DAYS: Final = 90
"""What was last seen so many days before today is forgotten: honest phones and addresses change hands by then."""

ROWS_AT_ONCE: Final = 65_536
_NO_VECTORS: Final = np.empty((0, WIDTH))


@dataclass(frozen=True)
class Tie:
    """A tie of a node: the first and last time (microseconds) at which both ends were seen, and the first sequence."""

    node: str
    first: int
    last: int
    sequence: int


@dataclass(frozen=True)
class Union:
    """One joining of two components; after a rebuild, all that still hold bear the rebuild's sequence."""

    sequence: int
    kept: str
    absorbed: str


class DeviceGraph:
    """What is tied now. Rows come in the order of their sequence, outcomes among them; reading changes nothing.

    A day's first row takes away what was last seen more than `keep_days` before, so the state follows from the rows
    alone. Online and offline agree if, and only if, both fold the same rows from the same beginning or snapshot.
    """

    def __init__(self, keep_days: int = GRAPH_DAYS) -> None:
        self.store = Store(keep_days)

    def read(self, row: Mapping[str, Any], into: Vector) -> None:
        """Write the features as of now into `into`, in the order of GRAPH_FEATURES."""
        read(self.store.arrays, self._numbers(row, self.store.known), into, WEIGHTS)

    def fold(self, row: Mapping[str, Any]) -> None:
        """Learn a row of the log, event or outcome. An outcome teaches only if it names its person (`user_id`)."""
        store = self.store
        numbers = self._numbers(row, store.number)
        store.make_room_for_ties(ROW_WIDTH)
        fold(store.arrays, numbers)
        store.tidy()

    def vectors(self, events: pa.Table) -> Vector:
        """`(events, features)`: each row as of itself, then learned; the same as row by row. NaN for outcomes."""
        into = np.full((events.num_rows, WIDTH), np.nan)
        for start in range(0, events.num_rows, ROWS_AT_ONCE):
            self._replay(events.slice(start, ROWS_AT_ONCE), into[start : start + ROWS_AT_ONCE])
        return into

    def learn(self, events: pa.Table) -> None:
        """The same without reading."""
        for start in range(0, events.num_rows, ROWS_AT_ONCE):
            self._replay(events.slice(start, ROWS_AT_ONCE), _NO_VECTORS)

    def _replay(self, events: pa.Table, into: Vector) -> None:
        rows = rows_of(events, self.store.number)
        self.store.make_room_for_ties(int((rows[:, R_DESTINATION:] >= 0).sum()))
        replay(self.store.arrays, rows, into, WEIGHTS)
        self.store.tidy()

    def _numbers(self, row: Mapping[str, Any], number: Number) -> Integers:
        kind = row["kind"]
        is_outcome = kind in OUTCOMES
        verdict = verdict_of(*(row.get(name) for name in SAYING)) if is_outcome else SAYS_NOTHING
        attested = row.get("attestation") in ATTESTED
        numbers = [row["sequence"], row["event_time"], row["as_of"], verdict, attested, kind in REFERRALS, is_outcome]
        for _, column, prefix in KEYS:
            key = row.get(column)
            numbers.append(NONE if key is None else number(prefix + key))
        numbers += [number("device:" + key) for key in devices_of(row)]
        numbers += [NONE] * (ROW_WIDTH - len(numbers))
        return np.array(numbers, np.int64)

    @property
    def unions(self) -> list[Union]:
        """Every union since the last rebuild, in order."""
        graph, name = self.store.arrays, self.store.name
        logged = graph.unions[: graph.totals[UNIONS]].tolist()
        return [Union(sequence, name(kept), name(absorbed)) for sequence, kept, absorbed in logged]

    @property
    def counted(self) -> dict[str, int]:
        """How much there is: nodes, ties, ties refused at a limit; and the sequence of the last rebuild."""
        totals = self.store.arrays.totals
        sizes = {"ties": int(totals[TIES]), "refused": int(totals[REFUSED]), "rebuilt_at": int(totals[SINCE])}
        return {"nodes": len(self.store.numbers), **sizes}

    def ties_of(self, node: str) -> Iterator[Tie]:
        """What `node` is tied to directly, the newest tie first; a person's referrer and referred ones among them."""
        number, graph = self.store.known(node), self.store.arrays
        tie = int(graph.nodes[number, HEAD]) if self.store.has(number) else NONE
        while tie != NONE:
            row = graph.ties[tie]
            other = int(row[OTHER] if row[PERSON] == number else row[PERSON])
            yield Tie(self.store.name(other), int(row[FIRST]), int(row[LAST]), int(row[SEQUENCE]))
            tie = int(next_of(graph.ties, tie, number))

    def neighbours(self, node: str) -> Iterator[str]:
        """The nodes tied to `node` directly, in no particular order."""
        return (tie.node for tie in self.ties_of(node))

    def is_hub(self, node: str) -> bool:
        """Whether so many people share the node that it joins nobody."""
        number, graph = self.store.known(node), self.store.arrays
        if not self.store.has(number):
            return False
        kind = int(graph.nodes[number, KIND])
        degree = int(graph.degrees[number].max() if kind == USER else graph.degrees[number, USER])
        return degree >= limit_of(kind)

    def representative(self, node: str) -> int | None:
        """A number that the nodes of one component have in common until the next row; None for an unknown node."""
        number = self.store.known(node)
        return int(root_of(self.store.arrays.nodes, number)) if self.store.has(number) else None

    def ring_of(self, node: str, sequence: int | None = None) -> list[str]:
        """The names of the node's component, in order; with `sequence`, as it was after that row.

        Raises LookupError for a sequence before the last rebuild: the log can be replayed up to it.
        """
        number, graph = self.store.known(node), self.store.arrays
        if sequence is not None and sequence < graph.totals[SINCE]:
            raise LookupError(f"unions are kept since sequence {graph.totals[SINCE]}; replay the log up to {sequence}")
        if not self.store.has(number):
            return []
        until = np.iinfo(np.int64).max if sequence is None else sequence
        return sorted(self.store.name(at) for at in members_at(graph, number, until).tolist())

    def same_person(self, user_a: str, user_b: str) -> float:
        """How sure it is, from 0 to 1, that one person is behind two accounts; 1 for one account."""
        one, two = (self.store.known(f"user:{user}") for user in (user_a, user_b))
        if user_a == user_b:
            return 1.0
        if not (self.store.has(one) and self.store.has(two)):
            return 0.0
        return float(confidence_between(self.store.arrays, one, two, WEIGHTS))

    def accounts_of(self, user: str, confidence_min: float = PERSON_MIN) -> list[str]:
        """All accounts of the person, those linked by the confidence or more, the first in the graph first.

        Links are followed through at most ACCOUNTS_MAX accounts. Who is not in the graph stands for themselves.
        """
        start, graph = self.store.known(f"user:{user}"), self.store.arrays
        if not self.store.has(start):
            return [user]
        found = {start: None}
        for account in iter(waiting := [start]):
            linked = accounts_of(graph, account, WEIGHTS, confidence_min).tolist()
            new = [other for other in linked if other not in found][: ACCOUNTS_MAX - len(found)]
            found.update(dict.fromkeys(new))
            waiting += new
        in_order = sorted(found, key=lambda number: int(graph.nodes[number, BORN]))
        return [self.store.name(number).partition(":")[2] for number in in_order]

    def snapshot(self) -> bytes:
        """The whole state: equal states give equal bytes, whatever way they came about."""
        return snapshots.written(self.store)

    @classmethod
    def restore(cls, snapshot: bytes) -> "DeviceGraph":
        """The graph that `snapshot` was taken of. Raises ValueError for bytes of another kind or version."""
        graph = cls()
        graph.store = snapshots.read(snapshot)
        return graph
