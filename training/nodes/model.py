"""Trees over the features of nodes, averaged over seeds: learned from the train part, stopped by the validation part.

Columns and parameters were chosen on Tolokers, on five splits of another seed, learning from their train part and
measuring on their validation part. The splits that report draw from the same labelled nodes, so they are other splits
but no other nodes. Left out because they did not rank clearly better there, alone or averaged with the trees: kernel
ridge, logistic regression and small neural networks over features and position, extremely randomised trees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np

from features.rings.ties import Floats
from training.nodes.features import NodeFeatures
from training.nodes.known import known_of
from training.nodes.masks import Masks

SEEDS: Final = 4
MODELS: Final = SEEDS + 1
STOPPING_CLASS_MIN: Final = 10
"""Fewer validation nodes of a class decide nothing; then the rounds are ROUNDS_WITHOUT_STOPPING."""
ROUNDS_WITHOUT_STOPPING: Final = 200
_LEAF_SHARE: Final = 20


@dataclass(frozen=True)
class NodeParameters:
    """What suits a few thousand labelled nodes and some hundred columns on two cores."""

    rounds_max: int = 1000
    patience_rounds: int = 50
    learning_rate: float = 0.03
    leaves: int = 15
    leaf_nodes_min: int = 20
    column_share: float = 0.3
    row_share: float = 0.7
    ridge: float = 5.0
    bins_max: int = 127
    # Two threads gain little on tables of this size, and on a busy machine they wait for each other.
    threads: int = 1

    def lightgbm(self, seed: int, nodes: int) -> dict[str, Any]:
        """Of `nodes` to learn from a leaf asks for a twentieth at most, or a small graph would grow no tree."""
        return {
            "objective": "binary",
            "metric": "binary_logloss",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": max(1, min(self.leaf_nodes_min, nodes // _LEAF_SHARE)),
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 1,
            "lambda_l2": self.ridge,
            "max_bin": self.bins_max,
            "num_threads": self.threads,
            "seed": seed,
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }


def scores_of(
    features: NodeFeatures,
    labels: Floats,
    masks: Masks,
    seed: int,
    parameters: NodeParameters | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Floats:
    """The mean probability of every node, `(nodes,)`, by SEEDS models of the train part; labels of test are not read.

    The first model is made without and with the columns of `known_of`; the validation nodes choose which to keep.
    `advance` moves on by MODELS in all.
    """
    parameters = parameters or NodeParameters()
    taught = Taught(labels, masks)
    plain = features.values
    with_known = np.concatenate([plain, known_of(features.ties, labels, masks.train)], axis=1)
    first = [taught.booster(values, parameters, seed * SEEDS) for values in (plain, with_known)]
    advance(2)
    chosen = int(np.argmin([taught.loss(one, values) for one, values in zip(first, (plain, with_known), strict=True)]))
    values = (plain, with_known)[chosen]
    total = first[chosen].predict(values)
    for number in range(1, SEEDS):
        total += taught.booster(values, parameters, seed * SEEDS + number).predict(values)
        advance(1)
    mean: Floats = total / SEEDS
    return mean


class Taught:
    """One split's train nodes, which are learned from, and validation nodes, which stop and choose."""

    def __init__(self, labels: Floats, masks: Masks) -> None:
        known = ~np.isnan(labels)
        self.labels = labels
        self.learned = np.flatnonzero(masks.train & known)
        self.stopping = np.flatnonzero(masks.validation & known)
        stopping = labels[self.stopping].astype(np.int64)
        self.stops = bool(np.bincount(stopping, minlength=2).min() >= STOPPING_CLASS_MIN)

    def booster(self, values: Floats, parameters: NodeParameters, seed: int) -> lightgbm.Booster:
        """Trees over `values`, nodes x columns."""
        chosen = parameters.lightgbm(seed, len(self.learned))
        train = lightgbm.Dataset(values[self.learned], self.labels[self.learned], params={"verbosity": -1})
        if not self.stops:
            return lightgbm.train(chosen, train, ROUNDS_WITHOUT_STOPPING)
        validation = train.create_valid(values[self.stopping], label=self.labels[self.stopping])
        patience = lightgbm.early_stopping(parameters.patience_rounds, verbose=False)
        return lightgbm.train(chosen, train, parameters.rounds_max, valid_sets=[validation], callbacks=[patience])

    def loss(self, booster: lightgbm.Booster, values: Floats) -> float:
        """Log loss of the validation nodes; 0 where they are too few to choose, so that the first of two is kept."""
        if not self.stops:
            return 0.0
        chance = np.clip(booster.predict(values[self.stopping]), 1e-9, 1 - 1e-9)
        labels = self.labels[self.stopping]
        return float(-np.mean(labels * np.log(chance) + (1 - labels) * np.log(1 - chance)))
