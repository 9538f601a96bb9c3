"""Rings: the tiles of one key in one window, a queue with the oldest first, and their running totals.

A ring lies in its key's record as a queue, then one total a lane. A tile is `[start, lanes...]`. A lane adds up, or
keeps the lowest (the highest is the lowest of the negated).
"""

from typing import Final

import numpy as np

from features.compiling import inlined
from features.state.heap import Words, nth
from features.state.program import HIGHEST, LOWEST, MEAN, MISSING, NOTHING, SUM, Record
from features.state.queue import LENGTH, QUEUE_WORDS, drop_first, entry_of, insert

TOTALS: Final = QUEUE_WORDS
START: Final = 0
LANES: Final = 1


@inlined
def _lowest(heap: Words, ring: Record, at: int, gone: int, lane: int) -> int:
    """Of the tiles from number `gone` on."""
    lowest = NOTHING
    for number in range(gone, heap[nth(at + LENGTH)]):
        lowest = min(lowest, heap[nth(entry_of(heap, at, ring.width, number) + LANES + lane)])
    return lowest


@inlined
def start_ring(heap: Words, ring: Record, at: int) -> None:
    """Make a zeroed ring an empty one."""
    for lane in range(ring.lowest, ring.lanes):
        heap[nth(at + TOTALS + lane)] = NOTHING


@inlined
def _gone(heap: Words, ring: Record, at: int, floor: int) -> int:
    """How many tiles the lower edge has passed."""
    gone, length = 0, heap[nth(at + LENGTH)]
    while gone < length and heap[nth(entry_of(heap, at, ring.width, gone) + START)] < floor:
        gone += 1
    return gone


@inlined
def has_tiles_since(heap: Words, ring: Record, at: int, floor: int) -> bool:
    length = heap[nth(at + LENGTH)]
    return length > 0 and heap[nth(entry_of(heap, at, ring.width, length - 1) + START)] >= floor


@inlined
def expire(heap: Words, ring: Record, at: int, floor: int) -> None:
    """Drop the tiles that the lower edge has passed. The edge only ever moves up."""
    gone = _gone(heap, ring, at, floor)
    if gone:
        for number in range(gone):
            tile = entry_of(heap, at, ring.width, number) + LANES
            for lane in range(ring.lowest):
                heap[nth(at + TOTALS + lane)] -= heap[nth(tile + lane)]
        for lane in range(ring.lowest, ring.lanes):
            heap[nth(at + TOTALS + lane)] = _lowest(heap, ring, at, gone, lane)
        drop_first(heap, at, gone)


@inlined
def tile_of(heap: Words, ring: Record, at: int, start: int) -> int:
    """The tile that begins at `start`; a new one is put in its place, however late."""
    number = heap[nth(at + LENGTH)]
    while number and heap[nth(entry_of(heap, at, ring.width, number - 1) + START)] > start:
        number -= 1
    tile = entry_of(heap, at, ring.width, number - 1)
    if number == 0 or heap[nth(tile + START)] < start:
        tile = insert(heap, at, ring.width, number)
        heap[nth(tile + START)] = start
        for lane in range(ring.lanes):
            heap[nth(tile + LANES + lane)] = 0 if lane < ring.lowest else NOTHING
    return tile


@inlined
def fold_ring(heap: Words, lanes: Words, ring: Record, at: int, facts: Words, row: int) -> None:
    """Put one event into its tile; one that the edge has passed already into none. What it passed has been dropped."""
    start = facts[nth(ring.start), nth(row)]
    if start >= facts[nth(ring.floor), nth(row)]:
        _count_in(heap, lanes, ring, at, tile_of(heap, ring, at, start), facts, row)


@inlined
def _count_in(heap: Words, lanes: Words, ring: Record, at: int, tile: int, facts: Words, row: int) -> None:
    into, total = tile + LANES, at + TOTALS
    for lane in range(ring.lowest):
        amount = facts[nth(lanes[nth(ring.lane + lane)]), nth(row)]
        if amount != MISSING:
            heap[nth(into + lane)] += amount
            heap[nth(total + lane)] += amount
    for lane in range(ring.lowest, ring.lanes):
        amount = facts[nth(lanes[nth(ring.lane + lane)]), nth(row)]
        if amount != MISSING:
            heap[nth(into + lane)] = min(heap[nth(into + lane)], amount)
            heap[nth(total + lane)] = min(heap[nth(total + lane)], amount)


@inlined
def totals_as_of(heap: Words, ring: Record, at: int, floor: int, totals: Words) -> None:
    """The ring's totals without the tiles that the edge has passed, into `totals`. Changes nothing else."""
    for lane in range(ring.lanes):
        totals[lane] = heap[nth(at + TOTALS + lane)]
    gone = _gone(heap, ring, at, floor)
    if gone:
        for number in range(gone):
            tile = entry_of(heap, at, ring.width, number) + LANES
            for lane in range(ring.lowest):
                totals[lane] -= heap[nth(tile + lane)]
        for lane in range(ring.lowest, ring.lanes):
            totals[lane] = _lowest(heap, ring, at, gone, lane)


@inlined
def variance_of(total: int, squares: int, count: int) -> float:
    """The population variance from integer sums, shifted by the whole part of the mean so that nothing cancels.

    With q = total // count: sum((x - q)^2) = squares - 2 q total + count q^2, exact even where 64 bits wrap around on
    the way, because the result fits.
    """
    whole = total // count
    rest = total - whole * count
    shifted = squares - 2 * whole * total + count * whole * whole
    return (shifted - rest * rest / count) / count


@inlined
def value_of(feature: Record, words: Words, totals: int) -> float:
    """A feature's value from its ring's totals, which begin at `totals`; missing (NaN) where no event had a value."""
    amount = words[totals + feature.a]
    if feature.shape == SUM:
        return amount / feature.scale if feature.scale != 1 else float(amount)
    if feature.shape in (LOWEST, HIGHEST):
        sign = -1 if feature.shape == HIGHEST else 1
        return np.nan if amount == NOTHING else sign * amount / feature.scale
    count = words[totals + feature.count]
    if count == 0:
        return np.nan
    if feature.shape == MEAN:
        return amount / (count * feature.scale)
    return variance_of(amount, words[totals + feature.b], count) * feature.scale
