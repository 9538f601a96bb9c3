"""The two verbs of the state for a row: read what is known as of it, then fold it. `table` has those for a table."""

import numpy as np

from features.compiling import inlined, lean_loop
from features.state.facts import NO_KEY
from features.state.heap import KEYS, NOWHERE, Floats, Memory, Words
from features.state.keys import find, find_or_add
from features.state.points import decayed, fold_decay, fold_register, point_value
from features.state.program import AS_OF, DECAYED, DISTINCT, RATIO, Program, Record
from features.state.recent import count_since, fold_different
from features.state.rings import expire, fold_ring, start_ring, totals_as_of, value_of


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
        totals_as_of(heap, ring, record + ring.at, facts[ring.floor, row], totals)
        while at < ring.feature_end:
            feature = features[at]
            into[out, feature.place] = value_of(feature, totals, 0)
            at += 1
    while at < part.feature_end:
        feature = features[at]
        if feature.shape == RATIO:
            into[out, feature.place] = ratio_of(into[out, feature.a], into[out, feature.b])
        else:
            into[out, feature.place] = _value(heap, floats, feature, record + feature.at, facts, row)
        at += 1


@inlined
def ratio_of(top: float, bottom: float) -> float:
    return np.nan if bottom == 0 else top / bottom


@inlined
def _value(heap: Words, floats: Floats, feature: Record, at: int, facts: Words, row: int) -> float:
    if feature.shape == DECAYED:
        return decayed(heap, floats, at, facts[AS_OF, row], feature.over) / feature.scale
    if feature.shape == DISTINCT:
        return count_since(heap, at, facts[feature.floor, row])
    return point_value(heap, feature, at, facts, row)


@inlined
def fold_record(memory: Memory, program: Program, entity: int, record: int, facts: Words, row: int) -> None:
    """Learn one event of one key."""
    heap, floats, lanes, part = memory.heap, memory.floats, program.lanes, program.entities[entity]
    for number in range(part.ring, part.ring_end):
        ring = program.rings[number]
        expire(heap, ring, record + ring.at, facts[ring.floor, row])
        fold_ring(heap, lanes, ring, record + ring.at, facts, row)
    for number in range(part.register, part.register_end):
        register = program.registers[number]
        fold_register(heap, register, record + register.at, facts, row)
    for number in range(part.decay, part.decay_end):
        decay = program.decays[number]
        at = record + decay.at
        known = decayed(heap, floats, at, facts[AS_OF, row], decay.half_life)
        fold_decay(heap, floats, decay, at, known, facts, row)
    for number in range(part.recent, part.recent_end):
        recent = program.recents[number]
        fold_different(heap, recent, record + recent.at, facts, row)


@inlined
def record_of(memory: Memory, program: Program, entity: int, key: int) -> int:
    """The record of a key, made when it is new."""
    keys_before = memory.heap[KEYS]
    record = find_or_add(memory, entity, key, program.entities[entity].words)
    if memory.heap[KEYS] != keys_before:
        for number in range(program.entities[entity].ring, program.entities[entity].ring_end):
            start_ring(memory.heap, program.rings[number], record + program.rings[number].at)
    return record


@lean_loop
def read_row(memory: Memory, program: Program, facts: Words, into: Floats) -> None:
    """Write every feature as of the first row of `facts` into `into[0]`: missing (NaN) without a key."""
    for entity in range(len(program.entities)):
        key = facts[program.entities[entity].key, 0]
        record = NOWHERE if key == NO_KEY else find(memory, entity, key)
        if record == NOWHERE:
            read_nothing(program, entity, np.nan if key == NO_KEY else 0.0, into, 0)
        else:
            read_record(memory, program, entity, record, facts, 0, into, 0)


@lean_loop
def fold_row(memory: Memory, program: Program, facts: Words) -> None:
    """Learn the first row of `facts`. The caller has made sure of the room."""
    for entity in range(len(program.entities)):
        key = facts[program.entities[entity].key, 0]
        if key != NO_KEY:
            fold_record(memory, program, entity, record_of(memory, program, entity, key), facts, 0)


@lean_loop
def values_of_keys(memory: Memory, program: Program, entity: int, keys: Words, now: Words, into: Floats) -> None:
    """The features of each key of one entity as of the instant `now`; other columns of `into` are left alone."""
    for at in range(len(keys)):
        record = find(memory, entity, keys[at])
        if record == NOWHERE:
            read_nothing(program, entity, 0.0, into, at)
        else:
            read_record(memory, program, entity, record, now, 0, into, at)
