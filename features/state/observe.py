"""The two verbs of the state, a row or a whole table at a time: read what is known as of a row, then fold the row.

A table is read entity by entity and key by key: the events of one key are folded one after the other while its
record is at hand. Entities and keys do not depend on each other, so the values are those of reading row by row.
"""

import numpy as np

from features.compiling import inlined, loop
from features.state.facts import NO_KEY
from features.state.heap import KEYS, NOWHERE, Floats, Memory, Words, room
from features.state.keys import find, find_or_add
from features.state.points import decayed, fold_decay, fold_register, is_since, last_of, seconds_since
from features.state.program import AS_OF, DECAYED, DISTINCT, MISSING, RATIO, SINCE, TIME, Program, Record
from features.state.recent import count_since, fold_recent
from features.state.rings import fold_ring, start_ring, totals_as_of, value_of


@inlined
def read_nothing(program: Program, entity: int, value: float, into: Floats, out: int) -> None:
    """Write `value` into each feature of the entity, or what a key without events has if `value` is zero."""
    part = program.entities[entity]
    for at in range(part.feature, part.feature_end):
        feature = program.features[at]
        into[out, feature.place] = feature.empty if value == 0 else value


@inlined
def read_record(
    memory: Memory, program: Program, entity: int, record: int, facts: Words, row: int, into: Floats, out: int
) -> None:
    """Write the features of one key as of a row into `into[out]`. Changes nothing."""
    heap, floats, totals, features = memory.heap, memory.floats, memory.scratch, program.features
    part = program.entities[entity]
    at = part.feature
    for number in range(part.ring, part.ring_end):
        ring = program.rings[number]
        totals_as_of(heap, ring, record + ring.at, facts[row, ring.floor], totals)
        while at < ring.feature_end:
            feature = features[at]
            into[out, feature.place] = value_of(feature, totals)
            at += 1
    while at < part.feature_end:
        feature = features[at]
        if feature.shape == RATIO:
            into[out, feature.place] = _ratio(into[out, feature.a], into[out, feature.b])
        else:
            edge = facts[row, feature.floor]
            into[out, feature.place] = _value(heap, floats, feature, record + feature.at, facts[row, AS_OF], edge)
        at += 1


@inlined
def _ratio(top: float, bottom: float) -> float:
    return np.nan if bottom == 0 else top / bottom


@inlined
def _value(heap: Words, floats: Floats, feature: Record, at: int, as_of: int, floor: int) -> float:
    if feature.shape == DECAYED:
        return decayed(heap, floats, at, as_of, feature.over) / feature.scale
    if feature.shape == DISTINCT:
        return count_since(heap, at, floor)
    if not is_since(heap, at, floor):
        return np.nan
    if feature.shape == SINCE:
        return seconds_since(heap, at, as_of)
    return last_of(heap, at, feature.scale)


@inlined
def fold_record(memory: Memory, program: Program, entity: int, record: int, facts: Words, row: int) -> None:
    """Learn one event of one key."""
    heap, floats, lanes, part = memory.heap, memory.floats, program.lanes, program.entities[entity]
    time, as_of = facts[row, TIME], facts[row, AS_OF]
    for number in range(part.ring, part.ring_end):
        ring = program.rings[number]
        fold_ring(heap, lanes, ring, record + ring.at, facts, row)
    for number in range(part.register, part.register_end):
        register = program.registers[number]
        if facts[row, register.input] != MISSING:
            fold_register(heap, record + register.at, time, facts[row, register.input])
    for number in range(part.decay, part.decay_end):
        decay = program.decays[number]
        if facts[row, decay.input] != MISSING:
            fold_decay(heap, floats, record + decay.at, time, as_of, facts[row, decay.input], decay.half_life)
    for number in range(part.recent, part.recent_end):
        recent = program.recents[number]
        if facts[row, recent.input] != MISSING and facts[row, recent.column] != NO_KEY:
            fold_recent(heap, record + recent.at, time, facts[row, recent.column], as_of - recent.reach)


@inlined
def record_of(memory: Memory, program: Program, entity: int, key: int) -> int:
    """The record of a key, made when it is new."""
    keys_before = memory.heap[KEYS]
    record = find_or_add(memory, entity, key, program.entities[entity].words)
    if memory.heap[KEYS] != keys_before:
        for number in range(program.entities[entity].ring, program.entities[entity].ring_end):
            start_ring(memory.heap, program.rings[number], record + program.rings[number].at)
    return record


@loop
def read_row(memory: Memory, program: Program, facts: Words, into: Floats) -> None:
    """Write every feature as of the first row of `facts` into `into[0]`: missing (NaN) without a key."""
    for entity in range(len(program.entities)):
        key = facts[0, program.entities[entity].key]
        record = NOWHERE if key == NO_KEY else find(memory, entity, key)
        if record == NOWHERE:
            read_nothing(program, entity, np.nan if key == NO_KEY else 0.0, into, 0)
        else:
            read_record(memory, program, entity, record, facts, 0, into, 0)


@loop
def fold_row(memory: Memory, program: Program, facts: Words) -> None:
    """Learn the first row of `facts`. The caller has made sure of the room."""
    for entity in range(len(program.entities)):
        key = facts[0, program.entities[entity].key]
        if key != NO_KEY:
            fold_record(memory, program, entity, record_of(memory, program, entity, key), facts, 0)


@loop
def observe_entity(
    memory: Memory, program: Program, entity: int, facts: Words, outs: Words, begin: int, margin: int, into: Floats
) -> int:
    """Read, then fold, the rows of `facts` from `begin` on; those of one key lie together. Row `i` is `into[outs[i]]`.

    Returns where it stopped: at the end, or before a row for which less than `margin` words or half the index are left.
    `into` has as many rows as there are to be read, or none when they are only to be learned.
    """
    reads, before, record = len(into) > 0, NO_KEY, NOWHERE
    column = program.entities[entity].key
    for row in range(begin, len(facts)):
        if room(memory.heap) < margin or 2 * memory.heap[KEYS] >= len(memory.table):
            return row
        key = facts[row, column]
        if key == NO_KEY:
            if reads:
                read_nothing(program, entity, np.nan, into, outs[row])
            continue
        if key != before:
            before, record = key, record_of(memory, program, entity, key)
        if reads:
            read_record(memory, program, entity, record, facts, row, into, outs[row])
        fold_record(memory, program, entity, record, facts, row)
    return len(facts)


@loop
def values_of_keys(memory: Memory, program: Program, entity: int, keys: Words, now: Words, into: Floats) -> None:
    """The features of each key of one entity as of the instant `now`; other columns of `into` are left alone."""
    for at in range(len(keys)):
        record = find(memory, entity, keys[at])
        if record == NOWHERE:
            read_nothing(program, entity, 0.0, into, at)
        else:
            read_record(memory, program, entity, record, now, 0, into, at)
