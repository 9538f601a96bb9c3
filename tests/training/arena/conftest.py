"""A platform so small that it lives a fortnight in seconds, and decisions that are made without a model."""

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from training.arena.book import Rules
from training.arena.cohort import Cohort, begin
from training.arena.episode import Episode, Fought, Past, Setting
from training.arena.loading import SHIPPED
from training.arena.protocol import Attackers
from training.arena.purse import Purse
from training.simulator.sessions import Day, day_of
from training.simulator.simulate import Platform, Scenario, found

START = date(2026, 1, 5)
HOUR = 3_600_000_000
SCENARIO = Scenario(users=120, days=16, seed=3, start=START)


def rules(review_above: float = 2.0) -> Rules:
    """Everything is approved below the line and reviewed from there on; a reward is mature after a day."""

    def decided(probability: float) -> str:
        return "review" if probability >= review_above else "approve"

    return Rules(lambda kind, revenue, reward, chance: decided(chance), decided, lambda kind, action: 24 * HOUR)


def fight(folder: Path, makers: Sequence[Callable[[], Attackers]], review_above: float) -> tuple[Past, Fought]:
    """An arena whose model draws its scores by lot, and the past before it."""
    dice = np.random.default_rng(5)
    episode = Episode(Setting(SCENARIO, test_days=7, per_family=6), makers, rules(review_above), folder)
    past = episode.past()
    scores = {"model": lambda frame: dice.random(frame.height), "tree": lambda frame: np.zeros(frame.height)}
    return past, episode.fight(scores)


@pytest.fixture(name="fight", scope="session")
def _fight() -> Callable[..., tuple[Past, Fought]]:
    return fight


@pytest.fixture(name="rules", scope="session")
def _rules() -> Callable[..., Rules]:
    return rules


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the log of `lived` is."""
    return tmp_path_factory.mktemp("arena") / "log"


@pytest.fixture(scope="session")
def lived(folder: Path) -> tuple[Past, Fought]:
    """All shipped families; four decisions in five approve."""
    return fight(folder, SHIPPED, 0.8)


@pytest.fixture(scope="session")
def platform() -> Platform:
    """A platform after its first five days."""
    known = found(SCENARIO)
    for number in range(5):
        known.live(day_of(START, number))
    return known


@pytest.fixture
def enter(platform: Platform) -> Callable[[Attackers], Cohort]:
    """Lets a family of twelve begin on the fifth day."""
    return lambda family: begin(family, 0, platform, Purse(), (5, 8), 12, np.random.default_rng(1))


@pytest.fixture
def days() -> list[Day]:
    return [day_of(START, number) for number in range(5, 13)]
