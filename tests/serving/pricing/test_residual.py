"""Trees on top of the curve: kept where they help, never against the reward."""

import numpy as np
import pytest
from scipy.special import expit

from serving.pricing.concave import is_lawful
from serving.pricing.residual import ROWS_MIN, Residual, Trialled, grown
from serving.pricing.response import Response

LADDER = (0, 50_000, 200_000, 1_000_000, 3_000_000)
KEY = ("survey", "new")


def trialled(effect: float, rows: int = 25_000, people: int = 5_000, seed: int = 1) -> tuple[Response, Trialled]:
    """`effect`: what the first column of the context does to the log odds; it has blanks, and the second is noise."""
    rng = np.random.default_rng(seed)
    rewards, context = rng.choice(LADDER, rows), rng.normal(size=(rows, 2))
    chance = expit(-1 + (rewards > 0) + 0.4 * np.log1p(rewards / 5e4) + effect * context[:, 0])
    context[rng.random((rows, 2)) < 0.05] = np.nan
    completed = (rng.random(rows) < chance).astype(np.int64)
    response = Response(LADDER)
    response.learn(KEY, rewards, completed)
    found = response.chance(KEY, rewards)
    return response, Trialled(np.log(found / (1 - found)), rewards, context, completed, rng.integers(0, people, rows))


def test_trees_are_kept_where_the_context_tells_and_their_gain_is_stated() -> None:
    response, rows = trialled(effect=0.8)
    residual = grown(rows, seed=1)
    assert residual is not None
    assert 0 < residual.gain[1] < residual.gain[0] < residual.gain[2]
    likely, unlikely = (residual.curve(response, KEY, np.array([one, 0.0])).chance for one in (1.5, -1.5))
    assert np.all(likely > unlikely + 0.1)


def test_trees_that_learnt_noise_are_dropped() -> None:
    """A 95% interval errs upwards once in forty times."""
    kept = sum(grown(trialled(effect=0.0, seed=seed)[1], seed) is not None for seed in range(8))
    assert kept <= 1


def test_fewer_rows_or_groups_than_needed_grow_no_trees() -> None:
    assert grown(trialled(effect=2.0, rows=ROWS_MIN - 1)[1], seed=1) is None
    assert grown(trialled(effect=2.0, rows=ROWS_MIN, people=20)[1], seed=1) is None


def test_a_curve_with_trees_is_lawful_for_any_context() -> None:
    response, rows = trialled(effect=0.8)
    residual = grown(rows, seed=1)
    for context in [*rows.context[:40], np.array([np.nan, np.nan]), np.array([1e9, -1e9])]:
        curve = residual.curve(response, KEY, context)
        assert is_lawful(np.array(LADDER), curve.chance)
        assert np.all((curve.low <= curve.chance) & (curve.chance <= curve.high))


def test_a_dump_says_the_same_and_anything_else_is_refused() -> None:
    _, rows = trialled(effect=0.8)
    residual = grown(rows, seed=1)
    again = Residual.loads(residual.dumps())
    assert again.dumps() == residual.dumps()
    assert np.array_equal(
        again.log_odds(rows.reward_micros, rows.context), residual.log_odds(rows.reward_micros, rows.context)
    )
    for kept in (b"{}", b"\xff", b'{"format":1,"trees":"oak","columns":2,"gain":[1,1,1]}', b'{"format":9}'):
        with pytest.raises(ValueError):  # noqa: PT011  # json's own words for bytes that are no JSON
            Residual.loads(kept)


def test_a_context_of_another_shape_is_refused_by_its_name() -> None:
    _, rows = trialled(effect=0.8)
    residual = grown(rows, seed=1)
    with pytest.raises(ValueError, match="context: 1 columns, and the trees were grown on 2"):
        residual.log_odds(rows.reward_micros, rows.context[:, :1])
    with pytest.raises(ValueError, match=r"context: an array of shape \(1, 2\)"):
        residual.log_odds(rows.reward_micros, rows.context[:1])


def test_without_context_trees_still_mend_a_curve_that_is_wrong_about_the_reward() -> None:
    _, rows = trialled(effect=0.0)
    flat = Trialled(np.zeros(len(rows)), rows.reward_micros, np.empty((len(rows), 0)), rows.completed, rows.groups)
    residual = grown(flat, seed=1)
    assert residual is not None
    moved = residual.log_odds(np.array(LADDER), np.empty((len(LADDER), 0)))
    assert np.all(np.diff(moved) >= 0)
    assert moved[-1] > moved[0] + 1
