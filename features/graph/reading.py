"""The features of one row as of the graph so far, and the loop over many rows, compiled. Reading changes nothing."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop
from features.graph.folding import fold
from features.graph.layout import (
    ANDROID_ID,
    BAD,
    DAY,
    DESTINATION,
    DEVICES,
    FIRST,
    HEAD,
    IDENTITY,
    KIND,
    NONE,
    OLDEST,
    OTHER,
    PERSON,
    R_AS_OF,
    R_DESTINATION,
    R_DEVICE,
    R_IDENTITY,
    R_IS_OUTCOME,
    R_NETWORK,
    R_REFERRER,
    R_USER,
    RING,
    RING_DAY,
    RING_DAYS,
    SAYS_BAD,
    USER,
    USERS,
    VERDICT,
    WEB,
    Arrays,
    Integers,
    find,
    found_by,
    next_of,
    root_of,
)
from features.graph.peers import (
    P_DESTINATION,
    P_IDENTITY,
    P_NODE,
    P_USE,
    P_WEIGHT,
    W_MIN,
    Weights,
    confidence_of,
    is_known,
    judged_peers,
)

Vector = NDArray[np.float64]

GROWTH_DAYS: Final = 7
# Ten imaginary people, of whom one in twenty is bad: a circle of two says little by itself.
PRIOR_PEOPLE: Final = 10.0
PRIOR_BAD: Final = 0.5
# Findings of one person beyond these say nothing more of the neighbours.
FOUND_MAX: Final = 8.0
FOUND_PRIOR_PEOPLE: Final = 2.0

# Places in the vector, in the order of GRAPH_FEATURES.
USER_DEVICES, DEVICE_USERS, DESTINATION_USERS, RING_USERS, RING_DEVICES = range(5)
OF_DEVICE_USERS, OF_DEVICE_DEVICES, IDENTITY_USERS, PAID_USERS, GROWTH, AGE, BAD_SHARE = range(5, 12)
OF_DEVICE_BAD_SHARE, PERSON_ACCOUNTS, REFERRED, REFERRER_REFERRED, NEIGHBOURS, USER_FOUND = range(12, 18)
DEVICE_DAYS, DESTINATION_DAYS, DEVICE_SHARERS, NEIGHBOURS_FOUND, NETWORK_FOUND, WIDTH = range(18, 24)


@loop
def replay(graph: Arrays, rows: Integers, into: Vector, weights: Weights) -> None:
    """Each row as of itself, then learned. `into` (rows, WIDTH), NaN for outcomes; without rows, only learned."""
    for at in range(len(rows)):
        if len(into) and rows[at, R_IS_OUTCOME] == 0:
            read(graph, rows[at], into[at], weights)
        fold(graph, rows[at])


@loop
def read(graph: Arrays, row: Integers, into: Vector, weights: Weights) -> None:
    """Missing (NaN) without the key, zero for a key that nobody knows."""
    person, device = row[R_USER], row[R_DEVICE]
    into[:] = np.nan
    into[DEVICE_USERS] = _users_of(graph, device)
    into[DESTINATION_USERS] = _users_of(graph, row[R_DESTINATION])
    _read_device(graph, person, device, into)
    if person == NONE:
        return
    _read_person(graph, person, row, into)
    _read_shared(graph, person, row, into)
    _read_peers(graph, person, row[R_AS_OF], into, weights)
    into[USER_FOUND] = found_by(graph.nodes, person, row[R_AS_OF]) if is_known(graph, person) else 0.0
    into[DEVICE_DAYS] = _days_together(graph, person, row[R_DEVICE], row[R_AS_OF])
    into[DESTINATION_DAYS] = _days_together(graph, person, row[R_DESTINATION], row[R_AS_OF])
    into[NETWORK_FOUND] = _network_found(graph, person, row)


@loop
def _days_together(graph: Arrays, person: int, other: int, now: int) -> float:
    """Days since a person was first seen with something of theirs, zero at the first time."""
    if other == NONE:
        return np.nan
    if not (is_known(graph, person) and is_known(graph, other)):
        return 0.0
    tie = find(graph, person, other)
    return max(now - graph.ties[tie, FIRST], 0) / DAY if tie >= 0 else 0.0


@loop
def _network_found(graph: Arrays, person: int, row: Integers) -> float:
    """Findings against each of the others who were seen on a network, pulled towards none."""
    network = row[R_NETWORK]
    if network == NONE:
        return np.nan
    others, found = 0, 0.0
    tie = graph.nodes[network, HEAD] if is_known(graph, network) else NONE
    while tie != NONE:
        other = graph.ties[tie, PERSON]
        if other != person:
            others += 1
            found += min(found_by(graph.nodes, other, row[R_AS_OF]), FOUND_MAX)
        tie = next_of(graph.ties, tie, network)
    return float(found / (others + FOUND_PRIOR_PEOPLE))


@loop
def _users_of(graph: Arrays, at: int) -> float:
    if at == NONE:
        return np.nan
    return float(graph.degrees[at, USER]) if is_known(graph, at) else 0.0


@loop
def _read_device(graph: Arrays, person: int, device: int, into: Vector) -> None:
    if device == NONE:
        return
    into[OF_DEVICE_USERS], into[OF_DEVICE_DEVICES] = 0.0, 0.0
    into[OF_DEVICE_BAD_SHARE] = _bad_share(graph, device, person)
    if is_known(graph, device):
        circle = graph.circles[root_of(graph.nodes, device)]
        into[OF_DEVICE_USERS], into[OF_DEVICE_DEVICES] = circle[USERS], _devices(circle[DEVICES:RING])


@loop
def _devices(by_kind: NDArray[np.int32]) -> float:
    """One handset has an id of several kinds: the most frequent kind counts handsets."""
    most = 0
    for count in by_kind:
        most = max(most, count)
    return float(most)


@loop
def _bad_share(graph: Arrays, at: int, person: int) -> float:
    """The share of bad people in the component of a node, without the person, pulled towards the usual."""
    if not is_known(graph, at):
        return PRIOR_BAD / PRIOR_PEOPLE
    root = root_of(graph.nodes, at)
    others, bad = graph.circles[root, USERS], graph.circles[root, BAD]
    if is_known(graph, person) and root_of(graph.nodes, person) == root:
        others -= 1
        bad -= 1 if graph.nodes[person, VERDICT] == SAYS_BAD else 0
    return float((bad + PRIOR_BAD) / (others + PRIOR_PEOPLE))


@loop
def _read_person(graph: Arrays, person: int, row: Integers, into: Vector) -> None:
    into[BAD_SHARE] = _bad_share(graph, person, person)
    for place in (USER_DEVICES, RING_USERS, RING_DEVICES, GROWTH, AGE, REFERRED):
        into[place] = 0.0
    if not is_known(graph, person):
        return
    root = root_of(graph.nodes, person)
    circle, most = graph.circles[root], 0
    for kind in range(1, WEB + 1):
        most = max(most, graph.degrees[person, kind])
    into[USER_DEVICES], into[REFERRED] = most, graph.degrees[person, USER]
    into[RING_USERS], into[RING_DEVICES] = circle[USERS], _devices(circle[DEVICES:RING])
    into[GROWTH] = _growth(circle, row[R_AS_OF] // DAY)
    into[AGE] = max(row[R_AS_OF] - graph.nodes[root, OLDEST], 0) / DAY


@loop
def _growth(circle: NDArray[np.int32], today: int) -> float:
    """People who came on one of the last GROWTH_DAYS days, today among them."""
    came = 0
    for day in range(max(today - GROWTH_DAYS, circle[RING_DAY] - RING_DAYS) + 1, circle[RING_DAY] + 1):
        came += circle[RING + day % RING_DAYS]
    return float(came)


@loop
def _read_shared(graph: Arrays, person: int, row: Integers, into: Vector) -> None:
    """What the person's destinations, identities and referrer are to others, the event's own among them."""
    identity, destination, referrer = row[R_IDENTITY], row[R_DESTINATION], row[R_REFERRER]
    identified = max(_users_of(graph, identity), 0.0) if identity != NONE else 0.0
    sharers = 0.0
    paid = max(_users_of(graph, destination), 0.0) if destination != NONE else 0.0
    if is_known(graph, person):
        tie = graph.nodes[person, HEAD]
        while tie != NONE:
            other = graph.ties[tie, OTHER]
            kind = graph.nodes[other, KIND]
            if graph.ties[tie, PERSON] == person:
                users = float(graph.degrees[other, USER])
                identified = max(identified, users) if kind == IDENTITY else identified
                paid = max(paid, users) if kind == DESTINATION else paid
                sharers = max(sharers, users) if ANDROID_ID <= kind < WEB else sharers
                referrer = other if kind == USER else referrer
            tie = next_of(graph.ties, tie, person)
    into[IDENTITY_USERS], into[PAID_USERS], into[DEVICE_SHARERS] = identified, paid, sharers
    into[REFERRER_REFERRED] = _users_of(graph, referrer)


@loop
def _read_peers(graph: Arrays, person: int, now: int, into: Vector, weights: Weights) -> None:
    into[PERSON_ACCOUNTS], into[NEIGHBOURS], into[NEIGHBOURS_FOUND] = 1.0, 0.0, 0.0
    if not is_known(graph, person):
        return
    peers = judged_peers(graph, person, weights)
    total, same, found = 0, 1, 0.0
    for at in range(len(peers)):
        total += peers[at, P_WEIGHT]
        # The browser of a cafe says nothing of those who come after.
        if peers[at, P_USE] or peers[at, P_DESTINATION] or peers[at, P_IDENTITY]:
            found += min(found_by(graph.nodes, peers[at, P_NODE], now), FOUND_MAX)
        same += confidence_of(graph, person, peers[at], weights) >= weights[W_MIN]
    into[PERSON_ACCOUNTS], into[NEIGHBOURS], into[NEIGHBOURS_FOUND] = same, total / 1e6, found
