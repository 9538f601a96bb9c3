"""The facts of rows as the compiled loops read them: integers, `(columns, rows)`, laid out by `program.Facts`."""

from typing import Final

import numpy as np

from features.compiling import inlined, lean_loop
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
    return np.zeros((wanted.facts.width, count), np.int64)


def complete(wanted: Compiled, facts: Words) -> None:
    """Fill in what follows from the rest: each row's lower edges, the starts of its own tiles, and its amounts."""
    where = wanted.facts
    _complete(wanted.program, facts, where.floors, where.starts, where.amounts)


@lean_loop
def _complete(program: Program, facts: Words, floors: int, starts: int, amounts: int) -> None:
    for row in range(facts.shape[1]):
        for at in range(len(program.windows)):
            window = program.windows[at]
            edge = facts[AS_OF, row] - window.over
            facts[floors + at, row] = edge - edge % window.hop
            facts[starts + at, row] = facts[TIME, row] - facts[TIME, row] % window.hop
        for at in range(len(program.inputs)):
            one = program.inputs[at]
            if one.kind >= 0 and facts[KIND, row] != one.kind:
                facts[amounts + at, row] = MISSING
            elif one.form == ONE:
                facts[amounts + at, row] = 1
            else:
                facts[amounts + at, row] = _shaped(facts[one.column, row], one.form, one.grain)


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
