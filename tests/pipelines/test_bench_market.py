"""The market on the command line: a small one under the desk that serves, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.bench import market
from pipelines.bench.market_desk import Desked
from pipelines.cli import app
from serving.policy import DEFAULT, Policy, load_policy
from training.market.bound import bound_of
from training.market.families import LogitJump
from training.market.measures import measured
from training.market.trade import trade
from training.market.world import Setting, found

FAMILY = """
class Moody:
    name = "moody"
    states = 2
    def draw(self, rng):
        self.steep = rng.uniform(0.8, 1.2)
    def begin(self, rng, people):
        return rng.integers(0, 2, people)
    def chance(self, task, rewards, state):
        return 0.9 * rewards / (rewards + self.steep * task.effort + state)
    def after(self, state, reward, completed):
        return 0 if completed else state
"""
ASKED = ("value_over_bound", "overspend_micros", "pacing_rmse", "margin_breaches", "floor_breaches")


def small(policy: Policy, *, shock: bool) -> Setting:
    reward = policy.reward
    return Setting(reward.ladder_micros, reward.margin_min, people=300, days=1, completions_large_min=40, shock=shock)


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "market", *arguments], env={"COLUMNS": "400"})


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(FAMILY)
    return file


def test_a_family_from_a_file_meets_the_desk_that_serves(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market, "setting_of", small)
    result = bench("--seed", "1003", "--family", f"{mine}:Moody")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert set(ASKED) <= told.keys()
    assert 0.05 < told["value_over_bound"] < 1.1  # a day among three hundred people: hardly time to leave static prices
    assert told["overspend_micros"] == told["margin_breaches"] == told["floor_breaches"] == 0
    assert list(told["families"]) == ["moody"]


def test_two_runs_of_a_seed_are_the_same() -> None:
    policy = load_policy()
    world = found(small(policy, shock=True), LogitJump, 1004)
    runs = [trade(world, Desked(world, policy, 1004), 1004) for _ in range(2)]
    assert runs[0].spent == runs[1].spent
    figures = measured(world, bound_of(world), runs[0])
    assert figures.overspend_micros == 0
    assert figures.value_over_bound > 0.2


def test_a_hundred_candidates_are_priced_in_one_call_quickly() -> None:
    assert market.quote_ms(load_policy(), calls=5) < market.QUOTE_MS_MAX


def test_the_help_says_how_a_family_is_written() -> None:
    told = bench("--help").output
    for word in ("draw(self, rng)", "begin(self, rng, people)", "chance(self, task, rewards, state)", "FILE.py:NAME"):
        assert word in told
    assert "after(self, state, reward, completed)" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--family", "gone.py:Name"), "gone.py is not there: --family takes FILE.py:NAME"),
        (("--family", "nobody"), "name one of logit_jump, probit"),
        (("--seeds", "100000"), "seeds must be between 1 and"),
        (("--policy", "gone.yaml"), "gone.yaml"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(arguments: tuple[str, ...], told: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 1
    assert told in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_the_market_keeps_the_policy_that_serves() -> None:
    policy, setting = load_policy(DEFAULT), market.setting_of(load_policy(DEFAULT), shock=False)
    assert (setting.ladder_micros, setting.margin_min) == (policy.reward.ladder_micros, policy.reward.margin_min)
    assert setting.floor_micros == policy.pricing.floor_micros
