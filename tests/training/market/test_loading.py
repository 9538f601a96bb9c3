"""A family of one's own is a class in a file; what is none is told by name."""

from pathlib import Path

import numpy as np
import pytest

from training.market.families import LogitJump
from training.market.loading import SHIPPED, load_family
from training.market.protocol import EFFORTS, KINDS, SEGMENTS, Family, begun, tabled

LADDER = (10_000, 100_000, 1_000_000)

FAMILY = """
from __future__ import annotations
from dataclasses import dataclass

@dataclass
class Moody:
    name: str = "moody"
    states: int = 2

    def draw(self, rng):
        self.steep = rng.uniform(0.8, 1.2)

    def begin(self, rng, people):
        return rng.integers(0, 2, people)

    def chance(self, task, rewards, state):
        return 0.9 * rewards / (rewards + self.steep * task.effort + state)

    def after(self, state, reward, completed):
        return 0 if completed else state
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(FAMILY)
    return file


def test_a_family_from_a_file_becomes_its_tables(mine: Path) -> None:
    family = load_family(f"{mine}:Moody")()
    family.draw(np.random.default_rng(1))
    people = tabled(family, LADDER)
    assert people.chances.shape == (len(KINDS), len(SEGMENTS), 2, len(LADDER))
    assert people.following[1].tolist() == [[1, 0]] * len(LADDER)
    assert people.chances[0, 0, 0, 2] == pytest.approx(0.9 / (1 + family.steep * EFFORTS[0]))  # type: ignore[attr-defined]  # its own


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_families_answer_more_to_more_and_differ_by_seed(name: str) -> None:
    tables = []
    for seed in (1, 2):
        family = load_family(name)()
        family.draw(np.random.default_rng(seed))
        people = tabled(family, LADDER)
        assert np.all(np.diff(people.chances, axis=-1) >= 0)
        assert begun(family, np.random.default_rng(3), 50).max() < people.states
        tables.append(people.chances)
    assert np.abs(tables[0] - tables[1]).max() > 0.01


def test_whoever_has_reached_the_target_all_but_stops_and_whoever_is_tired_does_less() -> None:
    earner, tired = (load_family(name)() for name in ("target_earners", "fatigue"))
    for family in (earner, tired):
        family.draw(np.random.default_rng(1))
    people = tabled(earner, LADDER)
    assert np.all(people.chances[:, :, 0] <= 0.11 * people.chances[:, :, 5])
    assert people.following[5, 2].tolist() == [5, 0]
    assert np.all(np.diff(tabled(tired, LADDER).chances, axis=2) < 0)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("gone.py:Name", "gone.py is not there"),
        ("logit", "name one of logit_jump, probit, target_earners, fatigue, or FILE.py:NAME"),
        ("mine.py", "or FILE.py:NAME"),
    ],
)
def test_a_place_that_is_none_is_told(place: str, told: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=told):
        load_family(place)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def after", "def before", "lacks the method after"),
        ('name: str = "moody"', 'name: str = ""', "give the family a name"),
        ("states: int = 2", "states: int = 65", "from 1 to 64"),
    ],
)
def test_what_a_family_lacks_is_told(mine: Path, old: str, new: str, told: str) -> None:
    mine.write_text(FAMILY.replace(old, new))
    with pytest.raises(ValueError, match=told):
        load_family(f"{mine}:Moody")
    with pytest.raises(LookupError, match="defines no Gone"):
        load_family(f"{mine}:Gone")


class Broken(LogitJump):
    states = 2

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def chance(self, task: object, rewards: object, state: int) -> object:  # type: ignore[override]  # it is broken
        return {"high": [0.1, 0.2, 1.2], "nan": [0.1, float("nan"), 0.2], "few": [0.1]}.get(self.fault, [0.1, 0.2, 0.3])

    def after(self, state: int, reward: float, completed: bool) -> int:
        return 2 if self.fault == "state" else 0


@pytest.mark.parametrize("fault", ["high", "nan", "few", "state"])
def test_what_is_no_probability_or_state_is_refused(fault: str) -> None:
    family: Family = Broken(fault)
    with pytest.raises(ValueError, match=r"chance: answer a probability|after: answer a whole number"):
        tabled(family, LADDER)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("def chance(self, task, rewards, state): raise RuntimeError('boom')", "chance failed with RuntimeError: boom"),
        ("def chance(self, task): return 0", "chance failed with TypeError"),
        ("def after(self, state, reward, completed): raise KeyError('late')", "after failed with KeyError: 'late'"),
        ("def draw(self, rng): 1 / 0", "draw failed with ZeroDivisionError"),
        ("def draw(self, rng): raise SystemExit(0)", "draw failed with SystemExit"),
        ("def begin(self, rng, people): return self.nobody", "begin failed with AttributeError"),
        ("def __init__(self, name): pass", "failed with TypeError"),
        ("def chance(self, task, rewards, state): return ['a'] * len(rewards)", "answer a probability for each of 3"),
    ],
)
def test_a_family_whose_code_fails_is_told_by_its_place(mine: Path, line: str, words: str) -> None:
    mine.write_text(f"{FAMILY}\n\nclass Broken(Moody):\n    {line}\n")
    with pytest.raises(ValueError, match=words) as told:  # noqa: PT012  # whichever call fails first
        family = load_family(f"{mine}:Broken")()
        family.draw(np.random.default_rng(1))
        begun(family, np.random.default_rng(1), 5)
        tabled(family, LADDER)
    assert "answer" in words or "mine.py:Broken" in str(told.value)


@pytest.mark.parametrize("text", ["x = (", "raise RuntimeError('no')", "import nowhere", "x = '\0'"])
def test_a_file_that_does_not_run_is_told_with_the_reason(mine: Path, text: str) -> None:
    mine.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.py failed with"):
        load_family(f"{mine}:Moody")


def test_what_a_family_does_to_the_rewards_stays_its_own(mine: Path) -> None:
    mine.write_text(FAMILY.replace("return 0.9 * rewards", "rewards += 1; return 0.9 * (rewards - 1)"))
    family = load_family(f"{mine}:Moody")()
    family.draw(np.random.default_rng(1))
    first, second = tabled(family, LADDER), tabled(family, LADDER)
    assert np.array_equal(first.chances, second.chances)
    assert np.array_equal(first.chances[0, 0, 0], first.chances[0, 1, 0])
