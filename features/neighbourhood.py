"""The few people, devices and destinations around one node of the device graph, for a person to look at.

The graph is built as of a sequence from its ties: the first time that each person met each device and destination.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

import networkx as nx
import polars as pl

from features.graph import DEGREE_MAX, DeviceGraph
from features.log import Log, is_outcome

HOPS_MAX: Final = 3
NODES_MAX: Final = 60
_TIE: Final = ("user_id", "device_key", "payout_destination")
_SCHEMA: Final = {"sequence": pl.Int64(), **dict.fromkeys(_TIE, pl.String())}


def ties_of(log: Log, recorded: Iterable[Mapping[str, Any]] = ()) -> pl.DataFrame:
    """`sequence` and the three ids of the first event of each combination, in order, of the log and what came after.

    Repetitions never change the graph, so the frame grows with people and devices, not with events.
    """
    last, _ = log.last()
    tables = (pl.from_arrow(table.select(list(_SCHEMA))) for table in log.tables(list(_TIE)))
    later = [
        {name: row[name] for name in _SCHEMA} for row in recorded if row["sequence"] > last and not is_outcome(row)
    ]
    frames = [_firsts(pl.DataFrame(table, schema=_SCHEMA)) for table in chain(tables, [later])]
    return _firsts(pl.concat(frames))


def _firsts(frame: pl.DataFrame) -> pl.DataFrame:
    named = frame.filter(pl.any_horizontal(pl.col(_TIE).is_not_null()))
    return named.unique(_TIE, keep="first", maintain_order=True)


def graph_as_of(ties: pl.DataFrame, sequence: int) -> DeviceGraph:
    """The device graph with every tie up to `sequence`, that event's own included, and none later."""
    graph = DeviceGraph()
    for row in ties.filter(pl.col("sequence") <= sequence).iter_rows(named=True):
        graph.fold(row)
    return graph


def neighbourhood(graph: DeviceGraph, node: str, hops_max: int = HOPS_MAX, nodes_max: int = NODES_MAX) -> nx.Graph:
    """The nodes within `hops_max` ties of `node`, nearest first and then by name, at most `nodes_max` of them.

    Nodes carry `hops`, `degree` (in the whole graph) and `hub`; a hub is shown but not walked through, unless it is
    `node` itself. The attributes of the graph are `left_out`, how many nodes are tied to shown ones without being
    shown, and `cut`, whether there are any. An unknown node stands alone. Raises ValueError for limits below one.
    """
    if hops_max < 1 or nodes_max < 1:
        raise ValueError(f"hops_max and nodes_max must be at least 1, not {hops_max} and {nodes_max}")
    hops = _walk(graph, node, hops_max, nodes_max)
    near = nx.Graph()
    for name, distance in hops.items():
        degree = _degree(graph, name)
        near.add_node(name, hops=distance, degree=degree, hub=degree >= DEGREE_MAX)
    near.add_edges_from((one, two) for one in hops for two in sorted(graph.neighbours(one)) if two in hops)
    near.graph["left_out"] = len({two for one in hops for two in graph.neighbours(one)} - hops.keys())
    near.graph["cut"] = near.graph["left_out"] > 0
    return near


def _walk(graph: DeviceGraph, start: str, hops_max: int, nodes_max: int) -> dict[str, int]:
    """Breadth first: the distance of each node found, in the order in which they were found."""
    hops, waiting = {start: 0}, deque([start])
    while waiting:
        node = waiting.popleft()
        if hops[node] == hops_max or (node != start and _degree(graph, node) >= DEGREE_MAX):
            continue
        for other in sorted(graph.neighbours(node)):
            if len(hops) == nodes_max:
                return hops
            if other not in hops:
                hops[other] = hops[node] + 1
                waiting.append(other)
    return hops


def _degree(graph: DeviceGraph, node: str) -> int:
    return sum(1 for _ in graph.neighbours(node))
