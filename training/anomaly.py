"""Rows unlike all others, whoever they are: an isolation forest, written as a LightGBM model so that one engine serves.

A tree of the forest cuts at random until a row is alone; what is alone early is unusual (Liu, Ting and Zhou 2008,
"Isolation Forest"). It needs no label, so it also sees what nobody has reported yet.
"""

from collections.abc import Iterator
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from training.table import Floats, Table

TREES: Final = 100
SAMPLE_ROWS: Final = 256
_EULER: Final = 0.5772156649015329
# LightGBM's bits of a decision: what is missing is NaN, and goes to the left.
_MISSING_IS_NAN: Final = 8
_MISSING_LEFT: Final = 2


def fit_forest(table: Table, seed: int) -> lightgbm.Booster:
    """The forest as a booster over `table.names`.

    Its raw prediction is `-E[path] / c(sample)`, between about -2 and 0, the higher the more unusual; scikit-learn's
    `score_samples` is `-(2 ** raw)`.
    """
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLE_ROWS, len(table.values)), random_state=seed)
    return as_booster(forest.fit(table.values.astype(np.float32)), table.names)


def as_booster(forest: IsolationForest, names: tuple[str, ...]) -> lightgbm.Booster:
    """A fitted forest of one column for each of `names`; equal to scikit-learn's to rounding, missing values too."""
    scale = -1 / (len(forest.estimators_) * float(_mean_path(np.array([forest.max_samples_]))[0]))
    chosen = zip(forest.estimators_, forest.estimators_features_, strict=True)
    trees = "\n\n".join(_tree(at, tree.tree_, columns, scale) for at, (tree, columns) in enumerate(chosen))
    head = {
        "version": "v4",
        "num_class": 1,
        "num_tree_per_iteration": 1,
        "label_index": 0,
        "max_feature_idx": len(names) - 1,
        "objective": "regression",
        "feature_names": " ".join(names),
        "feature_infos": " ".join(["[-inf:inf]"] * len(names)),
    }
    text = (
        "tree\n"
        + _lines(head)
        + f"\n\n{trees}\n\nend of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n"
    )
    # LightGBM writes it again, in its own spelling: reading a model of many trees is faster with their sizes.
    return lightgbm.Booster(model_str=lightgbm.Booster(model_str=text).model_to_string())


def _tree(at: int, tree: Any, columns: NDArray[np.int64], scale: float) -> str:
    """One tree in LightGBM's text. Its inner nodes and its leaves are numbered apart, a leaf as `-number - 1`."""
    is_leaf = tree.children_left == -1
    number = np.where(is_leaf, -np.cumsum(is_leaf), np.cumsum(~is_leaf) - 1)
    paths = _depths(tree) + _mean_path(tree.n_node_samples)
    inner = {
        "split_feature": columns[tree.feature[~is_leaf]],
        "split_gain": np.ones((~is_leaf).sum()),
        "threshold": _as_float64(tree.threshold[~is_leaf]),
        "decision_type": _MISSING_IS_NAN + _MISSING_LEFT * tree.missing_go_to_left[~is_leaf].astype(np.int64),
        "left_child": number[tree.children_left[~is_leaf]],
        "right_child": number[tree.children_right[~is_leaf]],
    }
    leaves = {
        "leaf_value": scale * paths[is_leaf],
        "leaf_weight": tree.n_node_samples[is_leaf],
        "leaf_count": tree.n_node_samples[is_leaf],
        "internal_value": scale * paths[~is_leaf],
        "internal_weight": tree.n_node_samples[~is_leaf],
        "internal_count": tree.n_node_samples[~is_leaf],
    }
    start = {"Tree": at, "num_leaves": int(is_leaf.sum()), "num_cat": 0}
    arrays = {name: " ".join(map(repr, values.tolist())) for name, values in (inner | leaves).items()}
    return _lines(start | arrays | {"is_linear": 0, "shrinkage": 1})


def _lines(fields: dict[str, Any]) -> str:
    return "\n".join(f"{name}={value}" for name, value in fields.items())


def _depths(tree: Any) -> Floats:
    depths = np.zeros(tree.node_count)
    for node, child in _descents(tree):
        depths[child] = depths[node] + 1
    return depths


def _descents(tree: Any) -> Iterator[tuple[int, int]]:
    """Every step from a node to a child; scikit-learn numbers a node before its children."""
    for node in range(tree.node_count):
        for child in (int(tree.children_left[node]), int(tree.children_right[node])):
            if child != -1:
                yield node, child


def _mean_path(rows: Any) -> Floats:
    """c(n): the mean path of an unsuccessful search in a binary tree of n rows (Liu, Ting and Zhou 2008, eq. 1)."""
    counts = np.asarray(rows, dtype=np.float64)
    many = np.maximum(counts, 3)
    paths = 2 * (np.log(many - 1) + _EULER) - 2 * (many - 1) / many
    return np.where(counts <= 1, 0.0, np.where(counts <= 2, 1.0, paths))


def _as_float64(thresholds: Floats) -> Floats:
    """Where a float64 is to be cut so that it goes the way of its float32, as which scikit-learn looks at it.

    The last float64 that rounds to a float32 not above the threshold: halfway to the next one, or just below where
    halves round up to that, which is even then.
    """
    below = thresholds.astype(np.float32)
    below = np.where(below > thresholds, np.nextafter(below, np.float32(-np.inf)), below)
    half = (below.astype(np.float64) + np.nextafter(below, np.float32(np.inf)).astype(np.float64)) / 2
    return np.where(half.astype(np.float32) == below, half, np.nextafter(half, -np.inf))
