"""The accounts that share something with one account, and how strongly each seems to be the same person, compiled.

The rule and its reasons are told in persons.py; its constants come in as `weights`, in the order of the W_ places.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop
from features.graph.joining import HANDOVER
from features.graph.layout import (
    ANDROID_ID,
    ATTESTED,
    BORN,
    DEGREE_MAX,
    DESTINATION,
    FIRST,
    GAID,
    HEAD,
    IDENTITY,
    INSTALL,
    KIND,
    LAST,
    NETWORK,
    NONE,
    OTHER,
    PERSON,
    USER,
    WEB,
    Arrays,
    Integers,
    find,
    next_of,
)

Weights = NDArray[np.float64]

PEERS_MAX: Final = 64
STEPS_MAX: Final = 2048
# A key that more people share is some trade's; to look at all of them would take too long besides.
PROVEN_USERS_MAX: Final = 16
# Columns of a peer. USE: 0 no device shared, 1 one account after the other, 2 in turns. PURSE, RACK: the destination or
# the handset is proven one person's.
P_NODE, P_WEIGHT, P_IDENTITY, P_DESTINATION, P_HANDSETS, P_USE, P_SOUND, P_PURSE, P_RACK, PEER_WIDTH = range(10)
W_IDENTITY, W_DESTINATION, W_SUCCESSION, W_ONLY_HANDSET, W_FAMILY_HANDSET, W_UNATTESTED = range(6)
W_OTHER_IDENTITY, W_OTHER_DESTINATION, W_MIN, W_PURSE, W_RACK = range(6, 11)

# Millionths of 1 / ln(degree): whole numbers add up to the same in any order.
_WEIGHT: Final = np.array([0, 0, *(round(1e6 / np.log(n)) for n in range(2, DEGREE_MAX + 1))], np.int64)


@loop
def peers_of(graph: Arrays, person: int) -> Integers:
    """Other accounts that share a device, a destination or an identity with a person, one row each.

    At most PEERS_MAX of them, found within STEPS_MAX steps, the latest ties first. Networks and referrals do not count.
    """
    ties, found, count, steps = graph.ties, np.zeros((PEERS_MAX, PEER_WIDTH), np.int64), 0, 0
    mine = graph.nodes[person, HEAD]
    while mine != NONE:
        other = ties[mine, OTHER]
        if ties[mine, PERSON] == person and _is_shared(graph, other):
            theirs = graph.nodes[other, HEAD]
            while theirs != NONE and steps < STEPS_MAX:
                steps += 1
                if theirs != mine:
                    count = _meet(graph, found, count, mine, theirs)
                theirs = next_of(ties, theirs, other)
        mine = next_of(ties, mine, person)
    return found[:count]


@loop
def _is_shared(graph: Arrays, other: int) -> bool:
    kind = graph.nodes[other, KIND]
    return bool(kind not in (NETWORK, USER) and graph.degrees[other, USER] > 1)


@loop
def _meet(graph: Arrays, found: Integers, count: int, mine: int, theirs: int) -> int:
    """Note a shared node in the row of the account that shares it; the number of rows."""
    account, at = graph.ties[theirs, PERSON], 0
    while at < count and found[at, P_NODE] != account:
        at += 1
    if at == len(found):
        return count
    found[at, P_NODE] = account
    _note(graph, found[at], mine, theirs)
    return max(count, at + 1)


@loop
def _note(graph: Arrays, peer: Integers, mine: int, theirs: int) -> None:
    other = graph.ties[mine, OTHER]
    kind = graph.nodes[other, KIND]
    peer[P_WEIGHT] = max(peer[P_WEIGHT], _WEIGHT[graph.degrees[other, USER]])
    if kind == IDENTITY:
        peer[P_IDENTITY] = 1
    elif kind == DESTINATION:
        peer[P_DESTINATION] = 1
    elif kind < WEB:
        peer[P_HANDSETS] += kind != INSTALL
        peer[P_USE] = max(peer[P_USE], 1 + _in_turns(graph.ties[mine], graph.ties[theirs]))
        peer[P_SOUND] |= graph.ties[mine, ATTESTED] & graph.ties[theirs, ATTESTED]


@loop
def _in_turns(one: Integers, two: Integers) -> int:
    """Whether the earlier user of a device was back after the later one had come."""
    if one[FIRST] == two[FIRST]:
        ends = min(one[LAST], two[LAST])
    else:
        ends = one[LAST] if one[FIRST] < two[FIRST] else two[LAST]
    return 1 if ends > max(one[FIRST], two[FIRST]) + HANDOVER else 0


@loop
def _handsets(graph: Arrays, person: int) -> int:
    """How many hardware ids a person has used."""
    count = 0
    for kind in range(ANDROID_ID, GAID + 1):
        count += graph.degrees[person, kind]
    return count


@loop
def confidence_of(graph: Arrays, person: int, peer: Integers, weights: Weights) -> float:
    """From 0 to 1: how sure it is that the peer is the same person, by the rule of persons.py."""
    account, shared = peer[P_NODE], peer[P_HANDSETS]
    doubt = 1.0 - weights[W_IDENTITY] * peer[P_IDENTITY]
    doubt *= 1.0 - weights[W_PURSE if peer[P_PURSE] else W_DESTINATION] * peer[P_DESTINATION]
    if peer[P_USE] > 0:
        alone = shared > 0 and _handsets(graph, person) <= shared and _handsets(graph, account) <= shared
        use = W_SUCCESSION if peer[P_USE] < 2 else W_RACK if peer[P_RACK] else W_ONLY_HANDSET
        device = weights[use if alone else W_FAMILY_HANDSET]
        doubt *= 1.0 - (device if peer[P_SOUND] else device * weights[W_UNATTESTED])
    confidence = 1.0 - doubt
    if peer[P_IDENTITY]:
        return float(confidence)
    if graph.degrees[person, IDENTITY] and graph.degrees[account, IDENTITY]:
        confidence *= weights[W_OTHER_IDENTITY]
    if not peer[P_DESTINATION] and graph.degrees[person, DESTINATION] and graph.degrees[account, DESTINATION]:
        confidence *= weights[W_OTHER_DESTINATION]
    return float(confidence)


@loop
def judged_peers(graph: Arrays, person: int, weights: Weights) -> Integers:
    """The same rows, which know too whose the shared destinations and handsets are."""
    peers = peers_of(graph, person)
    _prove(graph, person, peers, weights)
    return peers


@loop
def _prove(graph: Arrays, person: int, peers: Integers, weights: Weights) -> None:
    tie = graph.nodes[person, HEAD] if len(peers) else NONE
    while tie != NONE:
        key = graph.ties[tie, OTHER]
        if graph.ties[tie, PERSON] == person and _is_one_persons(graph, key, weights):
            column = P_PURSE if graph.nodes[key, KIND] == DESTINATION else P_RACK
            for at in range(len(peers)):
                if find(graph, peers[at, P_NODE], key) >= 0:
                    peers[at, column] = 1
        tie = next_of(graph.ties, tie, person)


@loop
def _is_one_persons(graph: Arrays, key: int, weights: Weights) -> bool:
    """Whether at least half of those who share a destination or a handset have another account among them."""
    kind, users, proven = graph.nodes[key, KIND], graph.degrees[key, USER], 0
    if not (kind == DESTINATION or ANDROID_ID <= kind <= GAID) or not 2 < users <= PROVEN_USERS_MAX:
        return False
    tie = graph.nodes[key, HEAD]
    while tie != NONE:
        proven += _has_another(graph, graph.ties[tie, PERSON], key, weights)
        tie = next_of(graph.ties, tie, key)
    return bool(2 * proven >= users)


@loop
def _has_another(graph: Arrays, person: int, key: int, weights: Weights) -> bool:
    """Whether a peer who shares the key, too, is the same person by what the two share alone."""
    peers = peers_of(graph, person)
    for at in range(len(peers)):
        is_sure = confidence_of(graph, person, peers[at], weights) >= weights[W_MIN]
        if is_sure and find(graph, peers[at, P_NODE], key) >= 0:
            return True
    return False


@loop
def confidence_between(graph: Arrays, one: int, two: int, weights: Weights) -> float:
    """The confidence of one pair, whatever else the two share with others."""
    peers = np.zeros((1, PEER_WIDTH), np.int64)
    peer = peers[0]
    peer[P_NODE] = two
    mine = graph.nodes[one, HEAD]
    while mine != NONE:
        other = graph.ties[mine, OTHER]
        if graph.ties[mine, PERSON] == one and _is_shared(graph, other):
            theirs = find(graph, two, other)
            if theirs >= 0:
                _note(graph, peer, mine, theirs)
        mine = next_of(graph.ties, mine, one)
    _prove(graph, one, peers, weights)
    return float(confidence_of(graph, one, peer, weights))


@loop
def accounts_of(graph: Arrays, person: int, weights: Weights, confidence_min: float) -> Integers:
    """The accounts that are the same person with at least that confidence, without the person's own."""
    peers = judged_peers(graph, person, weights)
    found, count = np.empty(len(peers), np.int64), 0
    for at in range(len(peers)):
        if confidence_of(graph, person, peers[at], weights) >= confidence_min:
            found[count] = peers[at, P_NODE]
            count += 1
    return found[:count]


@loop
def is_known(graph: Arrays, at: int) -> bool:
    """Whether a key stands for a node of the graph."""
    return at >= 0 and graph.nodes[at, BORN] != 0
