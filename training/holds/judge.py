"""Waits judged on rewards that came later: what is lost, how long honest people wait, and the best fixed windows.

The fixed windows are one a kind, chosen with hindsight on the very rewards that judge them, and mixed where that helps:
no rule of this form does better.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.estimates import Estimate
from training.holds.rewards import Floats, Rewards, Truths

WINDOWS_DAYS: Final = np.array(
    [*np.arange(0, 4, 0.25), *np.arange(4, 10, 0.5), *np.arange(10, 21), 24, 28, 35, 45, 60, 90], np.float64
)
_PRICES: Final = np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 300)])
_RESAMPLES: Final = 400


@dataclass(frozen=True)
class Cost:
    """`lost`: reversed after maturity. `waited`: of honest people, amount times days. In units of the currency."""

    lost: float
    waited: float


@dataclass(frozen=True)
class Judged:
    """Ours, the best fixed windows at the same loss, and by how much less honest people wait with ours."""

    ours: Cost
    fixed: Cost
    reduction: Estimate
    reversed_amount: float
    honest_amount: float


def costs(rewards: Rewards, is_honest: Truths, days: Floats) -> tuple[Floats, Floats]:
    """By reward: lost, and waited if honest, where each matures after its `days`."""
    lost = np.where(rewards.is_reversed & (rewards.days > days), rewards.taken_micros / 1e6, 0.0)
    waited = np.where(is_honest, rewards.micros / 1e6 * np.minimum(days, rewards.days), 0.0)
    return lost, waited


def judged(rewards: Rewards, is_honest: Truths, days: Floats, seed: int) -> Judged:
    """`is_honest` and `days` by reward. For the interval, people are resampled and the windows chosen anew."""
    users = len(rewards.user_ids)
    ours = np.stack([_by_user(rewards, part) for part in costs(rewards, is_honest, days)])
    fixed = _by_window(rewards, is_honest, users)
    drawn = [_compared(ours, fixed, np.ones(users))]
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(users, np.full(users, 1 / users), _RESAMPLES).astype(np.float64)
    drawn += [_compared(ours, fixed, one) for one in weights]
    reductions = np.array([_reduction(mine, best) for mine, best in drawn])
    low, high = np.nanpercentile(reductions[1:], [2.5, 97.5])
    mine, best = drawn[0]
    taken = float((rewards.taken_micros[rewards.is_reversed] / 1e6).sum())
    honest = float((rewards.micros[is_honest] / 1e6).sum())
    return Judged(mine, best, Estimate(float(reductions[0]), float(low), float(high)), taken, honest)


def _by_user(rewards: Rewards, values: Floats) -> Floats:
    return np.bincount(rewards.users, values, len(rewards.user_ids)).astype(np.float64)


def _by_window(rewards: Rewards, is_honest: Truths, users: int) -> Floats:
    """[lost or waited, kind, window, user]."""
    kinds = np.unique(rewards.kinds)
    table = np.zeros((2, len(kinds), len(WINDOWS_DAYS), users))
    for row, kind in enumerate(kinds):
        here = rewards.kinds == kind
        some, honest = rewards.take(here), is_honest[here]
        for column, window in enumerate(WINDOWS_DAYS):
            for part, values in enumerate(costs(some, honest, np.full(len(some), window))):
                table[part, row, column] = _by_user(some, values)
    return table


def _compared(ours: Floats, fixed: Floats, weights: Floats) -> tuple[Cost, Cost]:
    mine = Cost(*(ours @ weights))
    lost, waited = fixed @ weights
    return mine, Cost(mine.lost, _least_waited(lost, waited, mine.lost))


def _least_waited(lost: Floats, waited: Floats, allowed: float) -> float:
    """The least that honest people wait when `allowed` is lost, over one window a kind: for each price of a loss the
    best window of each kind, and between two prices a mixture.
    """
    # [price, kind]: the window of each kind that is best at each price.
    best = np.argmin(waited + _PRICES[:, None, None] * lost, axis=2)
    kinds = np.arange(len(lost))
    points = np.stack([lost[kinds, best].sum(axis=1), waited[kinds, best].sum(axis=1)], axis=1)
    points = np.unique(points, axis=0)
    return float(np.interp(allowed, points[:, 0], points[:, 1]))


def _reduction(ours: Cost, fixed: Cost) -> float:
    return 1 - ours.waited / fixed.waited if fixed.waited > 0 else float("nan")
