"""Where the device graph keeps what: the columns of its arrays, and the three lookups that everything else uses.

All state lies in a few arrays of numbers, so that a million people cost no garbage collection and a node costs a known
number of bytes: 160, and 64 a tie, besides its key.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop

Integers = NDArray[np.int64]

DAY: Final = 86_400_000_000
RING_DAYS: Final = 8
DEGREE_MAX: Final = 64

# Kinds of node; in the degrees of a person, REFERRER and USER count referrals: by whom, and of whom.
USER, ANDROID_ID, IDFV, GAID, INSTALL, WEB, DESTINATION, IDENTITY, NETWORK, REFERRER = range(10)
KINDS: Final = 10
# Columns of nodes. BORN is 0 for a number without a node, and else grows with every node that enters; CAME is a day.
# OLDEST and SIZE hold at a root, of its component. FOUND counts what was found against a
# person, in FINDINGs that fade, as of FOUND_AT.
KIND, PARENT, BORN, EARLIEST, LATEST, CAME, HEAD, VERDICT, OLDEST, SIZE, FOUND, FOUND_AT = range(12)
NODE_WIDTH: Final = 12
# Columns of circles, which hold at a root: people, bad ones, devices of each kind, then the people who came, by day.
USERS, BAD, RING_DAY, DEVICES, RING, CIRCLE_WIDTH = 0, 1, 2, 3, 8, 16
# Columns of ties.
PERSON, OTHER, FIRST, LAST, NEXT_OF_PERSON, NEXT_OF_OTHER, ATTESTED, SEQUENCE = range(8)
TIE_WIDTH: Final = 8
# Places in totals.
BIRTHS, TIES, UNIONS, TODAY, SINCE, REFUSED, HUBS_NEW, KEEP, REBUILDS = range(9)
TOTALS: Final = 9
# Columns of a row. A key is the number of a node: NONE where the event has none, UNSEEN where nobody knows it.
NONE, UNSEEN = -1, -2
R_SEQUENCE, R_TIME, R_AS_OF, R_VERDICT, R_ATTESTED, R_IS_REFERRAL, R_IS_OUTCOME, R_USER, R_DEVICE = range(9)
R_DESTINATION, R_IDENTITY, R_NETWORK, R_REFERRER, R_DEVICES, ROW_WIDTH = 9, 10, 11, 12, 13, 21
SAYS_NOTHING, SAYS_BAD, SAYS_GENUINE = range(3)
FINDING: Final = 1 << 20
"""One finding, in the units of FOUND: whole numbers, so that snapshots hold them."""
FINDING_HALF_DAYS: Final = 14
"""A finding counts half after so long. Without fading, whoever stays long would collect the mistakes of partners."""


class Arrays(NamedTuple):
    """`nodes` (n, NODE_WIDTH), `degrees` (n, KINDS), `circles` (n, CIRCLE_WIDTH), `ties` (m, TIE_WIDTH), `places` (a
    power of two), `unions` (n, 3: sequence, kept, absorbed), `totals` (TOTALS).
    """

    nodes: Integers
    degrees: NDArray[np.uint8]
    circles: NDArray[np.int32]
    ties: Integers
    places: NDArray[np.int32]
    unions: Integers
    totals: Integers


@loop
def root_of(nodes: Integers, at: int) -> int:
    """The node's representative. Paths stay as they are, so reading changes nothing; by size, they are short."""
    while nodes[at, PARENT] != at:
        at = nodes[at, PARENT]
    return at


@loop
def found_by(nodes: Integers, at: int, now: int) -> float:
    """Findings against a person as of an instant, faded."""
    if nodes[at, FOUND] == 0:
        return 0.0
    return float(nodes[at, FOUND] / FINDING * 0.5 ** (max(now - nodes[at, FOUND_AT], 0) / (FINDING_HALF_DAYS * DAY)))


@loop
def place_of(graph: Arrays, person: int, other: int) -> int:
    """Where the tie stands in the index, or the free place where it would."""
    mask = len(graph.places) - 1
    mixed = (np.uint64(person) + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(31)) ^ np.uint64(other)) * np.uint64(0x94D049BB133111EB)
    at = np.int64((mixed ^ (mixed >> np.uint64(29))) & np.uint64(mask))
    while graph.places[at] != 0:
        tie = graph.places[at] - 1
        if graph.ties[tie, PERSON] == person and graph.ties[tie, OTHER] == other:
            return int(at)
        at = (at + 1) & mask
    return int(at)


@loop
def find(graph: Arrays, person: int, other: int) -> int:
    """The tie's number, or -1."""
    return int(graph.places[place_of(graph, person, other)]) - 1


@loop
def next_of(ties: Integers, tie: int, node: int) -> int:
    """The tie after `tie` in the list of `node`."""
    return int(ties[tie, NEXT_OF_PERSON] if ties[tie, PERSON] == node else ties[tie, NEXT_OF_OTHER])


@loop
def reindex(graph: Arrays) -> None:
    """Enter every tie into an empty index."""
    for tie in range(graph.totals[TIES]):
        graph.places[place_of(graph, graph.ties[tie, PERSON], graph.ties[tie, OTHER])] = tie + 1
