"""The two verbs of the state for a whole table: read and fold, one part of the records after the other.

The rows of an entity are put in the order of their keys. Then each ring, register, decay and list goes through all of
them, reading and folding in the order of their sequence: what a part needs is at hand for every row, and Python and the
table of features are asked once a part, not once a row. Parts, keys and entities do not depend on each other, so the
values are those of reading and folding row by row.
"""

from typing import NamedTuple

import numpy as np

from features.compiling import lean_loop
from features.state.facts import NO_KEY
from features.state.heap import KEYS, Floats, Memory, Words, nth, room
from features.state.observe import ratio_of, record_of
from features.state.points import decayed, fold_decay, fold_register, point_value
from features.state.program import AS_OF, RATIO, Program
from features.state.recent import count_since, fold_different
from features.state.rings import TOTALS, expire, fold_ring, value_of


class Batch(NamedTuple):
    """The rows of one entity that have a key, those of one key together: what its parts read of them, and the record
    of each. Row `i` is read into `into[:, outs[i]]`; `into` is `(features, rows)`, empty if nothing is to be read.
    """

    facts: Words
    records: Words
    outs: Words
    into: Floats


def order_of(keys: Words) -> Words:
    """The rows that have a key, those of one key together, in the order of their sequence.

    Sorting by sixteen bits of the digests is ten times as fast as by all of them. Keys that share these bits come
    among each other: their records are found more often, and nothing else changes.
    """
    rows = np.argsort(keys.astype(np.uint16), kind="stable")
    return rows[keys[rows] != NO_KEY]


@lean_loop
def gather(facts: Words, columns: Words, rows: Words, into: Words) -> None:
    """The columns of those rows, in their order: each part reads some of them from end to end."""
    for column in columns:
        source, target = facts[column], into[column]
        for at in range(len(rows)):
            target[at] = source[nth(rows[at])]


# Each of these goes on from row `begin` and returns where it stopped: at the end, or before a row for which there may
# be too little room.


@lean_loop
def find_records(memory: Memory, program: Program, entity: int, batch: Batch, begin: int, margin: int) -> int:
    keys, records = batch.facts[program.entities[entity].key], batch.records
    before, record = NO_KEY, 0
    for row in range(begin, len(records)):
        if room(memory.heap) < margin or 2 * memory.heap[KEYS] >= len(memory.table):
            return row
        if keys[row] != before:
            before, record = keys[row], record_of(memory, program, entity, keys[row])
        records[row] = record
    return len(records)


@lean_loop
def observe_ring(memory: Memory, program: Program, number: int, batch: Batch, begin: int, margin: int) -> int:
    heap, lanes, ring = memory.heap, program.lanes, program.rings[number]
    facts, records, outs, into = batch.facts, batch.records, batch.outs, batch.into
    for row in range(begin, len(records)):
        if room(heap) < margin:
            return row
        at = records[nth(row)] + ring.at
        expire(heap, ring, at, facts[nth(ring.floor), nth(row)])
        if len(into):
            for place in range(ring.feature, ring.feature_end):
                feature = program.features[place]
                into[nth(feature.place), nth(outs[nth(row)])] = value_of(feature, heap, at + TOTALS)
        fold_ring(heap, lanes, ring, at, facts, row)
    return len(records)


@lean_loop
def observe_register(memory: Memory, program: Program, number: int, batch: Batch, begin: int, margin: int) -> int:
    heap, register = memory.heap, program.registers[number]
    facts, records, outs, into = batch.facts, batch.records, batch.outs, batch.into
    for row in range(begin, len(records)):
        at = records[nth(row)] + register.at
        if len(into):
            for place in range(register.feature, register.feature_end):
                feature = program.features[place]
                into[nth(feature.place), nth(outs[nth(row)])] = point_value(heap, feature, at, facts, row)
        fold_register(heap, register, at, facts, row)
    return len(records)


@lean_loop
def observe_decay(memory: Memory, program: Program, number: int, batch: Batch, begin: int, margin: int) -> int:
    heap, floats, decay = memory.heap, memory.floats, program.decays[number]
    feature = program.features[decay.feature]
    facts, records, outs, into = batch.facts, batch.records, batch.outs, batch.into
    for row in range(begin, len(records)):
        at = records[nth(row)] + decay.at
        known = decayed(heap, floats, at, facts[nth(AS_OF), nth(row)], decay.half_life)
        if len(into):
            into[nth(feature.place), nth(outs[nth(row)])] = known / feature.scale
        fold_decay(heap, floats, decay, at, known, facts, row)
    return len(records)


@lean_loop
def observe_recent(memory: Memory, program: Program, number: int, batch: Batch, begin: int, margin: int) -> int:
    heap, recent = memory.heap, program.recents[number]
    facts, records, outs, into = batch.facts, batch.records, batch.outs, batch.into
    for row in range(begin, len(records)):
        if room(heap) < margin:
            return row
        at = records[nth(row)] + recent.at
        if len(into):
            for place in range(recent.feature, recent.feature_end):
                feature = program.features[place]
                floor = facts[nth(feature.floor), nth(row)]
                into[nth(feature.place), nth(outs[nth(row)])] = count_since(heap, at, floor)
        fold_different(heap, recent, at, facts, row)
    return len(records)


@lean_loop
def read_ratios(program: Program, into: Floats) -> None:
    """From the features that they divide, which have been read."""
    for feature in program.features:
        if feature.shape == RATIO:
            for row in range(into.shape[1]):
                into[feature.place, row] = ratio_of(into[feature.a, row], into[feature.b, row])
