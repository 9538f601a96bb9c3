"""Registers and decays: what needs no window of tiles.

A register is `[time, value]` of the latest event by when it happened, ties going to the one that arrived later. What
leaves a window leaves it in the order of its time, so if the latest has left, all have.
A decay is `[sum, time]`: each amount halves once in a half-life. Below `NEGLIGIBLE` it is nothing, so that a key that
was forgotten and one that was not have the same value.
"""

from typing import Final

import numpy as np

from features.compiling import inlined
from features.state.heap import Floats, Words

POINT_WORDS: Final = 2
NEGLIGIBLE: Final = 1e-10
_NEVER: Final = 0


@inlined
def fold_register(heap: Words, at: int, event_time: int, value: int) -> None:
    """Times are kept one higher, so that zero stays free for never."""
    if heap[at] == _NEVER or event_time >= heap[at] - 1:
        heap[at], heap[at + 1] = event_time + 1, value


@inlined
def is_since(heap: Words, at: int, floor: int) -> bool:
    """Whether the register was written, with a time not below `floor`."""
    return heap[at] != _NEVER and heap[at] - 1 >= floor


@inlined
def last_of(heap: Words, at: int, scale: float) -> float:
    return heap[at + 1] / scale


@inlined
def seconds_since(heap: Words, at: int, as_of: int) -> float:
    return (as_of - (heap[at] - 1)) / 1_000_000


@inlined
def decayed(heap: Words, floats: Floats, at: int, as_of: int, half_life: int) -> float:
    """The sum as of an instant, unscaled."""
    if floats[at] == 0:
        return 0.0
    amount = floats[at] * np.exp2(-(as_of - heap[at + 1]) / half_life)
    return amount if abs(amount) >= NEGLIGIBLE else 0.0


@inlined
def fold_decay(heap: Words, floats: Floats, at: int, time: int, as_of: int, amount: int, half_life: int) -> None:
    """Add one event's amount, as old as it is by now."""
    late = 1.0 if time == as_of else np.exp2(-(as_of - time) / half_life)
    floats[at] = decayed(heap, floats, at, as_of, half_life) + amount * late
    heap[at + 1] = as_of
