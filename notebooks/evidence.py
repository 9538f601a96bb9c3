"""What raised a score: the stored contributions, each with its value and how unusual that value is."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sqlalchemy import Row

from features.fold import Vector
from features.vector import CATEGORICAL, DESCRIPTIONS, FEATURES
from notebooks import wording
from serving import records

SHOWN_MAX: Final = 12


@dataclass(frozen=True)
class Standing:
    """Shares of comparable decisions whose value is known and lies below, or equals, this one."""

    below: float
    equal: float
    compared: int

    @property
    def middle(self) -> float:
        """Where the value sits between the smallest (0) and the largest (1); equals share their place."""
        return self.below + self.equal / 2

    def in_words(self) -> str:
        above = 1 - self.below - self.equal
        if self.equal > 0.5:
            return f"as usual: the same in {self.equal:.0%}"
        return f"higher than in {self.below:.0%}" if self.below >= above else f"lower than in {above:.0%}"


def standing(value: float, others: Vector) -> Standing | None:
    """Where `value` stands among `others`; None when it, or all of them, are missing."""
    known = others[~np.isnan(others)]
    if math.isnan(value) or not len(known):
        return None
    return Standing(float(np.mean(known < value)), float(np.mean(known == value)), len(known))


@dataclass(frozen=True)
class Evidence:
    """One feature of a decision, in words. `odds` is the factor by which it raised the odds; None where not stored."""

    name: str
    label: str
    value: str
    unit: str
    standing: Standing | None
    odds: float | None

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return self.value if self.value == "not known" else f"{self.value} {self.unit}".strip()

    @property
    def usual(self) -> str:
        """How the value sits among comparable decisions; an empty text for a category, which has no order."""
        return self.standing.in_words() if self.standing else ""

    def as_row(self) -> dict[str, Any]:
        return {
            "What": self.label,
            "Value": self.value,
            "Unit": self.unit,
            "Among recent decisions": self.usual,
            "Odds of fraud": f"× {self.odds:.2f}" if self.odds is not None else "",
            "Exact definition": DESCRIPTIONS[self.name],
            "Feature": self.name,
        }


def whole_vector(decision: Row[Any], event: Mapping[str, Any], before: Vector) -> list[Evidence]:
    """Every feature, in the order of FEATURES. `before`: `(decisions, features)` to compare with."""
    weights = dict(json.loads(decision.contributions))
    values = records.unpacked(decision.vector)
    if len(values) != len(FEATURES):
        return []
    return [
        Evidence(
            name=name,
            label=wording.label(name),
            value=wording.value(name, values[at], event),
            unit=wording.unit(name, decision.currency),
            standing=None if name in CATEGORICAL else standing(values[at], before[:, at]),
            odds=math.exp(weights[name]) if name in weights else None,
        )
        for at, name in enumerate(FEATURES)
    ]


def strongest(vector: list[Evidence]) -> list[Evidence]:
    """Those that raised the score, the strongest first, at most SHOWN_MAX."""
    raised = [one for one in vector if one.odds is not None and one.odds > 1]
    return sorted(raised, key=lambda one: -(one.odds or 0))[:SHOWN_MAX]
