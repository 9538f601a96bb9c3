"""The facts of a row as the compiled loops read them: one row of integers, its columns laid out by `program.Facts`."""

from typing import Final

import numpy as np

from features.compiling import inlined, loop
from features.state.heap import Words
from features.state.program import (
    AS_OF,
    GRAINS,
    KIND,
    MISSING,
    NEGATED,
    ONE,
    PRESENT,
    SQUARE,
    TIME,
    Compiled,
    Program,
)
from features.windows import GRAINS_MAX

NO_KEY: Final = 0


def blank_facts(wanted: Compiled, count: int) -> Words:
    """Rows to be filled in: zeros, so without keys."""
    return np.zeros((count, wanted.facts.width), np.int64)


def complete(wanted: Compiled, facts: Words) -> None:
    """Fill in what follows from the rest: each row's lower edges, the starts of its own tiles, and its amounts."""
    where = wanted.facts
    _complete(wanted.program, facts, where.floors, where.starts, where.amounts)


@loop
def _complete(program: Program, facts: Words, floors: int, starts: int, amounts: int) -> None:
    for row in range(len(facts)):
        for at in range(len(program.windows)):
            window = program.windows[at]
            edge = facts[row, AS_OF] - window.over
            facts[row, floors + at] = edge - edge % window.hop
            facts[row, starts + at] = facts[row, TIME] - facts[row, TIME] % window.hop
        for at in range(len(program.inputs)):
            one = program.inputs[at]
            if one.kind >= 0 and facts[row, KIND] != one.kind:
                facts[row, amounts + at] = MISSING
            elif one.form == ONE:
                facts[row, amounts + at] = 1
            else:
                facts[row, amounts + at] = _shaped(facts[row, one.column], one.form, one.grain)


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
