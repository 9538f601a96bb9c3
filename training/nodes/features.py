"""All that is known of a node without any label: attributes, structure, surroundings, position."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from features.rings.matrix import Sparse
from features.rings.ties import Floats, Truths
from training.nodes.aggregation import AGGREGATES, aggregated
from training.nodes.attributes import attributes_of
from training.nodes.position import positions_of
from training.nodes.source import NodeGraph
from training.nodes.structure import STRUCTURE_NAMES, structure_of


@dataclass(frozen=True)
class NodeFeatures:
    """`values` nodes x names, NaN for what cannot be said; `ties` the adjacency with ones; `left_out` says which
    attributes say nothing, and why.
    """

    values: Floats
    names: tuple[str, ...]
    ties: Sparse
    left_out: Mapping[str, str]


def features_of(graph: NodeGraph) -> NodeFeatures:
    """One row a node, in the order of nodes.tsv; no label is read.

    A graph without edges has its attributes alone. Raises ValueError when every column is constant or missing.
    """
    attributes = attributes_of(graph.attributes)
    blocks, names = [attributes.values], list(attributes.names)
    ones = graph.adjacency.copy()
    ones.data = np.ones_like(ones.data)
    if graph.edges:
        structure = structure_of(ones, graph.adjacency)
        own = np.concatenate([attributes.values, _compressed(structure)], axis=1)
        position = positions_of(ones)
        blocks += [structure, aggregated(ones, own), position]
        names += [f"structure__{name}" for name in STRUCTURE_NAMES]
        near = (*attributes.names, *STRUCTURE_NAMES)
        names += [f"{aggregate}__{name}" for aggregate in AGGREGATES for name in near]
        names += [f"position__{number}" for number in range(position.shape[1])]
    values = np.concatenate(blocks, axis=1)
    telling = _telling(values)
    if not telling.any():
        raise ValueError("nodes.tsv and the edges tell no node from another: give attributes that vary, or edges")
    chosen = tuple(name for name, tells in zip(names, telling, strict=True) if tells)
    return NodeFeatures(np.ascontiguousarray(values[:, telling]), chosen, ones, attributes.left_out)


def _compressed(structure: Floats) -> Floats:
    """Logarithms, so that one hub among the neighbours does not make their mean."""
    compressed: Floats = np.log1p(structure)
    return compressed


def _telling(values: Floats) -> Truths:
    """Columns with two values, or with one and gaps."""
    known = ~np.isnan(values)
    lowest = np.where(known, values, np.inf).min(axis=0)
    highest = np.where(known, values, -np.inf).max(axis=0)
    telling: Truths = known.any(axis=0) & ((lowest < highest) | ~known.all(axis=0))
    return telling
