"""A snapshot of the whole state in parts, one a shard of an entity's keys, and back to the same bytes.

Keys do not depend on each other, so whoever has an entity's features and a shard of its keys can go on alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.compiling import loop
from features.digests import NO_DIGEST
from features.state.canonical import sealed, words_of
from features.state.heap import Words
from features.state.program import Program, compiled
from features.windows import Entity, Ratio, Windowed

Table = Sequence[Windowed | Ratio]
SHARDS_MAX: Final = 256


@dataclass(frozen=True)
class Shard:
    """Those keys of an entity whose digest, modulo `of`, is `number`."""

    entity: Entity
    number: int
    of: int

    def __post_init__(self) -> None:
        if not (1 <= self.of <= SHARDS_MAX and 0 <= self.number < self.of):
            raise ValueError(f"there are 1 to {SHARDS_MAX} shards, numbered from 0, not {self.number} of {self.of}")

    @property
    def name(self) -> str:
        return f"{self.entity.label}-{self.number}"

    def holds(self, digests: Words) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which keys belong to it; a missing one belongs to none."""
        inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = digests.view(np.uint64) % np.uint64(self.of) == self.number
        return inside & (digests != NO_DIGEST)


def entities_of(table: Table) -> list[Entity]:
    """The entities of a table, as its state numbers them."""
    return list(dict.fromkeys(feature.entity for feature in table))


def part_of(table: Table, entity: Entity) -> list[Windowed | Ratio]:
    """The features of one entity, in the order of the table."""
    return [feature for feature in table if feature.entity is entity]


def shards_of(table: Table, shards: int) -> list[Shard]:
    """Every shard; those of the entities with the most features, which take longest, come first."""
    entities = sorted(entities_of(table), key=lambda entity: -len(part_of(table, entity)))
    return [Shard(entity, number, shards) for entity in entities for number in range(shards)]


def parted(snapshot: bytes, table: Table, shards: Sequence[Shard]) -> Iterator[tuple[Shard, bytes]]:
    """Each shard with its part, a snapshot of its entity's features alone. Raises ValueError as restoring does."""
    as_of, words = words_of(snapshot, table)
    spans, numbers = _spans(compiled(table).program, words), entities_of(table)
    entities, digests = words[spans[:, 0]], words[spans[:, 0] + 1]
    for shard in shards:
        chosen = spans[(entities == numbers.index(shard.entity)) & shard.holds(digests)]
        # Alone, an entity is the first of its table.
        part = _gathered(words, chosen, np.zeros(len(chosen), np.int64))
        yield shard, sealed(part_of(table, shard.entity), as_of, len(chosen), part)


def united(parts: Sequence[tuple[Shard, bytes]], table: Table) -> bytes:
    """The snapshot of the whole from those of all shards, taken as of the same instant. Raises ValueError otherwise."""
    read = [(shard.entity, *words_of(part, part_of(table, shard.entity))) for shard, part in parts]
    instants = {as_of for _, as_of, _ in read}
    if len(instants) != 1:
        raise ValueError(f"parts of one state are of one instant, not of {sorted(instants)}")
    words = np.concatenate([part for _, _, part in read])
    spans, entities = _placed(read, table)
    order = np.lexsort((words[spans[:, 0] + 1], entities))
    return sealed(table, instants.pop(), len(spans), _gathered(words, spans[order], entities[order]))


def _placed(read: Sequence[tuple[Entity, int, Words]], table: Table) -> tuple[Words, Words]:
    """Where each key lies among the words of all parts, and the number of its entity in the whole."""
    numbers, begin = entities_of(table), 0
    spans, entities = [], []
    for entity, _, words in read:
        found = _spans(compiled(part_of(table, entity)).program, words)
        spans.append(found + begin)
        entities.append(np.full(len(found), numbers.index(entity)))
        begin += len(words)
    return np.concatenate(spans), np.concatenate(entities)


def _spans(program: Program, words: Words) -> Words:
    """`(keys, 2)`: where each key begins and ends."""
    # A key takes two words at least.
    spans = np.empty((len(words) // 2, 2), np.int64)
    return spans[: _find_spans(program, words, spans)]


@loop
def _find_spans(program: Program, words: Words, spans: Words) -> int:
    count = at = 0
    while at < len(words):
        part = program.entities[words[at]]
        spans[count, 0] = at
        at += 2
        for number in range(part.ring, part.ring_end):
            at += 1 + words[at] * (1 + program.rings[number].lanes)
        at += 2 * (part.register_end - part.register + part.decay_end - part.decay)
        for _ in range(part.recent, part.recent_end):
            at += 1 + 2 * words[at]
        spans[count, 1] = at
        count += 1
    return count


@loop
def _gathered(words: Words, spans: Words, entities: Words) -> Words:
    """The words of the spans, one after the other, each under the number of its entity."""
    gathered = np.empty((spans[:, 1] - spans[:, 0]).sum(), np.int64)
    at = 0
    for key in range(len(spans)):
        begin, end = spans[key]
        gathered[at : at + end - begin] = words[begin:end]
        gathered[at] = entities[key]
        at += end - begin
    return gathered
