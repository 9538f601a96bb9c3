"""Rows as the compiled loops take them, and one of them with all that it hands to the features."""

from typing import Final, NamedTuple

import numpy as np

from features.compiling import inlined, loop
from features.state.heap import Words
from features.state.program import GRAINS, MISSING, NEGATED, ONE, PRESENT, SQUARE, Program
from features.windows import GRAINS_MAX

NO_KEY: Final = 0


class Rows(NamedTuple):
    """Rows as the loops take them, the first axis the row: times and as-of in microseconds, the number of the kind,
    the measures' integers (MISSING where there is none), the digests of the values to be told apart, and the digests
    of the entities' keys (NO_KEY where there is none).

    The rest follows (`complete`): per window its lower edge and the start of the row's tile, and per input its amount.
    """

    times: Words
    as_of: Words
    kinds: Words
    numbers: Words
    values: Words
    keys: Words
    floors: Words
    starts: Words
    amounts: Words


@inlined
def _hand_out(program: Program, rows: Rows, row: int) -> None:
    """What one event hands to each input."""
    for at in range(len(program.inputs)):
        one = program.inputs[at]
        if one.kind >= 0 and rows.kinds[row] != one.kind:
            rows.amounts[row, at] = MISSING
        elif one.form == ONE:
            rows.amounts[row, at] = 1
        else:
            rows.amounts[row, at] = _shaped(rows.numbers[row, one.column], one.form, one.grain)


@inlined
def _shaped(number: int, form: int, grain: int) -> int:
    if number == MISSING:
        return MISSING
    if form == PRESENT:
        return 1
    if form == NEGATED:
        return -number
    if form in (GRAINS, SQUARE):
        grains = max(-GRAINS_MAX, min(GRAINS_MAX, number // grain))
        return grains if form == GRAINS else grains * grains
    return number


@loop
def complete(program: Program, rows: Rows) -> None:
    """Fill in what follows from the rest: each row's lower edges, the starts of its own tiles, and its amounts."""
    for row in range(len(rows.times)):
        for at in range(len(program.windows)):
            window = program.windows[at]
            edge = rows.as_of[row] - window.over
            rows.floors[row, at] = edge - edge % window.hop
            rows.starts[row, at] = rows.times[row] - rows.times[row] % window.hop
        _hand_out(program, rows, row)


def blank_rows(program: Program, count: int, measures: int, columns: int) -> Rows:
    """Rows to be filled in: zeros, so without keys."""
    sizes = (measures, columns, len(program.entities), len(program.windows), len(program.windows), len(program.inputs))
    times = np.zeros((3, count), np.int64)
    return Rows(*times, *(np.zeros((count, max(size, 1)), np.int64) for size in sizes))
