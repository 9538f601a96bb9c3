"""A model: parts that give margins, and heads that join them into one probability for each question that is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm
import numpy as np
import polars as pl

from training.heads import Head, is_withdrawal
from training.labels import Target
from training.table import Floats, matrix


@dataclass(frozen=True)
class Model:
    """Boosters by part, `groups` the features of each in the order of its booster, heads by what is asked.

    A `withdrawal` head that is absent shares the one for events. `left_out` gives the reason for each part that could
    not be trained; `context` is what the signature says of the training: target, features_version, trained_at,
    training_rows, base_rate.
    """

    features: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    categorical: tuple[str, ...]
    boosters: Mapping[str, lightgbm.Booster]
    heads: Mapping[str, Head]
    left_out: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)

    def with_heads(self, heads: Mapping[str, Head]) -> "Model":
        return replace(self, heads=heads)

    def margins(self, frame: pl.DataFrame, parts: Sequence[str] | None = None) -> dict[str, Floats]:
        """What each part says of each row, unjoined; of the named parts only, if any are named."""
        return {
            part: np.asarray(
                self.boosters[part].predict(matrix(frame, self.groups[part]), raw_score=True), dtype=np.float64
            )
            for part in (self.boosters if parts is None else parts)
        }

    def head(self, name: str) -> Head:
        """A `withdrawal` without a head of its own is judged as an event. Raises KeyError for a head that is absent."""
        shares = name == "withdrawal" and name not in self.heads
        return self.heads["event" if shares else name]

    def score(self, frame: pl.DataFrame, target: Target | None = None) -> Floats:
        """Calibrated probabilities of a target, by default the main one, for rows with `kind` and the features.

        Raises KeyError when the model has no head for that target.
        """
        if (target or self.context["target"]) == "reversal":
            return self._probabilities("reversal", frame)
        withdrawals = is_withdrawal(frame)
        scores = np.empty(frame.height)
        for name, mask in (("event", ~withdrawals), ("withdrawal", withdrawals)):
            scores[mask] = self._probabilities(name, frame.filter(mask))
        return scores

    def _probabilities(self, name: str, frame: pl.DataFrame) -> Floats:
        head = self.head(name)
        if not frame.height:
            return np.empty(0)
        # Without a part that is heard, the head's own rate still needs to know how many rows there are.
        heard = self.margins(frame, tuple(head.weights)) or {"none": np.zeros(frame.height)}
        return head.probabilities(heard)
