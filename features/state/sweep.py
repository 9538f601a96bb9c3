"""Forgetting: a key of which nothing is left in any window gives back its record."""

from features.compiling import loop
from features.state.heap import NOWHERE, Memory, Words
from features.state.keys import RECORD_ENTITY, remove
from features.state.points import decayed, is_since
from features.state.program import AS_OF, Program, Record
from features.state.queue import give_back
from features.state.recent import WIDTH, count_since
from features.state.rings import has_tiles_since


@loop
def is_idle(memory: Memory, program: Program, record: int, now: Words) -> bool:
    """Whether the key reads, now and from now on, like one that was never seen."""
    part = program.entities[memory.heap[record + RECORD_ENTITY]]
    for number in range(part.ring, part.ring_end):
        ring = program.rings[number]
        if has_tiles_since(memory.heap, ring, record + ring.at, now[ring.floor, 0]):
            return False
    return not _remembers(memory, program, part, record, now[AS_OF, 0])


@loop
def _remembers(memory: Memory, program: Program, part: Record, record: int, as_of: int) -> bool:
    """Whether a register, a decay or a list still counts for something."""
    heap = memory.heap
    for number in range(part.register, part.register_end):
        register = program.registers[number]
        if is_since(heap, record + register.at, as_of - register.reach):
            return True
    for number in range(part.decay, part.decay_end):
        decay = program.decays[number]
        if decayed(heap, memory.floats, record + decay.at, as_of, decay.half_life) != 0:
            return True
    for number in range(part.recent, part.recent_end):
        recent = program.recents[number]
        if count_since(heap, record + recent.at, as_of - recent.reach):
            return True
    return False


@loop
def drop(memory: Memory, program: Program, record: int) -> None:
    """Give back a key's record and all that hangs on it."""
    heap, part = memory.heap, program.entities[memory.heap[record + RECORD_ENTITY]]
    for number in range(part.ring, part.ring_end):
        give_back(heap, record + program.rings[number].at, program.rings[number].width)
    for number in range(part.recent, part.recent_end):
        give_back(heap, record + program.recents[number].at, WIDTH)
    remove(memory, record, part.words)


@loop
def sweep(memory: Memory, program: Program, now: Words, begin: int, places: int) -> tuple[int, int]:
    """Drop the idle keys among `places` places of the index from `begin` on. How many, and where to go on."""
    gone, place = 0, begin % len(memory.table)
    for _ in range(min(places, len(memory.table))):
        record = memory.table[place]
        if record != NOWHERE and is_idle(memory, program, record, now):
            drop(memory, program, record)
            gone += 1
        else:
            # After a drop another key may have moved here: the same place is looked at again.
            place = (place + 1) % len(memory.table)
    return gone, place
