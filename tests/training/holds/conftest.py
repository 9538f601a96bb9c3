"""Rewards whose reversals are drawn from what the tests know."""

from dataclasses import replace

import numpy as np
import pytest

from training.holds.rewards import DAY, NEVER, Rewards
from training.holds.settings import Settings, load_settings

START = 20_000 * DAY
RATES = {"amber": 0.02, "ember": 0.30}
"""By partner: the share of rewards that are reversed, with a median of four days."""


def drawn(seed: int, count: int = 6000, days: int = 60, users: int = 400) -> Rewards:
    rng = np.random.default_rng(seed)
    partners = rng.choice(list(RATES), count)
    credited = np.sort(START + (rng.random(count) * days * DAY).astype(np.int64))
    back = rng.random(count) < np.array([RATES[partner] for partner in partners])
    delay = (4 * np.exp(0.7 * rng.standard_normal(count)) * DAY).astype(np.int64)
    micros = rng.integers(100_000, 3_000_000, count)
    words = np.array(["install"] * count)
    return Rewards(
        np.array([f"u{user}" for user in range(users)]),
        rng.integers(0, users, count),
        words,
        np.array([""] * count),
        partners,
        credited,
        np.where(back, credited + delay, NEVER),
        micros,
        micros,
    )


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="session")
def rewards() -> Rewards:
    return drawn(1)


@pytest.fixture
def by_hand() -> Rewards:
    """Ann earns on days 0, 1, ..., 19; what she earned on days 0 to 3 is taken back on day 10. Bob earns on day 19."""
    days = np.array([*range(20), 19])
    back = np.where(days < 4, 10, 0)
    one = drawn(2, count=21, users=2)
    at = START + days * DAY
    return replace(
        one,
        users=np.array([0] * 20 + [1]),
        credited_at=at,
        reversed_at=np.where(back > 0, START + back * DAY, NEVER),
    )
