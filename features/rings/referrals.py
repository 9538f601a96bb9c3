"""Who brought whom: how deep a person stands below the first of a chain of referrals, and how many they brought."""

from typing import Final

import numpy as np

from features.rings.ties import Ints

DEPTH_MAX: Final = 32
"""Chains are followed so far; a circle of referrals has this depth."""


def referral_depth(persons: int, referred: Ints, referrer: Ints) -> Ints:
    """Steps up the chain from each person; the first referrer of several counts. 0 for who was brought by nobody."""
    parent = np.full(persons, -1)
    parent[referred[::-1]] = referrer[::-1]
    depth, above = np.zeros(persons, np.int64), parent.copy()
    for _ in range(DEPTH_MAX):
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return depth


def referred_people(persons: int, referrer: Ints) -> Ints:
    """How many people each person brought."""
    return np.bincount(referrer, minlength=persons)
