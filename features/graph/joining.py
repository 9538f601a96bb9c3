"""How ties join people into rings, compiled.

A payout destination or a verified identity joins at once those who share it. A device joins those who use it together,
and all of its users from the third tenancy on: one account that stops before another starts is a phone that was sold.
A browser joins only people who are known by no phone: the visitors of a cafe have their own. Who is seen on a phone
after having been joined leaves the browser's ring at the next rebuild, which is the next day's.
A network, a fingerprint or a referral never joins anybody; honest people refer strangers every day. A hub joins nobody
further, and from the next rebuild on nobody at all.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.compiling import loop
from features.graph.layout import (
    ANDROID_ID,
    ATTESTED,
    BAD,
    BIRTHS,
    BORN,
    CAME,
    DEGREE_MAX,
    DESTINATION,
    DEVICES,
    EARLIEST,
    FIRST,
    FOUND,
    FOUND_AT,
    HEAD,
    HUBS_NEW,
    IDENTITY,
    KIND,
    LAST,
    LATEST,
    NETWORK,
    NEXT_OF_OTHER,
    NEXT_OF_PERSON,
    NONE,
    OLDEST,
    OTHER,
    PARENT,
    PERSON,
    R_ATTESTED,
    R_SEQUENCE,
    REFERRER,
    REFUSED,
    RING,
    RING_DAY,
    RING_DAYS,
    SAYS_BAD,
    SAYS_NOTHING,
    SEQUENCE,
    SIZE,
    TIES,
    TODAY,
    UNIONS,
    USER,
    USERS,
    VERDICT,
    WEB,
    Arrays,
    Integers,
    find,
    next_of,
    place_of,
    root_of,
)

# People are one device's tenants together when the earlier one is back more than this after the later one came:
# a phone that is sold changes hands within the hour, a tablet at home goes round all week.
HANDOVER: Final = 3_600_000_000
# A phone is sold once, rarely twice; a third tenancy within the memory of the graph is a rack.
TENANCIES_MAX: Final = 3
# A browser may be a public one, in a cafe or a library: with so many people on it, it joins nobody.
WEB_USERS_MAX: Final = 8
# Ties to networks are for people to look at; a phone on the move sees a new one every hour.
NETWORKS_MAX: Final = 16


@loop
def limit_of(kind: int) -> int:
    """From how many people on a node of the kind is a hub."""
    return WEB_USERS_MAX if kind == WEB else DEGREE_MAX


@loop
def turn_ring(circle: NDArray[np.int32], today: int) -> None:
    """Clear the days that have passed since the ring was last used."""
    for back in range(min(today - circle[RING_DAY], RING_DAYS)):
        circle[RING + (today - back) % RING_DAYS] = 0
    circle[RING_DAY] = max(today, circle[RING_DAY])


@loop
def stand_alone(graph: Arrays, at: int) -> None:
    """Make a node the only one of its component."""
    nodes, circle = graph.nodes, graph.circles[at]
    kind = nodes[at, KIND]
    nodes[at, PARENT], nodes[at, SIZE], nodes[at, OLDEST] = at, 1, nodes[at, EARLIEST]
    circle[:] = 0
    circle[RING_DAY] = nodes[at, CAME]
    if kind == USER:
        circle[USERS] = 1
        circle[BAD] = nodes[at, VERDICT] == SAYS_BAD
        circle[RING + nodes[at, CAME] % RING_DAYS] = 1
    elif kind <= WEB:
        circle[DEVICES + kind - 1] = 1


@loop
def enter(graph: Arrays, at: int, seen: int) -> None:
    """Bring a node into the graph, if it is not there."""
    node = graph.nodes[at]
    if node[BORN] == 0:
        graph.totals[BIRTHS] += 1
        node[BORN], node[CAME] = graph.totals[BIRTHS], graph.totals[TODAY]
        node[EARLIEST], node[LATEST] = seen, seen
        node[HEAD], node[VERDICT], node[FOUND], node[FOUND_AT] = NONE, SAYS_NOTHING, 0, 0
        graph.degrees[at] = 0
        stand_alone(graph, at)
    node[LATEST] = max(node[LATEST], seen)


@loop
def join(graph: Arrays, one: int, two: int, sequence: int) -> None:
    """Unite two components, the smaller into the larger, the younger into the older; the union is logged."""
    nodes = graph.nodes
    kept, absorbed = root_of(nodes, one), root_of(nodes, two)
    if kept == absorbed:
        return
    larger = nodes[absorbed, SIZE] - nodes[kept, SIZE]
    if larger > 0 or (larger == 0 and nodes[absorbed, BORN] < nodes[kept, BORN]):
        kept, absorbed = absorbed, kept
    nodes[absorbed, PARENT] = kept
    nodes[kept, SIZE] += nodes[absorbed, SIZE]
    nodes[kept, OLDEST] = min(nodes[kept, OLDEST], nodes[absorbed, OLDEST])
    _add_circle(graph.circles[kept], graph.circles[absorbed], graph.totals[TODAY])
    union = graph.unions[graph.totals[UNIONS]]
    union[0], union[1], union[2] = sequence, kept, absorbed
    graph.totals[UNIONS] += 1


@loop
def _add_circle(into: NDArray[np.int32], gone: NDArray[np.int32], today: int) -> None:
    turn_ring(into, today)
    turn_ring(gone, today)
    for at in range(len(into)):
        if at != RING_DAY:
            into[at] += gone[at]


@loop
def link(graph: Arrays, tie: int) -> None:
    """Enter a tie into the lists and degrees of its two ends, and into the index."""
    row, nodes = graph.ties[tie], graph.nodes
    person, other = row[PERSON], row[OTHER]
    graph.places[place_of(graph, person, other)] = tie + 1
    row[NEXT_OF_PERSON], row[NEXT_OF_OTHER] = nodes[person, HEAD], nodes[other, HEAD]
    nodes[person, HEAD], nodes[other, HEAD] = tie, tie
    kind = nodes[other, KIND]
    graph.degrees[person, _side_of(kind)] += 1
    graph.degrees[other, USER] += 1
    is_new_hub = kind not in (NETWORK, USER) and graph.degrees[other, USER] == limit_of(kind)
    is_first_phone = ANDROID_ID <= kind < WEB and graph.degrees[person, WEB] > 0 and _phone_ids(graph, person) == 1
    if is_new_hub or is_first_phone:
        graph.totals[HUBS_NEW] += 1


@loop
def _phone_ids(graph: Arrays, person: int) -> int:
    """How many ids of any kind but a browser's a person is tied to."""
    count = 0
    for kind in range(ANDROID_ID, WEB):
        count += graph.degrees[person, kind]
    return count


@loop
def _side_of(kind: int) -> int:
    return REFERRER if kind == USER else kind


@loop
def _is_full(graph: Arrays, person: int, other: int) -> bool:
    """A limit a kind, so that a flood of browsers cannot keep a payout destination from being seen."""
    kind = graph.nodes[other, KIND]
    most = 1 if kind == USER else NETWORKS_MAX if kind == NETWORK else DEGREE_MAX
    # Outside the graph, the degrees are what an earlier owner of the number left.
    if graph.nodes[person, BORN] and graph.degrees[person, _side_of(kind)] >= most:
        return True
    return bool(graph.nodes[other, BORN] != 0 and graph.degrees[other, USER] >= DEGREE_MAX)


@loop
def see_together(graph: Arrays, person: int, other: int, seen: int, row: Integers) -> int:
    """The number of the tie of two nodes, new or renewed; -1 if one of them is full: then neither is even made."""
    known = find(graph, person, other)
    if known >= 0:
        tie = graph.ties[known]
        tie[FIRST], tie[LAST] = min(tie[FIRST], seen), max(tie[LAST], seen)
        tie[ATTESTED] |= row[R_ATTESTED]
        enter(graph, person, seen)
        enter(graph, other, seen)
        return known
    if _is_full(graph, person, other):
        graph.totals[REFUSED] += 1
        return -1
    enter(graph, person, seen)
    enter(graph, other, seen)
    known = int(graph.totals[TIES])
    tie = graph.ties[known]
    tie[PERSON], tie[OTHER], tie[FIRST], tie[LAST] = person, other, seen, seen
    tie[ATTESTED], tie[SEQUENCE] = row[R_ATTESTED], row[R_SEQUENCE]
    graph.totals[TIES] += 1
    link(graph, known)
    return known


@loop
def share(graph: Arrays, tie: int, sequence: int) -> None:
    """Let a tie join whom it may."""
    person, other = graph.ties[tie, PERSON], graph.ties[tie, OTHER]
    kind = graph.nodes[other, KIND]
    if kind in (DESTINATION, IDENTITY):
        if graph.degrees[other, USER] < DEGREE_MAX:
            join(graph, person, other, sequence)
    elif kind not in (NETWORK, USER):
        _settle(graph, other, sequence)


@loop
def _settle(graph: Arrays, device: int, sequence: int) -> None:
    """Join the users of a device as far as their tenancies say; the device belongs to the first of them."""
    users = graph.degrees[device, USER]
    if users >= limit_of(graph.nodes[device, KIND]):
        return
    tenants = _tenants(graph, device)
    if len(tenants) == 0:
        return
    # Once only: a late event that shows an earlier tenant must not join the two through the device.
    if graph.nodes[root_of(graph.nodes, device), SIZE] == 1:
        join(graph, graph.ties[tenants[0], PERSON], device, sequence)
    if _join_tenants(graph, tenants, sequence) >= TENANCIES_MAX:
        for tie in tenants:
            join(graph, device, graph.ties[tie, PERSON], sequence)


@loop
def _join_tenants(graph: Arrays, tenants: Integers, sequence: int) -> int:
    """Join those whose use overlaps. The number of tenancies, which do not."""
    tenancies, ends = 1, graph.ties[tenants[0], LAST]
    for at in range(1, len(tenants)):
        tie = graph.ties[tenants[at]]
        if tie[FIRST] + HANDOVER < ends:
            join(graph, graph.ties[tenants[at - 1], PERSON], tie[PERSON], sequence)
        else:
            tenancies += 1
        ends = max(ends, tie[LAST])
    return tenancies


@loop
def _tenants(graph: Arrays, device: int) -> Integers:
    """The ties of a device, by when their use began, the shorter first, then by their age; a browser's, of people
    without a phone.
    """
    ties, count = graph.ties, 0
    found = np.empty(graph.degrees[device, USER], np.int64)
    is_browser = graph.nodes[device, KIND] == WEB
    tie = graph.nodes[device, HEAD]
    while tie != NONE:
        if not is_browser or _phone_ids(graph, ties[tie, PERSON]) == 0:
            at = count
            while at > 0 and _is_later(ties, found[at - 1], tie):
                found[at] = found[at - 1]
                at -= 1
            found[at] = tie
            count += 1
        tie = next_of(ties, tie, device)
    return found[:count]


@loop
def _is_later(ties: Integers, one: int, two: int) -> bool:
    for column in (FIRST, LAST):
        if ties[one, column] != ties[two, column]:
            return bool(ties[one, column] > ties[two, column])
    return one > two
