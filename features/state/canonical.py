"""The state as bytes: the same knowledge gives the same bytes, whatever tables, restarts or forgetting led there.

A header line of JSON (format, version of the features, as of, keys), then the zstd-compressed words: per key its
entity, its digest, and what is left of each ring, register, decay and list as of the header's instant; keys in order.
"""

import json
from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from features.compiling import loop
from features.state.heap import KEYS, NOWHERE, Memory, Words, room
from features.state.keys import RECORD_DIGEST, RECORD_ENTITY
from features.state.observe import record_of
from features.state.points import decayed, is_since
from features.state.program import AS_OF, Compiled, Program
from features.state.queue import LENGTH, count_before, entry_of
from features.state.recent import WIDTH, fold_recent
from features.state.rings import LANES, TOTALS, tile_of
from features.state.rows import facts_at
from features.state.sweep import is_idle
from features.windows import Ratio, Windowed, version_of, without_reason

FORMAT: Final = 1
_NO_LIMIT: Final = np.iinfo(np.int64).min


def dump(memory: Memory, parts: Compiled, features: Sequence[Windowed | Ratio], as_of: int) -> bytes:
    now = facts_at(as_of, parts)
    records = _kept(memory, parts.program, now)
    order = np.lexsort((memory.heap[records + RECORD_DIGEST], memory.heap[records + RECORD_ENTITY]))
    words = np.empty(_written(memory, parts.program, records[order], now, np.empty(0, np.int64)), np.int64)
    _written(memory, parts.program, records[order], now, words)
    return sealed(features, as_of, len(records), words)


def sealed(features: Sequence[Windowed | Ratio], as_of: int, keys: int, words: Words) -> bytes:
    """Words in their canonical order, under the header that says what they are."""
    header = {"format": FORMAT, "features": _version(features), "as_of": as_of, "keys": keys, "words": len(words)}
    return json.dumps(header).encode() + b"\n" + pa.compress(words.tobytes(), codec="zstd", asbytes=True)


def words_of(snapshot: bytes, features: Sequence[Windowed | Ratio]) -> tuple[int, Words]:
    """As of when, and the words. Raises ValueError for what this code cannot continue from."""
    head, _, body = snapshot.partition(b"\n")
    try:
        header = json.loads(head)
        known = (header["format"], header["features"])
        if known != (FORMAT, _version(features)):
            raise ValueError("the snapshot is of another version of the features: rebuild it from the log")
        words = np.frombuffer(pa.decompress(body, 8 * header["words"], "zstd", asbytes=True), np.int64)
    except (KeyError, TypeError, OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError("the snapshot is damaged: rebuild it from the log") from error
    return header["as_of"], words


def _version(features: Sequence[Windowed | Ratio]) -> str:
    return version_of([without_reason(feature) for feature in features])


@loop
def _kept(memory: Memory, program: Program, now: Words) -> Words:
    records = np.empty(memory.heap[KEYS], np.int64)
    count = 0
    for record in memory.table:
        if record != NOWHERE and not is_idle(memory, program, record, now):
            records[count] = record
            count += 1
    return records[:count]


@loop
def _put(words: Words, at: int, word: int) -> int:
    """Write a word, or only count it when there is no room to write to."""
    if len(words):
        words[at] = word
    return at + 1


@loop
def _written(memory: Memory, program: Program, records: Words, now: Words, words: Words) -> int:
    """The records' words, into `words` unless that is empty; how many they are."""
    at = 0
    for record in records:
        at = _put(words, at, memory.heap[record + RECORD_ENTITY])
        at = _put(words, at, memory.heap[record + RECORD_DIGEST])
        part = program.entities[memory.heap[record + RECORD_ENTITY]]
        for number in range(part.ring, part.ring_end):
            at = _put_ring(memory.heap, program, number, record, now, words, at)
        for number in range(part.register, part.register_end):
            at = _put_register(memory.heap, program, number, record, now, words, at)
        for number in range(part.decay, part.decay_end):
            at = _put_decay(memory, program, number, record, now, words, at)
        for number in range(part.recent, part.recent_end):
            at = _put_recent(memory.heap, program, number, record, now, words, at)
    return at


@loop
def _put_ring(heap: Words, program: Program, number: int, record: int, now: Words, words: Words, at: int) -> int:
    """How many tiles are left, and each with its start and lanes."""
    ring = program.rings[number]
    where = record + ring.at
    gone = count_before(heap, where, ring.width, now[ring.floor, 0])
    at = _put(words, at, heap[where + LENGTH] - gone)
    first, last = entry_of(heap, where, ring.width, gone), entry_of(heap, where, ring.width, heap[where + LENGTH])
    for word in range(first, last):
        at = _put(words, at, heap[word])
    return at


@loop
def _put_register(heap: Words, program: Program, number: int, record: int, now: Words, words: Words, at: int) -> int:
    register = program.registers[number]
    kept = is_since(heap, record + register.at, now[AS_OF, 0] - register.reach)
    at = _put(words, at, heap[record + register.at] if kept else 0)
    return _put(words, at, heap[record + register.at + 1] if kept else 0)


@loop
def _put_decay(memory: Memory, program: Program, number: int, record: int, now: Words, words: Words, at: int) -> int:
    decay = program.decays[number]
    kept = decayed(memory.heap, memory.floats, record + decay.at, now[AS_OF, 0], decay.half_life) != 0
    at = _put(words, at, memory.heap[record + decay.at] if kept else 0)
    return _put(words, at, memory.heap[record + decay.at + 1] if kept else 0)


@loop
def _put_recent(heap: Words, program: Program, number: int, record: int, now: Words, words: Words, at: int) -> int:
    recent = program.recents[number]
    where = record + recent.at
    gone = count_before(heap, where, WIDTH, now[AS_OF, 0] - recent.reach)
    at = _put(words, at, heap[where + LENGTH] - gone)
    for word in range(entry_of(heap, where, WIDTH, gone), entry_of(heap, where, WIDTH, heap[where + LENGTH])):
        at = _put(words, at, heap[word])
    return at


@loop
def load(memory: Memory, program: Program, words: Words, begin: int, margin: int) -> int:
    """Put back keys from `begin` on; where it stopped: at the end, or when it needs more room."""
    at, heap = begin, memory.heap
    while at < len(words):
        if room(heap) < margin or 2 * heap[KEYS] >= len(memory.table):
            return at
        entity = words[at]
        record = record_of(memory, program, entity, words[at + 1])
        at += 2
        part = program.entities[entity]
        for number in range(part.ring, part.ring_end):
            at = _get_ring(heap, program, number, record, words, at)
        for number in range(part.register, part.register_end):
            at = _get_pair(heap, record + program.registers[number].at, words, at)
        for number in range(part.decay, part.decay_end):
            at = _get_pair(heap, record + program.decays[number].at, words, at)
        for number in range(part.recent, part.recent_end):
            at = _get_recent(heap, record + program.recents[number].at, words, at)
    return at


@loop
def _get_ring(heap: Words, program: Program, number: int, record: int, words: Words, at: int) -> int:
    ring = program.rings[number]
    where, count = record + ring.at, words[at]
    at += 1
    for _ in range(count):
        tile = tile_of(heap, ring, where, words[at])
        at += 1
        for lane in range(ring.lanes):
            heap[tile + LANES + lane] = words[at + lane]
        for lane in range(ring.lowest):
            heap[where + TOTALS + lane] += words[at + lane]
        for lane in range(ring.lowest, ring.lanes):
            heap[where + TOTALS + lane] = min(heap[where + TOTALS + lane], words[at + lane])
        at += ring.lanes
    return at


@loop
def _get_pair(heap: Words, where: int, words: Words, at: int) -> int:
    heap[where], heap[where + 1] = words[at], words[at + 1]
    return at + 2


@loop
def _get_recent(heap: Words, where: int, words: Words, at: int) -> int:
    count = words[at]
    at += 1
    for _ in range(count):
        fold_recent(heap, where, words[at], words[at + 1], _NO_LIMIT)
        at += 2
    return at
