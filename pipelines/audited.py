"""What an audit found: cells that differ, faults of single decisions, and what could not be judged."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from features.fold import Vector
from features.vector import FEATURES

EXAMPLES_MAX: Final = 10
RELATIVE_MAX: Final = 1e-9
"""Decayed sums are floats: the order in which a state was folded may show in the last digits, and nowhere else."""


@dataclass(frozen=True)
class Mismatch:
    """One cell: what the service stored and what the log gives."""

    event_id: str
    feature: str
    stored: float
    computed: float


@dataclass(frozen=True)
class Fault:
    """What is wrong with a decision, or with the event that it was made on. `decision_id` follows from the event's."""

    decision_id: str
    what: str


@dataclass
class Audit:
    """What was compared.

    `late`: decided events that happened before another that was known already. `repeated`: events among them whose id
    the log holds twice. `lost`: decisions whose event did not arrive where they say. `missing`: arrivals that neither
    the log nor the records hold any more. `rescored`: decisions whose score was computed anew. `misscored`: those whose
    score differs, or is no probability although a model scored. `redecided`: decisions whose action was derived anew
    from that score. `faults`: what is wrong with single decisions and their events, by what it is.

    Not judged: `other_version`, decisions with features of another version; `unscored`, whose version of the model
    cannot be had any more; `other_policy`, whose action followed another policy than today's.
    """

    decisions: int = 0
    cells: int = 0
    late: int = 0
    repeated: int = 0
    other_version: int = 0
    lost: int = 0
    missing: int = 0
    rescored: int = 0
    misscored: int = 0
    unscored: int = 0
    redecided: int = 0
    other_policy: int = 0
    differing: Counter[str] = field(default_factory=Counter)
    examples: list[Mismatch] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    blamed: list[Fault] = field(default_factory=list)

    @property
    def mismatches(self) -> int:
        return self.differing.total()

    @property
    def is_clean(self) -> bool:
        """Whether nothing that was judged is wrong."""
        return not (self.mismatches or self.lost or self.missing or self.misscored or self.faults)

    @property
    def unjudged(self) -> int:
        """Decisions of which something was not judged: they may be wrong."""
        return self.other_version + self.unscored + self.other_policy

    def blame(self, decision_id: str, what: str) -> None:
        """Count a fault; the first ones are kept by name."""
        self.faults[what] += 1
        if len(self.blamed) < EXAMPLES_MAX:
            self.blamed.append(Fault(decision_id, what))

    def compare(self, event_id: str, stored: Vector, computed: Vector) -> bool:
        """Count the cells of one decision; whether all of them are the same."""
        self.cells += len(stored)
        differing = np.flatnonzero(~same(stored, computed))
        for at in differing:
            self.differing[FEATURES[at]] += 1
            if len(self.examples) < EXAMPLES_MAX:
                self.examples.append(Mismatch(event_id, FEATURES[at], float(stored[at]), float(computed[at])))
        return not len(differing)


def same(stored: Vector, computed: Vector) -> npt.NDArray[np.bool_]:
    """Cell by cell, up to the last digits; two missing values are the same."""
    return np.isclose(stored, computed, rtol=RELATIVE_MAX, atol=RELATIVE_MAX, equal_nan=True)
