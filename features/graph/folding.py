"""What one row teaches the graph, and what a day takes from it, compiled.

Expiry happens when the first row of a day (UTC, of `as_of`) is folded: what was last seen before that day minus KEEP
goes. So the graph is a function of the rows folded so far, and of nothing else: training and serving forget alike.
"""

from features.compiling import loop
from features.graph.joining import enter, link, see_together, share, stand_alone
from features.graph.layout import (
    BAD,
    BORN,
    DAY,
    FINDING,
    FOUND,
    FOUND_AT,
    HEAD,
    HUBS_NEW,
    KEEP,
    LAST,
    LATEST,
    NONE,
    R_AS_OF,
    R_DESTINATION,
    R_IS_OUTCOME,
    R_IS_REFERRAL,
    R_NETWORK,
    R_REFERRER,
    R_SEQUENCE,
    R_TIME,
    R_USER,
    R_VERDICT,
    REBUILDS,
    ROW_WIDTH,
    SAYS_BAD,
    SAYS_GENUINE,
    SAYS_NOTHING,
    SINCE,
    TIES,
    TODAY,
    UNIONS,
    VERDICT,
    Arrays,
    Integers,
    found_by,
    root_of,
)


@loop
def fold(graph: Arrays, row: Integers) -> None:
    """Learn one row. The first row of a day lets the old go."""
    today = row[R_AS_OF] // DAY
    if today > graph.totals[TODAY]:
        _turn_day(graph, today, row[R_SEQUENCE])
    if row[R_USER] < 0:
        return
    if row[R_IS_OUTCOME] == 0:
        _fold_event(graph, row)
    elif row[R_VERDICT] != SAYS_NOTHING:
        _mark(graph, row[R_USER], row[R_VERDICT], row[R_AS_OF])


@loop
def _fold_event(graph: Arrays, row: Integers) -> None:
    person = row[R_USER]
    # A time of 1970 or 2100 neither ages a ring nor keeps it: no event arrives more than a day late.
    seen = min(max(row[R_TIME], row[R_AS_OF] - DAY), row[R_AS_OF])
    for column in range(R_DESTINATION, ROW_WIDTH):
        other = row[column]
        if other < 0:
            continue
        if column == R_REFERRER and (row[R_IS_REFERRAL] == 0 or other == person):
            continue
        tie = see_together(graph, person, other, seen, row)
        if tie >= 0 and column not in (R_REFERRER, R_NETWORK):
            share(graph, tie, row[R_SEQUENCE])


@loop
def _mark(graph: Arrays, person: int, verdict: int, seen: int) -> None:
    """Remember the latest word on a person, and how often they were found out since a reviewer last cleared them."""
    nodes = graph.nodes
    if verdict == SAYS_GENUINE and nodes[person, BORN] == 0:
        return
    enter(graph, person, seen)
    before = 1 if nodes[person, VERDICT] == SAYS_BAD else 0
    nodes[person, VERDICT] = verdict
    findings = found_by(nodes, person, seen) + 1.0 if verdict == SAYS_BAD else 0.0
    nodes[person, FOUND], nodes[person, FOUND_AT] = round(FINDING * findings), seen
    graph.circles[root_of(nodes, person), BAD] += (1 if verdict == SAYS_BAD else 0) - before


@loop
def _turn_day(graph: Arrays, today: int, sequence: int) -> None:
    graph.totals[TODAY] = today
    cutoff = today * DAY - graph.totals[KEEP]
    if graph.totals[HUBS_NEW] > 0 or _has_old(graph, cutoff):
        _rebuild(graph, cutoff, sequence)


@loop
def _has_old(graph: Arrays, cutoff: int) -> bool:
    """Whether a tie or a node has not been seen since `cutoff`."""
    for at in range(graph.totals[TIES]):
        if graph.ties[at, LAST] < cutoff:
            return True
    for node in graph.nodes:  # noqa: SIM110  # numba compiles no generator
        if node[BORN] and node[LATEST] < cutoff:
            return True
    return False


@loop
def _rebuild(graph: Arrays, cutoff: int, sequence: int) -> None:
    """Keep the ties seen since `cutoff`, in their order, and join anew: a union cannot be undone, only not repeated."""
    ties, totals = graph.ties, graph.totals
    graph.places[:] = 0
    for at in range(len(graph.nodes)):
        _begin_anew(graph, at, cutoff)
    kept, many = 0, totals[TIES]
    for at in range(many):
        if ties[at, LAST] >= cutoff:
            ties[kept] = ties[at]
            link(graph, kept)
            kept += 1
    totals[TIES], totals[UNIONS], totals[HUBS_NEW], totals[SINCE] = kept, 0, 0, sequence
    totals[REBUILDS] += 1
    for at in range(kept):
        share(graph, at, sequence)


@loop
def _begin_anew(graph: Arrays, at: int, cutoff: int) -> None:
    node = graph.nodes[at]
    if node[BORN] == 0:
        return
    node[HEAD] = NONE
    graph.degrees[at] = 0
    if node[LATEST] < cutoff:
        node[BORN] = 0
    else:
        stand_alone(graph, at)
