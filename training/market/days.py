"""People's days as small decision processes: alike ones are counted once, and each is solved from its end."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from features.compiling import loop
from training.market.protocol import Floats, Integers, People
from training.market.world import DAY, Market


@dataclass(frozen=True)
class Days:
    """`cells[starts[d]:starts[d + 1]]` are the visits of the day `d`, by cell; `weights[d, s]` is how many such days
    begin in the state `s`.
    """

    cells: Integers
    starts: Integers
    weights: Floats


def days_of(market: Market, cells: Integers) -> Days:
    """The days of a market. Those of people without a memory fall apart into visits."""
    if market.people.states == 1:
        alike, counts = np.unique(cells, return_counts=True)
        return Days(alike, np.arange(len(alike) + 1), counts[:, None].astype(np.float64))
    visits = market.visits
    days = visits.person * (visits.at.max() // DAY + 1) + visits.at // DAY
    order = np.argsort(days, kind="stable")  # visits are by time already
    edges = np.flatnonzero(np.diff(days[order], prepend=-1, append=-2))
    places: dict[bytes, int] = {}
    weights: list[Floats] = []
    for start, end in pairwise(edges):
        at = places.setdefault(cells[order[start:end]].tobytes(), len(places))
        if at == len(weights):
            weights.append(np.zeros(market.people.states))
        weights[at][market.begins[visits.person[order[start]]]] += 1
    sequences = [np.frombuffer(key, dtype=np.int64) for key in places]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sequences])])
    return Days(np.concatenate(sequences), starts, np.array(weights))


Won = tuple[Integers, Floats, Integers, Floats]
"""Of each cell its segment; by cell, kind and level the most a completion gives, and which campaign's; the rewards."""


def earned(people: People, days: Days, won: Won, reward_price: float, campaigns: int) -> tuple[float, Floats, Floats]:
    """The best value of all days where a completion gives what is won less `reward * (1 + reward_price)`.

    Returns the value, the expected completions of each campaign, and the rewards that are paid, in units.
    """
    completions = np.zeros(campaigns)
    value, paid = _solved(
        (days.cells, days.starts, days.weights),
        (people.chances, people.following),
        won,
        won[-1] * (1 + reward_price),
        completions,
    )
    return value, completions, paid


@loop
def _solved(days, people, won, charges, completions):  # type: ignore[no-untyped-def]  # noqa: C901  # Numba infers them, and a loop in a loop is its trade
    """Backward for the values and choices of each day, then forward for how often each choice is met."""
    cells, starts, weights = days
    chances, following = people
    segments, best, who, rewards = won
    states, kinds, levels = weights.shape[1], best.shape[1], best.shape[2]
    longest = (starts[1:] - starts[:-1]).max()
    worth = np.zeros((longest + 1, states))
    chosen = np.zeros((longest, states), np.int64)
    total, paid = 0.0, 0.0
    for day in range(len(starts) - 1):
        visits = starts[day + 1] - starts[day]
        worth[visits, :] = 0.0
        for visit in range(visits - 1, -1, -1):
            cell = cells[starts[day] + visit]
            for state in range(states):
                value, choice = worth[visit + 1, state], -1
                for kind in range(kinds):
                    for level in range(levels):
                        if best[cell, kind, level] == -np.inf:
                            continue
                        chance = chances[kind, segments[cell], state, level]
                        done = best[cell, kind, level] - charges[level] + worth[visit + 1, following[state, level, 1]]
                        offered = chance * done + (1 - chance) * worth[visit + 1, following[state, level, 0]]
                        if offered > value:
                            value, choice = offered, kind * levels + level
                worth[visit, state], chosen[visit, state] = value, choice
        here = weights[day].copy()
        for state in range(states):
            total += here[state] * worth[0, state]
        for visit in range(visits):
            cell = cells[starts[day] + visit]
            there = np.zeros(states)
            for state in range(states):
                choice = chosen[visit, state]
                if choice < 0 or here[state] == 0.0:
                    there[state] += here[state]
                    continue
                kind, level = choice // levels, choice % levels
                done = here[state] * chances[kind, segments[cell], state, level]
                completions[who[cell, kind, level]] += done
                paid += done * rewards[level]
                there[following[state, level, 1]] += done
                there[following[state, level, 0]] += here[state] - done
            here = there
    return total, paid
