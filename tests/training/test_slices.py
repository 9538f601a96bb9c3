"""Groups side by side: the same threshold for all, and how far apart their honest people are."""

import numpy as np
import polars as pl
import pytest

from training.evaluate import Bootstrap, Scored
from training.slices import GROUPS_MAX, by_slice, false_positive_ratio, grouped, threshold_at


def scored(labels: list[float], scores: list[float]) -> Scored:
    return Scored.of(np.array(labels), np.array(scores))


def test_the_threshold_flags_at_most_the_share_that_was_asked_for() -> None:
    labels, draws = np.concatenate([np.zeros(1000), np.ones(50)]), np.random.default_rng(5)
    scores = np.concatenate([draws.random(1000), draws.random(50) + 0.3])
    some = Scored.of(labels, scores)
    for share in (0.0, 0.01, 0.5, 1.0):
        flagged = some.scores >= threshold_at(some, share)
        assert flagged[labels == 0].mean() <= share
    assert ((scores >= threshold_at(some, 0.01))[labels == 0]).sum() == 10


def test_ties_are_never_flagged_in_part() -> None:
    some = scored([0] * 100 + [1], [0.5] * 100 + [0.5])
    assert threshold_at(some, 0.01) > 0.5


def test_each_group_is_measured_at_the_same_threshold() -> None:
    some = scored([0, 0, 1, 0, 1, 1], [0.9, 0.1, 0.8, 0.2, 0.7, 0.1])
    rows = by_slice(some, pl.DataFrame({"country": ["CN", "CN", "CN", "KE", "KE", None]}), 0.5)
    assert [(row["group"], row["false_positive_rate"], row["recall"]) for row in rows] == [
        ("CN", 0.5, 1.0),
        ("KE", 0.0, 1.0),
        ("unknown", None, 0.0),
    ]
    assert rows[2]["auc"] is None


def test_small_groups_are_counted_together() -> None:
    values = [f"g{number}" for number in range(30) for _ in range(30 - number)]
    kept = grouped(pl.Series("partner", values))
    assert len(kept.unique()) == GROUPS_MAX + 1
    assert "other" in kept.to_list()


@pytest.mark.parametrize(("second", "low", "high"), [(0.02, 0.8, 1.6), (0.2, 6.0, 15.0)])
def test_the_ratio_tells_even_treatment_from_uneven(second: float, low: float, high: float) -> None:
    draws = np.random.default_rng(5)
    flagged = np.concatenate([draws.random(4000) < 0.02, draws.random(4000) < second])
    some = Scored.of(np.zeros(8000), flagged.astype(float))
    groups = pl.Series("tier", [1] * 4000 + [2] * 4000)
    ratio = false_positive_ratio(some, groups, 0.5, Bootstrap(100))
    assert low < (ratio.value or 0) < high
    assert (ratio.low or 0) <= (ratio.value or 0) <= (ratio.high or 0)


def test_groups_that_are_too_small_say_so() -> None:
    ratio = false_positive_ratio(scored([0] * 4, [0.1] * 4), pl.Series("tier", [1, 1, 2, 2]), 0.5, Bootstrap(10))
    assert "200 honest rows" in (ratio.reason or "")
