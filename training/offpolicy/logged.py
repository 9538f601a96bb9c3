"""What a policy chose, with which probability, and what came of it: the log that another policy is judged on."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PROPENSITY_MIN: Final = 0.01
"""Below it one row would speak for more than a hundred: no log is read that holds such a choice."""


@dataclass(frozen=True)
class Logged:
    """One row a choice, oldest first.

    `context` (rows, features) is what was known before the choice, its first column ones; `arm` (rows) what was chosen;
    `propensity` (rows) the probability of that choice, NaN where it was not logged; `outcome` (rows) what came of it,
    from 0 to 1, NaN where unknown; `gain` (rows or 1, arms) what an outcome of 1 is worth under each arm, so that the
    payoff is outcome x gain; `person` (rows) an integer for each person: the rows of one are not independent.
    `propensity_min` is what the logging policy promises at least for whatever it chooses.
    """

    context: Floats
    arm: Ints
    propensity: Floats
    outcome: Floats
    gain: Floats
    person: Ints
    propensity_min: float = PROPENSITY_MIN

    def __post_init__(self) -> None:
        rows = len(self.arm)
        lengths = {"context": self.context, "propensity": self.propensity, "outcome": self.outcome}
        for name, column in (lengths | {"person": self.person}).items():
            if len(column) != rows:
                raise ValueError(
                    f"{name} has {len(column):,} rows, arm has {rows:,}: give one of each for every choice"
                )
        if self.gain.shape[0] not in (1, rows):
            raise ValueError(f"gain has {self.gain.shape[0]:,} rows: give one for every choice, or one for all")
        if rows and not (self.arm.min() >= 0 and self.arm.max() < self.arms):
            raise ValueError(f"arm must be from 0 to {self.arms - 1}, as gain has {self.arms} columns")

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def arms(self) -> int:
        return int(self.gain.shape[1])

    @cached_property
    def gains(self) -> Floats:
        """(rows, arms)."""
        return np.broadcast_to(self.gain, (len(self), self.arms))

    @cached_property
    def payoff(self) -> Floats:
        """(rows) what the choice that was made brought."""
        return self.outcome * self.gains[np.arange(len(self)), self.arm]

    @cached_property
    def persons(self) -> tuple[int, Ints]:
        """How many people, and each row's number among them, in the order of their first rows."""
        _, first, numbers = np.unique(self.person, return_index=True, return_inverse=True)
        ranks = np.empty(len(first), np.int64)
        ranks[np.argsort(first)] = np.arange(len(first))
        return len(first), ranks[numbers]

    def weights(self, candidate: Floats) -> Floats:
        """(rows) how much more, or less, likely the candidate is to make the choice that was made."""
        return candidate[np.arange(len(self)), self.arm] / self.propensity
