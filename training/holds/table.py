"""The wait of least cost for every partner, kind, goal and trust, as a versioned file that the service reads."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from training.holds.rewards import DAY, Floats, Ints, Rewards
from training.holds.settings import Settings
from training.holds.survival import EDGES_DAYS, Cell, Survival

FORMAT: Final = 1
ANY: Final = "*"
"""In the file: a partner or a goal that was not seen, or none."""


def least_cost_days(survival: Survival, settings: Settings) -> Floats:
    """By cell: the wait, of EDGES_DAYS, at which what is lost of a unit and what waiting for it costs are least.

    Both grow with the amount alike, so that the amount does not matter. The least wait wins a tie. Nobody waits longer
    than who is trusted less: neighbours of whom that would be so share the wait that is best for both. New people wait
    `new_hours_min` at least, and no shorter than the most trusted.
    """
    lost = (1 - settings.recovered_share) * survival.later
    cost = lost + settings.waiting_share_per_day * survival.waited_days
    weights = 1.0 + survival.counts  # nobody was seen of some, and they have a wait, too
    tiers = settings.trust.tiers
    days = np.empty((len(cost) // tiers, tiers))
    parted = zip(cost.reshape(*days.shape, -1), weights.reshape(days.shape), strict=True)
    for row, (by_tier, weight) in enumerate(parted):
        days[row, 1:] = EDGES_DAYS[_rising(by_tier[1:] * weight[1:, None])]
        alone = EDGES_DAYS[np.argmin(by_tier[0])]
        days[row, 0] = max(alone, days[row, 1], settings.new_hours_min / 24)
    return days.ravel()


def _rising(costs: Floats) -> Ints:
    """By row, the column of least cost, such that none is before the one of the row above: rows that would be are
    pooled (Ayer et al., "An empirical distribution function for sampling with incomplete information", 1955).
    """
    pools: list[tuple[Floats, int, int]] = []
    for cost in costs:
        pool, rows, at = cost, 1, int(np.argmin(cost))
        while pools and pools[-1][2] > at:
            above, more, _ = pools.pop()
            pool, rows = pool + above, rows + more
            at = int(np.argmin(pool))
        pools.append((pool, rows, at))
    return np.repeat([at for _, _, at in pools], [rows for _, rows, _ in pools]).astype(np.int64)


@dataclass(frozen=True)
class WaitTable:
    """`days` by cell, and the `counts` of rewards it saw. `as_of`: the last instant that taught it, in microseconds."""

    cells: tuple[Cell, ...]
    days: Floats
    counts: Ints
    settings: Settings
    as_of: int
    rewards: int

    @classmethod
    def fit(cls, rewards: Rewards, as_of: int, settings: Settings) -> Self:
        survival = Survival.fit(rewards, as_of, settings)
        days = least_cost_days(survival, settings)
        return cls(survival.cells, days, survival.counts, settings, as_of, survival.rewards)

    def days_for(self, rewards: Rewards, tiers: Ints) -> Floats:
        """By reward: its wait; NaN for a kind that the table does not know, whose wait is the policy's."""
        known = {
            (cell.partner, cell.kind, cell.goal, cell.tier): days
            for cell, days in zip(self.cells, self.days, strict=True)
        }
        partners = {cell.partner for cell in self.cells}
        tasks = {(cell.kind, cell.goal) for cell in self.cells}
        words = zip(rewards.partners.tolist(), rewards.kinds.tolist(), rewards.goals.tolist(), tiers, strict=True)
        return np.array(
            [
                known.get(
                    (partner if partner in partners else "", kind, goal if (kind, goal) in tasks else "", int(tier)),
                    np.nan,
                )
                for partner, kind, goal, tier in words
            ]
        )

    def dumps(self) -> str:
        """JSON; `version` is the digest of everything else in it."""
        body = {
            "format": FORMAT,
            "as_of": self.as_of,
            "stale_at": self.as_of + self.settings.stale_days * DAY,
            "rewards": self.rewards,
            "settings": self.settings.model_dump(),
            "waits": [
                _line(cell, float(days), int(count))
                for cell, days, count in zip(self.cells, self.days, self.counts, strict=True)
            ],
        }
        return json.dumps({"version": _digest(body)} | body, indent=1) + "\n"


def _line(cell: Cell, days: float, count: int) -> dict[str, Any]:
    return {
        "partner": cell.partner or ANY,
        "kind": cell.kind,
        "goal": cell.goal or ANY,
        "trust": cell.tier,
        "hours": 24 * days,
        "rewards": count,
    }


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
