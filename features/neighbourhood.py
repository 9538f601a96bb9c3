"""The few people, devices and destinations around one node of the device graph, for a person to look at.

The graph is the one that the service had after a sequence: the same rows, folded by the same code.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

import networkx as nx
import pyarrow as pa
import pyarrow.compute as pc

from features.graph import COLUMNS, DeviceGraph, Tie
from features.log import SCHEMA, Log

HOPS_MAX: Final = 3
NODES_MAX: Final = 60
_SCHEMA: Final = pa.schema([SCHEMA.field(name) for name in COLUMNS])


def graph_as_of(log: Log, sequence: int, recorded: Iterable[Mapping[str, Any]] = ()) -> DeviceGraph:
    """The device graph after the row `sequence`, of the log and of what was recorded since; none later."""
    graph = DeviceGraph()
    last, _ = log.last()
    later = [{name: row.get(name) for name in COLUMNS} for row in recorded if row["sequence"] > last]
    for table in chain(log.tables(list(COLUMNS)), [pa.Table.from_pylist(later, schema=_SCHEMA)]):
        graph.learn(table.filter(pc.field("sequence") <= sequence))
        if table.num_rows and table["sequence"][-1].as_py() >= sequence:
            break
    return graph


def neighbourhood(graph: DeviceGraph, node: str, hops_max: int = HOPS_MAX, nodes_max: int = NODES_MAX) -> nx.Graph:
    """The nodes within `hops_max` ties of `node`, nearest first and then by name, at most `nodes_max` of them.

    Nodes carry `hops`, `degree` (in the whole graph) and `hub`, edges `first` and `last` (microseconds) and `sequence`.
    A hub or a network is shown but not walked through, unless it is `node` itself. The attributes of the graph are
    `left_out`, how many nodes are tied to shown ones without being shown, and `cut`, whether there are any. An unknown
    node stands alone. Raises ValueError for limits below one.
    """
    if hops_max < 1 or nodes_max < 1:
        raise ValueError(f"hops_max and nodes_max must be at least 1, not {hops_max} and {nodes_max}")
    hops = _walk(graph, node, hops_max, nodes_max)
    ties = {name: _ties(graph, name) for name in hops}
    near = nx.Graph()
    for name, distance in hops.items():
        near.add_node(name, hops=distance, degree=len(ties[name]), hub=graph.is_hub(name))
    for name in hops:
        for tie in ties[name]:
            if tie.node in hops:
                near.add_edge(name, tie.node, first=tie.first, last=tie.last, sequence=tie.sequence)
    near.graph["left_out"] = len({tie.node for name in hops for tie in ties[name]} - hops.keys())
    near.graph["cut"] = near.graph["left_out"] > 0
    return near


def _is_public(graph: DeviceGraph, node: str) -> bool:
    return node.startswith("network:") or graph.is_hub(node)


def _ties(graph: DeviceGraph, node: str) -> list[Tie]:
    return sorted(graph.ties_of(node), key=lambda tie: tie.node)


def _walk(graph: DeviceGraph, start: str, hops_max: int, nodes_max: int) -> dict[str, int]:
    """Breadth first: the distance of each node found, in the order in which they were found."""
    hops, waiting = {start: 0}, deque([start])
    while waiting:
        node = waiting.popleft()
        if hops[node] == hops_max or (node != start and _is_public(graph, node)):
            continue
        for tie in _ties(graph, node):
            if len(hops) == nodes_max:
                return hops
            if tie.node not in hops:
                hops[tie.node] = hops[node] + 1
                waiting.append(tie.node)
    return hops
