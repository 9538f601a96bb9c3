"""The same measures on any list of edges between nodes: for graphs that come without devices, times or referrals."""

from typing import Final

import numpy as np
import polars as pl

from features.rings.components import components
from features.rings.known import bad_walks, group_density, near_density, two_hop_density
from features.rings.matrix import row_counts, symmetric
from features.rings.position import COORDINATES, bad_direction, positions
from features.rings.shape import clustering, communities, core_numbers, inner_share, numbered
from features.rings.ties import Floats, Ints

EDGES_MAX: Final = 20_000_000


def node_features(nodes: int, left: Ints, right: Ints, bad: Floats, coordinates: int = COORDINATES) -> pl.DataFrame:
    """One row a node, 0 .. nodes-1. `left`, `right`: an undirected edge each, once. `bad`: 1, 0, or NaN for unknown.

    An edge weighs 1/log(1 + the larger degree of its ends). Raises ValueError for more than EDGES_MAX edges.
    """
    if len(left) > EDGES_MAX:
        raise ValueError(f"at most {EDGES_MAX:,} edges, not {len(left):,}")
    degree = np.bincount(left, minlength=nodes) + np.bincount(right, minlength=nodes)
    graph = symmetric(nodes, left, right, 1 / np.log1p(np.maximum(degree[left], degree[right])))
    component, community = numbered(components(nodes, left, right)), communities(graph)
    position = positions(graph, coordinates)
    columns = {
        "degree": row_counts(graph),
        "component_nodes": np.bincount(component)[component],
        "near_bad": near_density(graph, bad),
        "two_hop_bad": two_hop_density(graph, bad),
        "bad_walks": bad_walks(graph, bad),
        "core": core_numbers(graph),
        "clustering": clustering(graph),
        "community_nodes": np.bincount(community)[community],
        "community_bad": group_density(community, bad),
        "community_closed": inner_share(graph, community),
        "position_bad": bad_direction(position, bad),
    } | {f"position_{at}": position[:, at] for at in range(coordinates)}
    return pl.DataFrame({name: np.asarray(column, np.float64) for name, column in columns.items()})
