"""Which features a model leans on: the gain of its splits, weighed as its head weighs the parts."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from training.models import Model


@dataclass(frozen=True)
class Leaning:
    """`share` of all that the main head hears, 0 to 1; `part` is where the feature is read."""

    feature: str
    part: str
    share: float


def main_head(model: Model) -> str:
    """The head of the model's target for events, the commonest question."""
    return "reversal" if model.context["target"] == "reversal" else "event"


def leanings(model: Model) -> list[Leaning]:
    """Every feature that splits, largest share first; empty for a head that hears no part.

    A part's gains are divided by their sum, for they are in units of its own loss, and multiplied by the share of the
    part's weight in the main head. Gain favours features of many values, and says nothing of direction.
    """
    weights = model.heads[main_head(model)].weights if main_head(model) in model.heads else {}
    found = []
    for part, weight in weights.items():
        gains = np.asarray(model.boosters[part].feature_importance("gain"), dtype=np.float64)
        shares = gains / max(gains.sum(), np.finfo(float).tiny) * weight / sum(weights.values())
        found += [
            Leaning(name, part, float(share)) for name, share in zip(model.groups[part], shares, strict=True) if share
        ]
    return sorted(found, key=lambda one: (-one.share, one.feature))


def digest_of(model: Model) -> str:
    """A SHA-256 of boosters and heads: models of equal digest give equal scores."""
    digest = sha256()
    for part, booster in sorted(model.boosters.items()):
        digest.update(f"{part} {model.groups[part]} {booster.model_to_string()}".encode())
    for name, head in sorted(model.heads.items()):
        digest.update(f"{name} {head.intercept!r} {dict(head.weights)!r}".encode())
    return digest.hexdigest()
