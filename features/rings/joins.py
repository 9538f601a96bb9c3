"""Which ties join whom, decided key by key, so that edges sharded by key decide as the whole would.

The rule is the online graph's when it is rebuilt: a destination or an identity joins those who share it; a device joins
those who use it together, and all of its users from the third tenancy on; a hub joins nobody; ties to a browser of
people who have a phone are left out before (persons.py). Four things differ.
Online, a hub's first users stay joined until the next rebuild; here they never were. Online, tenancies are counted as
they look on the day; here with hindsight, which sees some of them overlap, so that a ring may be smaller than online.
Here a tie that was not seen for EXPIRY_DAYS before the instant is gone. And a person's first DEGREE_MAX ties of a kind
are the first of those that are kept.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from features.compiling import loop
from features.graph.joining import HANDOVER, TENANCIES_MAX
from features.graph.layout import DEGREE_MAX
from features.rings.ties import Ints, Truths


@dataclass(frozen=True)
class Ties:
    """Joining ties, the oldest first, each once: `left` people, `right` keys. `limit`: from so many people on the tie's
    key is a hub. `is_device`: whether tenancies matter. Times in microseconds.
    """

    left: Ints
    right: Ints
    first_seen: Ints
    last_seen: Ints
    is_device: Truths
    limit: Ints

    def part(self, chosen: Truths) -> "Ties":
        return Ties(*(column[chosen] for column in vars(self).values()))


def admitted(nodes: int, left: Ints, kind: npt.NDArray[np.int8], most: int = DEGREE_MAX) -> Truths:
    """Which ties are among the first `most` of their kind of their person."""
    kinds = int(kind.max(initial=0)) + 1
    return _admitted(np.zeros(nodes * kinds, np.int32), left * kinds + kind, most)


def joins(nodes: int, ties: Ties) -> Ints:
    """Pairs of nodes that belong together, `(2, pairs)`; all ties of a key have to be among `ties`."""
    order, start = _by_key(nodes, ties.right)
    made = np.empty((2, 2 * len(order)), np.int64)
    # Compiled code keeps what it was compiled with, so limits of other files are handed over.
    rule = HANDOVER, TENANCIES_MAX
    count = _joins(order, start, ties.left, ties.first_seen, ties.last_seen, ties.is_device, ties.limit, rule, made)
    return made[:, :count]


@loop
def _admitted(seen: npt.NDArray[np.int32], place: Ints, most: int) -> Truths:
    chosen = np.zeros(len(place), np.bool_)
    for at in range(len(place)):
        chosen[at] = seen[place[at]] < most
        # A count that stays at the limit cannot overflow.
        seen[place[at]] = min(seen[place[at]] + 1, most)
    return chosen


@loop
def _by_key(nodes: int, right: Ints) -> tuple[Ints, Ints]:
    """Places of ties grouped by key, in their order within each, and where each key's group starts."""
    start = np.zeros(nodes + 1, np.int64)
    for at in range(len(right)):
        start[right[at] + 1] += 1
    start = np.cumsum(start)
    filled, order = start.copy(), np.empty(len(right), np.int64)
    for at in range(len(right)):
        order[filled[right[at]]] = at
        filled[right[at]] += 1
    return order, np.append(start, len(right))


@loop
def _joins(  # noqa: PLR0913, PLR0917  # compiled code takes arrays, not records
    order: Ints,
    start: Ints,
    left: Ints,
    first: Ints,
    last: Ints,
    is_device: Truths,
    limit: Ints,
    rule: tuple[int, int],
    made: Ints,
) -> int:
    # `start` ends with the number of ties twice, so the last node's group closes like any other.
    count = 0
    for node in range(len(start) - 2):
        group = order[start[node] : start[node + 1]]
        if len(group) == 0 or len(group) >= limit[group[0]]:
            continue
        if is_device[group[0]] and len(group) > 1:
            _sort_by_time(group, first)
            count, tenancies = _together(group, left, first, last, rule[0], made, count)
            everybody = tenancies >= rule[1]
        else:
            everybody = True
        count = _all_of(group[: len(group) if everybody else 1], node, left, made, count)
    return count


@loop
def _sort_by_time(group: Ints, first: Ints) -> None:
    """Insertion keeps equal times in order of age; a group is smaller than a hub."""
    for at in range(1, len(group)):
        tie, place = group[at], at
        while place > 0 and first[group[place - 1]] > first[tie]:
            group[place] = group[place - 1]
            place -= 1
        group[place] = tie


@loop
def _together(
    group: Ints, left: Ints, first: Ints, last: Ints, handover: int, made: Ints, count: int
) -> tuple[int, int]:
    """Join tenants whose use overlaps; how many pairs there are now, and how many tenancies, which do not overlap."""
    tenancies, ends = 1, last[group[0]]
    for at in range(1, len(group)):
        tie = group[at]
        if first[tie] + handover < ends:
            made[0, count], made[1, count] = left[group[at - 1]], left[tie]
            count += 1
        else:
            tenancies += 1
        ends = max(ends, last[tie])
    return count, tenancies


@loop
def _all_of(group: Ints, node: int, left: Ints, made: Ints, count: int) -> int:
    for tie in group:
        made[0, count], made[1, count] = left[tie], node
        count += 1
    return count
