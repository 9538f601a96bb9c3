"""The arena on the command line: a small one from end to end, under the policy that serves, and what it refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.bench import arena
from pipelines.cli import app
from serving.decision import Score, decide_withdrawal
from serving.policy import DEFAULT, load_policy

FAMILY = """
from training.simulator.cast import Person

class NightShift:
    name = "night_shift"
    def people(self, rng, count):
        return [Person(ring=0, phone=at // 3, destination=0, patience_units=5) for at in range(count)]
    def act(self, rng, day, world):
        return world.live()
    def watch(self, decisions):
        pass
"""


def bench(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", "arena", *arguments], env={"COLUMNS": "400"})


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(FAMILY)
    return file


def test_a_family_from_a_file_meets_a_model_that_never_saw_it(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arena, "PEOPLE_PER_FAMILY_MIN", 5)
    result = bench("--seed", "101", "--family", f"{mine}:NightShift", "--users", "120", "--days", "40")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])
    assert set(arena.TARGETS) <= told.keys()
    assert {line["name"] for line in told["rows"]} >= {words for words, *_ in arena.TARGETS.values()}
    assert told["families"]["night_shift"]["is_held_out"]
    assert told["families"]["night_shift"]["people"] == 5
    assert not told["families"]["takeover"]["is_held_out"]
    assert 0 <= told["recall_at_1pct_fpr"] <= 1
    assert told["intervals"]["honest_held"][0] <= told["honest_held"] <= told["intervals"]["honest_held"][1]


def test_the_arena_decides_as_the_service_does() -> None:
    policy = load_policy()
    rules = arena.rules(policy)
    for chance in (0.0, 0.3, 0.6, 0.99):
        assert rules.withdrawal(chance) == decide_withdrawal(Score(chance), policy).action
    assert rules.event("ad_viewed", 1_000_000, 100_000, policy.event.hold) == "hold"
    assert rules.event("ad_viewed", 100_000, 100_000, 0.0) == "review"
    assert rules.wait("ad_viewed", "approve") == policy.maturity("ad_viewed")
    assert rules.wait("ad_viewed", "hold") == policy.event.hold_hours * 3_600_000_000


def test_the_help_says_how_a_family_is_written() -> None:
    told = bench("--help").output
    for word in ("people(self, rng, count)", "act(self, rng, day, world)", "watch(self, decisions)", "FILE.py:NAME"):
        assert word in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--family", "gone.py:Name"), "gone.py is not there: --family takes FILE.py:NAME"),
        (("--family", "mine.py"), "name a family as FILE.py:NAME"),
        (("--users", "5"), "users must be between 100 and"),
        (("--days", "1"), "test_days must be between 1 and"),
        (("--policy", "gone.yaml"), "gone.yaml"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(arguments: tuple[str, ...], told: str) -> None:
    result = bench(*arguments)
    assert result.exit_code == 1
    assert told in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_name_that_the_file_lacks_is_told(mine: Path) -> None:
    assert "defines no DayShift" in bench("--family", f"{mine}:DayShift").output


def test_a_policy_of_ones_own_is_read(tmp_path: Path) -> None:
    milder = tmp_path / "policy.yaml"
    milder.write_text(DEFAULT.read_text().replace("challenge: 0.25", "challenge: 0.39"))
    assert arena.rules(load_policy(milder)).withdrawal(0.35) == "approve"
    assert arena.rules(load_policy()).withdrawal(0.35) == "challenge"
