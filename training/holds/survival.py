"""How likely a reward is taken back in each stretch of time after its credit, as far as it was not before.

Discrete hazards: in each stretch, reversals over the time that rewards were watched, by a Poisson regression with a
ridge. A reward that is younger than a stretch says nothing of it (it is censored), and still counts before. Partner,
kind, goal and trust have levels, some of them together, and partner and trust each a shape of their own over time; the
ridge draws each towards what all have, the more so the less was seen of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import PoissonRegressor

from training.holds.rewards import DAY, Floats, Ints, Rewards
from training.holds.settings import HoldsError, Settings

EDGES_DAYS: Final = np.array([0, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 21, 26, 32, 40, 60, 90])
_STRETCHES: Final = len(EDGES_DAYS) - 1
_HAZARD_MAX: Final = 0.95
_OTHER: Final = ""


@dataclass(frozen=True)
class Cell:
    """`partner` or `goal` empty: one that was not seen, or none."""

    partner: str
    kind: str
    goal: str
    tier: int


@dataclass(frozen=True)
class Survival:
    """`hazards` [cell, stretch]: the share of rewards, not reversed before, that are reversed in the stretch.
    `counts`: by cell, the rewards that were seen.
    """

    cells: tuple[Cell, ...]
    hazards: Floats
    counts: Ints
    rewards: int
    as_of: int

    @classmethod
    def fit(cls, rewards: Rewards, as_of: int, settings: Settings) -> Self:
        """What was recorded by `as_of` teaches. Raises HoldsError where no kind has `rewards_min`, or none reversed."""
        seen = rewards.credited_at <= as_of
        kinds, count = np.unique(rewards.kinds[seen], return_counts=True)
        enough = kinds[count >= settings.rewards_min]
        known = rewards.take(seen & np.isin(rewards.kinds, enough))
        if not len(known) or not (known.reversed_at <= as_of).any():
            raise HoldsError(
                f"no kind of event has {settings.rewards_min} rewards of which some were reversed: "
                "load more of the past, or lower rewards_min"
            )
        words = _Words.of(known, settings.trust.tiers)
        place = words.places(known, rewards.tiers(settings.trust)[seen & np.isin(rewards.kinds, enough)])
        watched, taken = _counts(known, place, len(words.cells), as_of)
        design = words.design()
        there = watched.ravel() > 0
        weights = watched.ravel()[there]
        model = PoissonRegressor(alpha=settings.ridge / weights.sum(), max_iter=1000)
        model.fit(design[there], taken.ravel()[there] / weights, sample_weight=weights)
        hazards = np.minimum(model.predict(design).reshape(-1, _STRETCHES), _HAZARD_MAX)
        return cls(words.cells, hazards, np.bincount(place, minlength=len(words.cells)), len(known), as_of)

    @property
    def later(self) -> Floats:
        """[cell, edge]: the probability of a reversal after each of EDGES_DAYS, within the last of them."""
        alive = self._alive()
        left: Floats = alive - alive[:, -1:]
        return left

    @property
    def waited_days(self) -> Floats:
        """[cell, edge]: mean days that a reward waits which matures at each of EDGES_DAYS; a reversal ends the wait."""
        alive = self._alive()
        middle = (alive[:, :-1] + alive[:, 1:]) / 2 * np.diff(EDGES_DAYS)
        waited: Floats = np.concatenate([np.zeros((len(alive), 1)), np.cumsum(middle, axis=1)], axis=1)
        return waited

    def _alive(self) -> Floats:
        alive: Floats = np.cumprod(np.concatenate([np.ones((len(self.hazards), 1)), 1 - self.hazards], axis=1), axis=1)
        return alive


@dataclass(frozen=True)
class _Words:
    """Every cell that a reward can fall into, those of unseen partners and goals included."""

    partners: tuple[str, ...]
    tasks: tuple[tuple[str, str], ...]
    cells: tuple[Cell, ...]
    tiers: int

    @classmethod
    def of(cls, rewards: Rewards, tiers: int) -> Self:
        partners = (_OTHER, *sorted(set(rewards.partners.tolist()) - {_OTHER}))
        seen = set(zip(rewards.kinds.tolist(), rewards.goals.tolist(), strict=True))
        tasks = tuple(sorted(seen | {(kind, _OTHER) for kind, _ in seen}))
        cells = tuple(
            Cell(partner, kind, goal, tier) for partner in partners for kind, goal in tasks for tier in range(tiers)
        )
        return cls(partners, tasks, cells, tiers)

    def places(self, rewards: Rewards, tier: Ints) -> Ints:
        """The cell of each reward."""
        partner = _ranks(self.partners, rewards.partners.tolist())
        task = _ranks(self.tasks, list(zip(rewards.kinds.tolist(), rewards.goals.tolist(), strict=True)))
        return (partner * len(self.tasks) + task) * self.tiers + tier

    def design(self) -> csr_matrix:
        """[cell and stretch, effect]: ones where an effect counts. An unseen partner or goal has none of its own."""
        partner = _ranks(self.partners, [cell.partner for cell in self.cells])
        task = _ranks(self.tasks, [(cell.kind, cell.goal) for cell in self.cells])
        kinds = sorted({kind for kind, _ in self.tasks})
        kind = _ranks(kinds, [cell.kind for cell in self.cells])
        tier = np.array([cell.tier for cell in self.cells])
        own = [(cell.partner != _OTHER, cell.goal != _OTHER) for cell in self.cells]
        has_partner, has_goal = (np.repeat(np.array(part), _STRETCHES) for part in zip(*own, strict=True))
        partner, task, kind, tier = (np.repeat(part, _STRETCHES) for part in (partner, task, kind, tier))
        stretch, always = np.tile(np.arange(_STRETCHES), len(self.cells)), np.ones(len(tier), bool)
        effects = [
            (stretch, always),
            (kind, always),
            (tier, always),
            (kind * self.tiers + tier, always),
            (tier * _STRETCHES + stretch, always),
            (task, has_goal),
            (partner, has_partner),
            (partner * self.tiers + tier, has_partner),
            (partner * _STRETCHES + stretch, has_partner),
        ]
        return _ones(effects)


def _ranks(known: Sequence[object], asked: Sequence[object]) -> Ints:
    place = {one: rank for rank, one in enumerate(known)}
    return np.array([place[one] for one in asked], np.int64)


def _ones(effects: Sequence[tuple[Ints, np.ndarray]]) -> csr_matrix:
    rows, columns, begins = [], [], 0
    for column, counts in effects:
        rows.append(np.flatnonzero(counts))
        columns.append(column[counts] + begins)
        begins += int(column.max()) + 1
    place = (np.concatenate(rows), np.concatenate(columns))
    return csr_matrix((np.ones(len(place[0])), place), shape=(len(effects[0][0]), begins))


def _counts(rewards: Rewards, place: Ints, cells: int, as_of: int) -> tuple[Floats, Floats]:
    """[cell, stretch]: rewards watched through the stretch (parts of it count as parts), and reversed within it."""
    age = np.minimum((as_of - rewards.credited_at) / DAY, EDGES_DAYS[-1])
    delay = np.where(rewards.reversed_at <= as_of, rewards.days, np.inf)
    end = np.minimum(age, delay)
    watched, taken = np.zeros((cells, _STRETCHES)), np.zeros((cells, _STRETCHES))
    for stretch, (begin, until) in enumerate(pairwise(EDGES_DAYS)):
        is_taken = (delay <= age) & (delay > begin) & (delay <= until)
        # One that is reversed within a stretch was at risk through all of it: the share is of those who began it.
        share = np.where(is_taken, 1.0, np.clip((end - begin) / (until - begin), 0, 1))
        watched[:, stretch] = np.bincount(place, share, cells)
        taken[:, stretch] = np.bincount(place[is_taken], minlength=cells)
    return watched, taken
