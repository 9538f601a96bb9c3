from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from training.offpolicy.logged import Floats, Ints, Logged


@dataclass(frozen=True)
class Tiny:
    """A world of two contexts and three arms in which everything that can happen can be written down."""

    chances: Floats  # (contexts): how often each comes
    logging: Floats  # (contexts, arms)
    candidate: Floats
    rates: Floats  # the mean outcome of an arm in a context
    gain: Floats  # (arms)

    def value(self, policy: Floats) -> float:
        return float(self.chances @ (policy * self.rates * self.gain).sum(axis=1))

    def cells(self) -> tuple[Ints, Ints, Floats, Floats]:
        """Context, arm, outcome and probability of everything that can happen under the logging policy."""
        grid = [(c, a, y) for c in range(2) for a in range(3) for y in (0, 1)]
        context, arm, outcome = (np.array(column) for column in zip(*grid, strict=True))
        rate = self.rates[context, arm]
        chance = self.chances[context] * self.logging[context, arm] * np.where(outcome, rate, 1 - rate)
        return context, arm, outcome.astype(float), chance

    def log(self, context: Ints, arm: Ints, outcome: Floats, person: Ints | None = None) -> Logged:
        return Logged(
            context=np.eye(2)[context],
            arm=arm,
            propensity=self.logging[context, arm],
            outcome=outcome,
            gain=self.gain[None, :],
            person=np.arange(len(arm)) if person is None else person,
            propensity_min=float(self.logging.min()),
        )

    def drawn(self, rows: int, draws: np.random.Generator) -> tuple[Logged, Ints]:
        contexts, arms, outcomes, chances = self.cells()
        picked = draws.choice(len(chances), rows, p=chances)
        return self.log(contexts[picked], arms[picked], outcomes[picked]), contexts[picked]


@pytest.fixture
def tiny() -> Tiny:
    return Tiny(
        chances=np.array([0.7, 0.3]),
        logging=np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]]),
        candidate=np.array([[0.1, 0.2, 0.7], [0.5, 0.5, 0.0]]),
        rates=np.array([[0.1, 0.3, 0.5], [0.6, 0.4, 0.2]]),
        gain=np.array([1.0, 0.9, 0.5]),
    )


@pytest.fixture
def like(tiny: Tiny) -> Callable[..., Tiny]:
    """The same world with other parts."""
    return lambda **parts: Tiny(**{**tiny.__dict__, **parts})
