"""What can be earned: partners with their habits of taking back, campaigns, and tasks with prices."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.events import Reason

CAMPAIGNS: Final = 60
TASKS: Final = 200
AD, TASK, APP = range(3)
_STYLE_SHARES: Final = (0.2, 0.5, 0.3)
# The median reward of a task of each style, in micros of CNY.
_REWARD_MEDIANS: Final = np.array([270_000, 1_950_000, 1_400_000])
_REWARD_SIGMAS: Final = np.array([0.5, 0.55, 0.5])
_REWARD_STEP: Final = 10_000
GOALS: Final = 3
# A goal pays this many times the install's reward: the deeper, the dearer.
GOAL_FACTORS: Final = np.array([1.5, 3.0, 6.0])


@dataclass(frozen=True)
class Partner:
    """An advertiser or network: how often and for which of REVERSAL_REASONS it takes back, how much fraud it finds."""

    name: str
    reversal_rate: float
    weights: tuple[float, float, float, float]
    vigilance: float
    reports_tasks: bool


REVERSAL_REASONS: Final = (Reason.QUALITY, Reason.BUDGET, Reason.ATTRIBUTION, Reason.UNKNOWN)
PARTNERS: Final = (
    Partner("partner-amber", 0.012, (0.4, 0.1, 0.3, 0.2), 1.1, reports_tasks=True),
    Partner("partner-birch", 0.020, (0.5, 0.1, 0.2, 0.2), 1.2, reports_tasks=True),
    Partner("partner-cedar", 0.045, (0.2, 0.5, 0.1, 0.2), 0.8, reports_tasks=False),
    Partner("partner-delta", 0.030, (0.3, 0.1, 0.4, 0.2), 1.0, reports_tasks=False),
    Partner("partner-ember", 0.080, (0.5, 0.3, 0.1, 0.1), 0.6, reports_tasks=True),
    Partner("partner-fjord", 0.015, (0.1, 0.1, 0.6, 0.2), 1.3, reports_tasks=False),
    Partner("partner-grove", 0.025, (0.2, 0.2, 0.2, 0.4), 0.9, reports_tasks=False),
    Partner("partner-heath", 0.055, (0.6, 0.2, 0.1, 0.1), 0.7, reports_tasks=True),
)


@dataclass(frozen=True)
class Catalogue:
    """Arrays over tasks: `style` (AD, TASK or APP), `campaign`, `partner`, `reward` and `revenue` in micros of CNY,
    `minutes` that it takes, and `popularity`, which sums to one within a style.
    """

    style: NDArray[np.int64]
    campaign: NDArray[np.int64]
    partner: NDArray[np.int64]
    reward: NDArray[np.int64]
    revenue: NDArray[np.int64]
    minutes: NDArray[np.float64]
    popularity: NDArray[np.float64]

    def choose(self, rng: np.random.Generator, style: int, count: int) -> NDArray[np.int64]:
        """`count` tasks of one style, popular ones more often."""
        tasks = np.flatnonzero(self.style == style)
        chosen: NDArray[np.int64] = rng.choice(tasks, size=count, p=self.popularity[tasks])
        return chosen


def draw_catalogue(rng: np.random.Generator) -> Catalogue:
    partner_of_campaign = np.arange(CAMPAIGNS) % len(PARTNERS)
    campaign = np.sort(np.concatenate([np.arange(CAMPAIGNS), rng.integers(0, CAMPAIGNS, TASKS - CAMPAIGNS)]))
    style = rng.permutation(np.repeat([AD, TASK, APP], [round(share * TASKS) for share in _STYLE_SHARES]))
    raw = _REWARD_MEDIANS[style] * np.exp(_REWARD_SIGMAS[style] * rng.standard_normal(TASKS))
    reward = (raw // _REWARD_STEP + 1).astype(np.int64) * _REWARD_STEP
    return Catalogue(
        style=style,
        campaign=campaign,
        partner=partner_of_campaign[campaign],
        reward=reward,
        revenue=(reward / rng.uniform(0.40, 0.65, TASKS)).astype(np.int64),
        minutes=np.exp(rng.normal(np.log(4.0), 0.6, TASKS)),
        popularity=_popularity(rng, style),
    )


def _popularity(rng: np.random.Generator, style: NDArray[np.int64]) -> NDArray[np.float64]:
    weights = 1.0 / (1 + rng.permutation(TASKS)) ** 0.7
    totals = np.bincount(style, weights=weights)
    popularity: NDArray[np.float64] = weights / totals[style]
    return popularity
