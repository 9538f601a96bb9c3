import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.bench.ope import tried
from pipelines.bench.ope_hillstrom import HARMFUL, NEUTRAL, drawn, policies_of, read_world
from pipelines.cli import app


def test_without_the_data_it_says_which_file_and_the_remedy(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "ope", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "hillstrom.csv is absent: give --data FOLDER" in done.stderr


@pytest.mark.data
def test_the_truth_of_a_policy_is_the_mean_of_endless_draws_under_it(public_data: Path) -> None:
    world = read_world(public_data / "hillstrom" / "hillstrom.csv")
    assert (world.size >= 3).all()
    assert world.share.sum() == pytest.approx(1)
    policies = policies_of(world)
    now = world.value(world.logging)
    assert world.value(policies[NEUTRAL]) == pytest.approx(now)
    assert all(world.value(policies[name]) < now * 0.995 for name in HARMFUL)
    logged, strata = drawn(world, 400_000, np.random.default_rng(31))
    assert logged.payoff.mean() == pytest.approx(now, abs=4 * logged.payoff.std() / np.sqrt(len(logged)))
    for policy in policies.values():
        weights = logged.weights(policy[strata])
        error = (weights * logged.payoff).std() / np.sqrt(len(logged))
        assert (weights * logged.payoff).mean() == pytest.approx(world.value(policy), abs=4 * error)


@pytest.mark.data
def test_a_few_resamples_give_every_figure(public_data: Path) -> None:
    arguments = ["bench", "ope", "--data", str(public_data), "--resamples", "6", "--rows", "4000", "--seed", "32"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["median_relative_error"] < 0.1
    assert figures["harmful_passing"] == 0
    assert figures["refused"]["all"] == figures["refused"]["men"] == {"random_to_bts": False, "bts_to_random": True}
    assert (figures["resamples"], figures["seed"]) == (6, 32)


@pytest.mark.data
def test_the_same_seed_gives_the_same_figures(public_data: Path) -> None:
    world = read_world(public_data / "hillstrom" / "hillstrom.csv")
    one, same, other = (tried(world, seed, resamples=2, rows=1500) for seed in (33, 33, 34))
    np.testing.assert_array_equal(one.errors["dr"], same.errors["dr"])
    assert (one.errors["dr"] != other.errors["dr"]).any()
