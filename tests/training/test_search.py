"""The search looks at the training slice in the order of time, stays in its budget, and never makes things worse."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from training import search
from training.boosters import Parameters
from training.search import Search, drawn, found_parameters
from training.table import Table

GIVEN = Parameters(rounds_max=20, patience_rounds=5, learning_rate=0.1, leaves=7)


def table(rows: int = 1600, seed: int = 0) -> Table:
    draws = np.random.default_rng(seed)
    values = draws.normal(size=(rows, 4))
    odds = 1.5 * values[:, 0] + values[:, 1] * values[:, 2] - 0.5
    labels = (draws.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    return Table(values.astype(np.float32), labels, ("a", "b", "c", "d"), ())


def test_the_best_of_the_last_rung_wins_and_every_trial_is_kept() -> None:
    best, trials = found_parameters(table(), GIVEN, Search(candidates=9, seed=1))
    rungs = [[trial for trial in trials if trial.rows == rows] for rows in (400, 800, 1600)]
    # The parameters given run beside the third that goes on, unless they are among it.
    assert (len(rungs[0]), len(rungs[1]) in {3, 4}, len(rungs[2]) in {1, 2}) == (9, True, True)
    assert best == min(rungs[-1], key=lambda trial: trial.loss).parameters
    assert all(GIVEN in [trial.parameters for trial in rung] for rung in rungs)


def test_poor_parameters_are_left_for_better_ones() -> None:
    poor = replace(GIVEN, learning_rate=0.001, leaves=2)
    best, trials = found_parameters(table(), poor, Search(candidates=6, seed=1))
    last = {trial.parameters: trial.loss for trial in trials if trial.rows == 1600}
    assert best != poor
    assert last[best] < last[poor] - 0.05


def test_the_same_seed_finds_the_same() -> None:
    once, again = (found_parameters(table(), GIVEN, Search(candidates=4, seed=5)) for _ in range(2))
    assert once == again


def test_candidates_keep_what_is_not_looked_for() -> None:
    candidates = drawn(GIVEN, Search(candidates=20, seed=3))
    assert len(set(candidates)) == 19
    assert {(one.bins_max, one.threads, one.seed) for one in candidates} == {(255, 1, 7)}
    assert all(0.02 <= one.learning_rate <= 0.15 and 7 <= one.leaves <= 127 for one in candidates)


def test_a_budget_that_ends_keeps_the_best_of_the_last_rung_that_was_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is turned by hand: every look at it is a second."""
    seconds = iter(range(10_000))
    monkeypatch.setattr(search.time, "monotonic", lambda: float(next(seconds)))
    best, trials = found_parameters(table(), GIVEN, Search(candidates=9, seconds=11, seed=1))
    first = [trial for trial in trials if trial.rows == 400]
    assert (len(first), len(trials)) == (9, 10)
    assert best == min(first, key=lambda trial: trial.loss).parameters


def test_no_time_at_all_leaves_the_parameters_as_given() -> None:
    assert found_parameters(table(), GIVEN, Search(seconds=0)) == (GIVEN, ())


def test_later_rows_decide_for_earlier_ones_and_never_the_other_way_round() -> None:
    folds = search._folds(table(1000))
    assert folds == [(500, 750), (750, 1000)]


def test_too_few_rows_to_search_are_an_error_with_the_remedy() -> None:
    rare = table(400)
    few = Table(rare.values, (np.arange(400) % 40 == 0).astype(float), rare.names, ())
    with pytest.raises(ValueError, match="10 of the rarer one; train without a search"):
        found_parameters(few, GIVEN, Search(seconds=inf))
