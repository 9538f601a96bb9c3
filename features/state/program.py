"""A table of features as arrays that the compiled loops read: which rings, registers and lists a key's record holds.

Each array has one record an item; `at` is an offset into the record of a key. Nothing here depends on data.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.events import Kind
from features.state.heap import BLOCK_WORDS_MAX, Words
from features.state.keys import RECORD_HEAD
from features.state.queue import CAPACITY_FIRST, QUEUE_WORDS
from features.windows import DISTINCT_MAX, Aggregate, Entity, Measure, Ratio, Windowed, measure_of

MISSING: Final = np.iinfo(np.int64).min
"""The amount of an event that has no value."""
NOTHING: Final = np.iinfo(np.int64).max
"""The lowest of no values."""

# What an event hands to a lane: one, its value, the negated value, the value in grains, their square.
ONE, VALUE, NEGATED, GRAINS, SQUARE, PRESENT = range(6)
# How a feature's value follows from what the record holds.
SUM, MEAN, VARIANCE, LOWEST, HIGHEST, LAST, SINCE, DECAYED, DISTINCT, RATIO = range(10)

Records = npt.NDArray[np.void]
Record = Any
"""One record of such an array: compiled code reads its fields as attributes."""


def _record(integers: str, floats: str = "") -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in floats.split()])


ENTITY: Final = _record(
    "key words ring ring_end register register_end decay decay_end recent recent_end feature feature_end"
)
INPUT: Final = _record("column kind form grain")
WINDOW: Final = _record("over hop")
RING: Final = _record("floor start at lane lowest lanes width feature feature_end")
REGISTER: Final = _record("at input reach feature feature_end")
DECAY: Final = _record("at input half_life feature feature_end")
RECENT: Final = _record("at input column reach feature feature_end")
FEATURE: Final = _record("shape place at a b count over floor", "scale empty")


class Program(NamedTuple):
    """Items name the columns of the facts that they read: `lanes[i]` that of the amount which lane `i` adds up.

    Features of rings come before those of the rest, ratios last.
    """

    entities: Records
    windows: Records
    inputs: Records
    rings: Records
    lanes: Words
    registers: Records
    decays: Records
    recents: Records
    features: Records


@dataclass
class Compiled:
    """A program with what its caller must hand it: measures, columns of values and of keys, in this order."""

    program: Program
    entities: list[Entity]
    measures: list[Measure]
    columns: list[str]
    facts: "Facts"
    read: list[Words]
    """Per entity: the columns of the facts that its parts read."""
    words_per_event_max: int


@dataclass(frozen=True)
class Facts:
    """Where the facts of a row lie: one row of integers each, its TIME, AS_OF and KIND, then these columns.

    `numbers` per measure, `values` per column of values to be told apart, `keys` per entity; and what follows from
    them: `floors` and `starts` per window (its lower edge, and the start of the row's tile), `amounts` per input.
    """

    numbers: int
    values: int
    keys: int
    floors: int
    starts: int
    amounts: int
    width: int


TIME, AS_OF, KIND = range(3)


@dataclass
class _Compiler:
    inputs: dict[tuple[str, str, int], int] = field(default_factory=dict)
    measures: dict[str, int] = field(default_factory=dict)
    columns: dict[str, int] = field(default_factory=dict)
    windows: dict[tuple[int, int], int] = field(default_factory=dict)
    tables: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in Program._fields})
    words: int = 0
    """Of the record being laid out."""

    def input(self, measure: str, kind: str, form: int) -> int:
        return self.inputs.setdefault((measure, kind, form), len(self.inputs))

    def window(self, feature: Windowed) -> int:
        return self.windows.setdefault((feature.over, feature.hop), len(self.windows))

    def take(self, words: int) -> int:
        at, self.words = self.words, self.words + words
        return at

    def span(self, group: Sequence[object]) -> tuple[int, int]:
        """The first and the end of the features about to be laid out for a group."""
        return len(self.tables["features"]), len(self.tables["features"]) + len(group)

    def entity(self, placed: Sequence[tuple[int, Windowed]]) -> None:
        """Lay out the record of one entity."""
        self.words = RECORD_HEAD
        parts = ("rings", "registers", "decays", "recents", "features")
        before = [len(self.tables[part]) for part in parts]
        ringed = [(at, one) for at, one in placed if one.aggregate in _RINGED]
        for group in _grouped(ringed).values():
            self.ring(group)
        for aggregate, lay_out in (
            (_POINTED, self.register),
            ((Aggregate.DECAYED,), self.decay),
            (_LISTED, self.recent),
        ):
            chosen = [(at, one) for at, one in placed if one.aggregate in aggregate]
            for group in _grouped(chosen, by="measure kind").values():
                lay_out(group)
        after = [len(self.tables[part]) for part in parts]
        spans = [bound for pair in zip(before, after, strict=True) for bound in pair]
        self.tables["entities"].append((len(self.tables["entities"]), self.words, *spans))

    def ring(self, group: list[tuple[int, Windowed]]) -> None:
        """One ring for all features of the same window: lanes that add up first, then those that keep the lowest."""
        adding = list(dict.fromkeys(one for _, feature in group for one in self._added(feature)))
        lowest = list(dict.fromkeys(self._kept(feature) for _, feature in group if feature.aggregate in _EXTREME))
        lanes = [*adding, *lowest]  # a sum and a minimum of one column are two lanes of one input
        first_lane, features = len(self.tables["lanes"]), self.span(group)
        self.tables["lanes"] += lanes
        for place, feature in group:
            own = [adding.index(one) for one in self._added(feature)]
            if feature.aggregate in _EXTREME:
                own = [len(adding) + lowest.index(self._kept(feature))]
            self._ringed(place, feature, own)
        at = self.take(QUEUE_WORDS + len(lanes))
        self.tables["rings"].append(
            (
                *[self.window(group[0][1])] * 2,
                at,
                first_lane,
                len(adding),
                len(lanes),
                1 + len(lanes),
                *features,
            )
        )

    def _added(self, feature: Windowed) -> list[int]:
        """The inputs that the feature adds up, in the order in which `_ringed` reads them."""
        forms = {Aggregate.COUNT: [ONE], Aggregate.SUM: [VALUE], Aggregate.MEAN: [VALUE, PRESENT]}
        forms |= {Aggregate.VARIANCE: [GRAINS, SQUARE, PRESENT]}
        return [self.input(feature.measure, feature.kind, form) for form in forms.get(feature.aggregate, [])]

    def _kept(self, feature: Windowed) -> int:
        return self.input(feature.measure, feature.kind, VALUE if feature.aggregate is Aggregate.MIN else NEGATED)

    def _ringed(self, place: int, feature: Windowed, lanes: list[int]) -> None:
        a, *rest = lanes
        squares, count = (rest[0], rest[1]) if len(rest) == 2 else (0, rest[0] if rest else 0)
        self.feature(place, feature, a=a, b=squares, count=count)

    def register(self, group: list[tuple[int, Windowed]]) -> None:
        measure, kind = group[0][1].measure, group[0][1].kind
        at = self.take(2)
        reach = max(feature.over + feature.hop for _, feature in group)
        amount = self.input(measure, kind, VALUE if measure else ONE)
        self.tables["registers"].append((at, amount, reach, *self.span(group)))
        for place, feature in group:
            self.feature(place, feature, at=at)

    def decay(self, group: list[tuple[int, Windowed]]) -> None:
        for place, feature in group:
            at = self.take(2)
            form = VALUE if feature.measure else ONE
            amount = self.input(feature.measure, feature.kind, form)
            self.tables["decays"].append((at, amount, feature.over, *self.span([(place, feature)])))
            self.feature(place, feature, at=at)

    def recent(self, group: list[tuple[int, Windowed]]) -> None:
        column = self.columns.setdefault(group[0][1].measure, len(self.columns))
        at = self.take(QUEUE_WORDS)
        reach = max(feature.over + feature.hop for _, feature in group)
        amount = self.input("", group[0][1].kind, ONE)
        self.tables["recents"].append((at, amount, column, reach, *self.span(group)))
        for place, feature in group:
            self.feature(place, feature, at=at)

    def feature(self, place: int, feature: Windowed, **where: int) -> None:
        shape = _SHAPES[feature.aggregate]
        measure = measure_of(feature.measure)
        scale = float(measure.grain / measure.scale) ** 2 if shape == VARIANCE else float(measure.scale)
        where = {"at": 0, "a": 0, "b": 0, "count": 0} | where
        empty = 0.0 if feature.aggregate in _ZERO_WHEN_EMPTY else np.nan
        self.tables["features"].append(
            (shape, place, *where.values(), feature.over, self.window(feature), scale, empty)
        )

    def ratio(self, place: int, top: int, bottom: int) -> None:
        self.tables["features"].append((RATIO, place, 0, top, bottom, 0, 0, 0, 1.0, np.nan))

    def input_table(self) -> list[tuple[int, ...]]:
        kinds = {"": -1} | {str(kind): at for at, kind in enumerate(Kind)}
        return [
            (
                -1 if not measure else self.measures.setdefault(measure, len(self.measures)),
                kinds[kind],
                form,
                measure_of(measure).grain,
            )
            for measure, kind, form in self.inputs
        ]


_RINGED: Final = (Aggregate.COUNT, Aggregate.SUM, Aggregate.MEAN, Aggregate.VARIANCE, Aggregate.MIN, Aggregate.MAX)
_EXTREME: Final = (Aggregate.MIN, Aggregate.MAX)
_POINTED: Final = (Aggregate.LAST, Aggregate.SINCE)
_LISTED: Final = (Aggregate.DISTINCT,)
_ZERO_WHEN_EMPTY: Final = (Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT, Aggregate.DECAYED)
_SHAPES: Final = {
    Aggregate.COUNT: SUM,
    Aggregate.SUM: SUM,
    Aggregate.MEAN: MEAN,
    Aggregate.VARIANCE: VARIANCE,
    Aggregate.MIN: LOWEST,
    Aggregate.MAX: HIGHEST,
    Aggregate.LAST: LAST,
    Aggregate.SINCE: SINCE,
    Aggregate.DECAYED: DECAYED,
    Aggregate.DISTINCT: DISTINCT,
}


def _grouped(
    placed: Sequence[tuple[int, Windowed]], by: str = "over hop"
) -> dict[tuple[Any, ...], list[tuple[int, Windowed]]]:
    groups: dict[tuple[Any, ...], list[tuple[int, Windowed]]] = {}
    for place, feature in placed:
        groups.setdefault(tuple(getattr(feature, name) for name in by.split()), []).append((place, feature))
    return groups


def compiled(features: Sequence[Windowed | Ratio]) -> Compiled:
    """The program of a table. Raises ValueError for a ratio of features that are not in the table."""
    entities = list(dict.fromkeys(feature.entity for feature in features))
    compiler = _Compiler()
    for entity in entities:
        compiler.entity(
            [(at, one) for at, one in enumerate(features) if one.entity is entity and isinstance(one, Windowed)]
        )
        _ratios(compiler, features, entity)
    tables: dict[str, Any] = compiler.tables | {"inputs": compiler.input_table(), "windows": list(compiler.windows)}
    dtypes: dict[str, Any] = dict(
        zip(Program._fields, (ENTITY, WINDOW, INPUT, RING, np.int64, REGISTER, DECAY, RECENT, FEATURE), strict=True)
    )
    program = Program(**{name: np.array(tables[name], dtype) for name, dtype in dtypes.items()})
    assert program.entities["words"].max(initial=0) < BLOCK_WORDS_MAX, "too many features of one entity"
    measures = [measure_of(name) for name in compiler.measures]
    margin = _words_per_event_max(program)
    facts = _facts(len(measures), len(compiler.columns), len(entities), len(program.windows), len(program.inputs))
    _point_at(program, facts)
    read = [_columns_read(program, part) for part in program.entities]
    return Compiled(program, entities, measures, list(compiler.columns), facts, read, margin)


def _facts(*counts: int) -> Facts:
    measures, columns, entities, windows, inputs = counts
    ends = np.cumsum([KIND + 1, measures, columns, entities, windows, windows, inputs])
    return Facts(*map(int, ends))


def _point_at(program: Program, facts: Facts) -> None:
    """From numbers of windows, inputs and columns to the columns of the facts."""
    program.inputs["column"] += np.where(program.inputs["column"] >= 0, facts.numbers, 0)
    program.entities["key"] += facts.keys
    program.rings["floor"] += facts.floors
    program.rings["start"] += facts.starts
    program.features["floor"] += facts.floors
    program.lanes[:] += facts.amounts
    for part in (program.registers, program.decays, program.recents):
        part["input"] += facts.amounts
    program.recents["column"] += facts.values


def _columns_read(program: Program, part: Record) -> Words:
    """By the parts of one entity's records, all of them."""
    rings = program.rings[part["ring"] : part["ring_end"]]
    lanes = [program.lanes[ring["lane"] : ring["lane"] + ring["lanes"]] for ring in rings]
    registers = program.registers[part["register"] : part["register_end"]]
    decays = program.decays[part["decay"] : part["decay_end"]]
    recents = program.recents[part["recent"] : part["recent_end"]]
    floors = program.features["floor"][part["feature"] : part["feature_end"]]
    amounts = [*lanes, registers["input"], decays["input"], recents["input"]]
    always = np.array([TIME, AS_OF, part["key"]])
    return np.unique(np.concatenate([always, floors, rings["start"], *amounts, recents["column"]]))


def _ratios(compiler: _Compiler, features: Sequence[Windowed | Ratio], entity: Entity) -> None:
    places = {feature: at for at, feature in enumerate(features)}
    for at, feature in enumerate(features):
        if isinstance(feature, Ratio) and feature.entity is entity:
            if feature.top not in places or feature.bottom not in places:
                raise ValueError(f"{feature.name}: both of its features must be in the table, too")
            compiler.ratio(at, places[feature.top], places[feature.bottom])
    *head, _ = compiler.tables["entities"][-1]
    compiler.tables["entities"][-1] = (*head, len(compiler.tables["features"]))


def _words_per_event_max(program: Program) -> int:
    """What one event can take: a new record for each entity, and each queue moved into a block of its largest size.

    To be asked before `_point_at`: a ring still names its window.
    """
    windows = program.windows[program.rings["floor"]]
    tiles = _capacity(windows["over"] // windows["hop"] + 2) * program.rings["width"]
    values = len(program.recents) * 2 * _capacity(np.array(DISTINCT_MAX))
    return int(program.entities["words"].sum() + tiles.sum() + values)


def _capacity(entries: Words) -> Words:
    """The size of the block of a queue that holds so many: it slides while half is free, so at most four times."""
    return np.asarray(4 * np.maximum(entries, CAPACITY_FIRST))
