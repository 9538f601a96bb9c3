"""What an offer at a level is worth to the market, when what it spends of scarce budgets is charged."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp


@dataclass(frozen=True)
class Duals:
    """Pressures of the two budgets. What a completion brings the advertiser counts `exp(-value)`-fold, so lambda is
    `1 - exp(-value)`; a reward counts `exp(reward)`-fold, so mu is `exp(reward) - 1`.
    """

    value: float = 0.0
    reward: float = 0.0


def gains(chance: Sequence[float], value: float, duals: Duals) -> list[float]:
    """What a completion is expected to bring, by level, less what it takes of the advertiser's budget."""
    kept = value * exp(-duals.value)
    return [one * kept for one in chance]


def costs(chance: Sequence[float], rewards: Sequence[int], duals: Duals) -> list[float]:
    """What the rewards are expected to cost, by level, dearer by mu where the platform's plan falls short."""
    charge = exp(duals.reward)
    return [one * reward * charge for one, reward in zip(chance, rewards, strict=True)]


def worth(gain: float, cost: float, fraud: float = 0.0, multiplier: float = 1.0) -> float:
    """The joint value by which offers are ranked.

    p(r) * (value * quality * (1 - fraud) * (1 - lambda) - r * m * (1 + mu)), `m` being the multiplier of the person's
    day. Fraud and the day's multiplier change which offers are shown, never an offer's level, which is chosen without.
    """
    return gain * (1 - fraud) - cost * multiplier
