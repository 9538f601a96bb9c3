"""A model: two boosters, and heads that join their margins into one probability for events and for withdrawals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.boosters import matrix
from training.heads import Head, is_withdrawal

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """Boosters by part, heads by what is scored. A `withdrawal` head that is absent shares the one for events.

    `left_out` gives the reason for each part that could not be trained; `context` is what the signature says of the
    training: target, features_version, trained_at, training_rows, base_rate.
    """

    features: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    categorical: tuple[str, ...]
    boosters: Mapping[str, lightgbm.Booster]
    heads: Mapping[str, Head]
    left_out: Mapping[str, str] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)

    def margins(self, frame: pl.DataFrame) -> dict[str, Floats]:
        """Raw log-odds of every part, one for each row."""
        return {
            part: np.asarray(booster.predict(matrix(frame, self.groups[part]), raw_score=True), dtype=np.float64)
            for part, booster in self.boosters.items()
        }

    def head(self, name: str) -> Head:
        """A `withdrawal` without a head of its own is judged as an event. Raises KeyError for a head that is absent."""
        shares = name == "withdrawal" and name not in self.heads
        return self.heads["event" if shares else name]

    def score(self, frame: pl.DataFrame) -> Floats:
        """Calibrated probabilities of the main target for rows with `kind` and the features, by the heads they ask."""
        margins = self.margins(frame)
        if self.context["target"] == "reversal":
            return self.head("reversal").probabilities(margins)
        withdrawals = is_withdrawal(frame)
        events, others = (self.head(name).probabilities(margins) for name in ("event", "withdrawal"))
        return np.where(withdrawals, others, events)
