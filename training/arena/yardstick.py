"""A tree of depth 3 on the same labels: what it catches would be caught by three questions about what people do.

It is not told who was found out before. How soon partners find somebody out is no property of the attack, and a
yardstick that improved with every feature of that kind would call each family easy and leave nothing to be measured.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from features.vector import FEATURES
from training.arena.episode import Past
from training.labels import default_maturity, label_events

Floats = NDArray[np.float64]

DEPTH = 3
# What partners and reviewers said of earlier events, of the person or of those around them.
_FINDINGS = ("_found", "_bad_share")
ASKED = tuple(name for name in FEATURES if not any(word in name for word in _FINDINGS))
# A leaf for a handful of rows would be a rule for a handful of people.
_LEAF_ROWS_MIN = 50


def fit_tree(past: Past) -> Callable[[pl.DataFrame], Floats]:
    """The share of fraud in a row's leaf, fitted on every row with a mature label at the end of the past.

    Raises ValueError when the past has labels of one class only.
    """
    labels = label_events(past.frame, past.outcomes, "fraud", past.ends, default_maturity())
    known = labels.is_not_null()
    told = labels.drop_nulls().cast(pl.Int8).to_numpy()
    if len(np.unique(told)) < 2:
        raise ValueError("the past has no labels of both classes: take more users or days")
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=_LEAF_ROWS_MIN, random_state=0)
    tree.fit(past.frame.filter(known).select(ASKED).to_numpy(), told)

    def score(frame: pl.DataFrame) -> Floats:
        chances: Floats = tree.predict_proba(frame.select(ASKED).to_numpy())[:, 1]
        return chances

    return score
