"""Scores and actions made anew, by the very version of the model and the very policy that a decision names."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from features.events import Kind
from features.fold import Vector
from serving.decision import UNEXPLAINED, Action, Score
from serving.policy import Policy
from serving.scoring import FraudModel, NoModel, Registry, RegistryAwayError, UnfitModelError
from serving.shadow import BY_MONEY, would_be

NO_MODEL: Final = NoModel.version
_MONEY_DECIDES: Final = {True: Action.DECLINE, False: Action.REVIEW}
"""What money can do to a withdrawal, and to another event."""


@dataclass
class Rescoring:
    """Holds each version that was asked for, however often the alias has moved since."""

    registry: Registry
    _models: dict[str, FraudModel | None] = field(default_factory=dict)

    def score(self, decision: Any, vector: Vector) -> Score | None:
        """What the version that decided makes of `vector`; None where that version cannot be had any more.

        `decision` has `kind` and `model_version`.
        """
        version = str(decision.model_version)
        if version not in self._models:
            self._models[version] = self._load(version)
        model = self._models[version]
        return None if model is None else model.score(Kind(decision.kind), vector, UNEXPLAINED)

    def _load(self, version: str) -> FraudModel | None:
        try:
            return self.registry.model(version)
        except (RegistryAwayError, UnfitModelError):
            return None


def stored_scores(decision: Any) -> Vector:
    """Its score and reversal score, shape (2,); nan where it has none."""
    return np.array([_number(decision.score), _number(decision.reversal_score)])


def _number(stored: Any) -> float:
    if stored is None:
        return np.nan
    # What is no number differs from every probability.
    return float(stored) if isinstance(stored, int | float) else np.inf


def is_action_right(decision: Any, score: Score, policy: Policy) -> bool:
    """Whether `policy` would have done with `score` what was done. `decision` has the event's `body`, which is sound.

    Where money decided, only that it did what money can do: the book of that instant is not to be had.
    """
    try:
        is_right = bool(decision.action == would_be(decision, score, policy))
        by_money = BY_MONEY.intersection(json.loads(decision.reason_codes)[:1])
    except (ValueError, TypeError, KeyError):  # reasons that cannot be read, or an action that there is not
        return False
    is_withdrawal = decision.kind == Kind.WITHDRAWAL_REQUESTED
    return is_right and (not by_money or decision.action == _MONEY_DECIDES[is_withdrawal])
