"""Registers and decays: what needs no window of tiles.

A register is `[time, value]` of the latest event by when it happened, ties going to the one that arrived later. What
leaves a window leaves it in the order of its time, so if the latest has left, all have.
A decay is `[sum, time]`: each amount halves once in a half-life. Below `NEGLIGIBLE` it is nothing, so that a key that
was forgotten and one that was not have the same value.
"""

from typing import Final

import numpy as np

from features.compiling import inlined
from features.state.heap import Floats, Words, nth
from features.state.program import AS_OF, MISSING, SINCE, TIME, Record

NEGLIGIBLE: Final = 1e-10
_NEVER: Final = 0


@inlined
def fold_register(heap: Words, register: Record, at: int, facts: Words, row: int) -> None:
    """Times are kept one higher, so that zero stays free for never."""
    event_time, value = facts[nth(TIME), nth(row)], facts[nth(register.input), nth(row)]
    if value != MISSING and (heap[nth(at)] == _NEVER or event_time >= heap[nth(at)] - 1):
        heap[nth(at)], heap[nth(at + 1)] = event_time + 1, value


@inlined
def is_since(heap: Words, at: int, floor: int) -> bool:
    """Whether the register was written, with a time not below `floor`."""
    return heap[nth(at)] != _NEVER and heap[nth(at)] - 1 >= floor


@inlined
def point_value(heap: Words, feature: Record, at: int, facts: Words, row: int) -> float:
    """The register's last value, or the seconds since then; missing (NaN) when it left the window."""
    if not is_since(heap, at, facts[nth(feature.floor), nth(row)]):
        return np.nan
    if feature.shape == SINCE:
        return (facts[nth(AS_OF), nth(row)] - (heap[nth(at)] - 1)) / 1_000_000
    return heap[nth(at + 1)] / feature.scale


@inlined
def decayed(heap: Words, floats: Floats, at: int, as_of: int, half_life: int) -> float:
    """The sum as of an instant, unscaled."""
    if floats[nth(at)] == 0:
        return 0.0
    amount = floats[nth(at)] * np.exp2(-(as_of - heap[nth(at + 1)]) / half_life)
    return amount if abs(amount) >= NEGLIGIBLE else 0.0


@inlined
def fold_decay(heap: Words, floats: Floats, decay: Record, at: int, known: float, facts: Words, row: int) -> None:
    """Add one event's amount, as old as it is by now, to what is `known`, the sum as of now."""
    as_of, amount = facts[nth(AS_OF), nth(row)], facts[nth(decay.input), nth(row)]
    if amount != MISSING:
        age = as_of - facts[nth(TIME), nth(row)]
        late = 1.0 if age == 0 else np.exp2(-age / decay.half_life)
        floats[nth(at)] = known + amount * late
        heap[nth(at + 1)] = as_of
