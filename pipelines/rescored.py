"""Scores computed anew by the very version of the model that a decision names."""

from dataclasses import dataclass, field
from typing import Any

from features.events import Kind
from features.fold import Vector
from serving.decision import UNEXPLAINED, Score
from serving.scoring import FraudModel, Registry, RegistryAwayError, UnfitModelError


@dataclass
class Rescoring:
    """Holds each version that was asked for, however often the alias has moved since."""

    registry: Registry
    _models: dict[str, FraudModel | None] = field(default_factory=dict)

    def score(self, decision: Any, vector: Vector) -> Score | None:
        """What the version that decided makes of `vector`; None where that version cannot be had any more.

        `decision` has `kind` and `model_version`.
        """
        version = decision.model_version
        if version not in self._models:
            self._models[version] = self._load(version)
        model = self._models[version]
        return None if model is None else model.score(Kind(decision.kind), vector, UNEXPLAINED)

    def _load(self, version: str) -> FraudModel | None:
        try:
            return self.registry.model(version)
        except (RegistryAwayError, UnfitModelError):
            return None
