"""Honest people who share devices with others: visitors of cafes, families with one phone, newcomers on a used phone.

All draw from streams of their own, so that nothing else of a simulation depends on them.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulator.batch import MISSING, Integers

CAFE_SHARE: Final = 0.02
"""Of all people, those who use a cafe's machines now and then; they have phones of their own, and nothing in common."""
CAFE_VISITORS: Final = 30
CAFE_MACHINES: Final = 3
ONE_PHONE_SHARE: Final = 0.01
"""Of households, those whose members all use one handset and have no other."""
HANDED_ON_SHARE: Final = 0.01
"""Of all people, those who left for good and whose phone, their only one, brought somebody new."""
HANDED_ON_DAYS_MAX: Final = 14


def nobody() -> Integers:
    """An array over people that is not needed, since it says nothing of any of them."""
    return np.empty(0, np.int64)


def draw_cafes(rng: np.random.Generator, is_candidate: NDArray[np.bool_]) -> Integers:
    """Each person's cafe, MISSING for those who go to none."""
    users = len(is_candidate)
    cafe = np.full(users, MISSING)
    visitors = rng.permutation(np.flatnonzero(is_candidate))[: round(CAFE_SHARE * users)]
    cafe[visitors] = rng.integers(0, max(1, len(visitors) // CAFE_VISITORS), len(visitors))
    return cafe


def machines_of(rng: np.random.Generator, cafe: Integers, group: Integers) -> Integers:
    """The machine that each visitor of a cafe uses, numbered by the group of its first visitor; MISSING for others."""
    visitors = np.flatnonzero(cafe != MISSING)
    place = cafe[visitors] * CAFE_MACHINES + rng.integers(0, CAFE_MACHINES, len(visitors))
    _, first, which = np.unique(place, return_index=True, return_inverse=True)
    machine = np.full(len(cafe), MISSING)
    machine[visitors] = group[visitors[first]][which]
    return machine


def has_one_phone(rng: np.random.Generator, household: Integers, changes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether each person lives in a household with one handset; `household` is MISSING for those who live in none.

    Where somebody `changes` their handset there are two.
    """
    chosen = rng.random(household.max(initial=MISSING) + 1) < ONE_PHONE_SHARE
    chosen[household[changes & (household != MISSING)]] = False
    is_home = household != MISSING
    is_chosen = np.zeros(len(household), np.bool_)
    is_chosen[is_home] = chosen[household[is_home]]
    return is_chosen


def previous_owners(
    rng: np.random.Generator, leaves: Integers, joins: Integers, may_sell: NDArray[np.bool_], may_buy: NDArray[np.bool_]
) -> Integers:
    """For each person the one whose phone they start on, MISSING for most. `leaves`, `joins`: days.

    Who buys joins on the day on which the seller has left for good, or at most HANDED_ON_DAYS_MAX later.
    """
    previous = np.full(len(leaves), MISSING)
    sellers = rng.permutation(np.flatnonzero(may_sell))
    buyers = np.flatnonzero(may_buy & (joins > 0))
    waiting = list(buyers[np.argsort(joins[buyers], kind="stable")])
    for seller in sellers[: round(HANDED_ON_SHARE * len(leaves))].tolist():
        at = int(np.searchsorted(joins[waiting], leaves[seller]))
        if at < len(waiting) and waiting[at] != seller and joins[waiting[at]] <= leaves[seller] + HANDED_ON_DAYS_MAX:
            previous[waiting.pop(at)] = seller
    return previous
