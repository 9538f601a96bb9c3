"""What is measured of a split, and how sure the mean is."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from training.nodes.figures import SplitFigures, mean_of, measured, spread


def test_blank_labels_are_counted_and_not_measured() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random(300) < 0.3).astype(np.float64)
    scores = labels + rng.normal(0, 1, 300)
    labels[:50] = np.nan
    found = measured(labels, scores)
    assert (found.nodes, found.blank) == (250, 50)
    assert found.auc == pytest.approx(roc_auc_score(labels[50:], scores[50:]))
    assert found.ap == pytest.approx(average_precision_score(labels[50:], scores[50:]))


def test_the_interval_knows_that_splits_share_their_nodes() -> None:
    splits = [SplitFigures(auc, 0.5, 0.1, 100, 20, 0) for auc in (0.80, 0.82, 0.84)]
    assert spread(splits, "auc") == pytest.approx(0.02)
    independent, shared = mean_of(splits, "auc", 0.0), mean_of(splits, "auc", 1 / 3)
    assert shared.value == independent.value == pytest.approx(0.82)
    assert shared.low < independent.low < 0.82 < independent.high < shared.high


def test_one_split_has_no_interval() -> None:
    only = [SplitFigures(0.8, 0.5, 0.1, 100, 20, 0)]
    assert spread(only, "auc") is None
    assert mean_of(only, "auc", 1 / 3).low is None


def test_no_share_has_an_interval_beyond_nothing_and_everything() -> None:
    splits = [SplitFigures(auc, 0.5, recall, 12, 3, 0) for auc, recall in ((1.0, 0.0), (0.9, 0.05), (0.98, 0.33))]
    assert mean_of(splits, "recall_at_1pct_fpr", 1 / 3).low == 0.0
    assert mean_of(splits, "auc", 1 / 3).high == 1.0
