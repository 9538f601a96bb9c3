"""The device graph: who is tied to whom, and who is the same person, as of an event."""

from features.graph.layout import DEGREE_MAX
from features.graph.online import GRAPH_DAYS, DeviceGraph, Tie, Union
from features.graph.persons import PERSON_MIN
from features.graph.rows import COLUMNS
from features.graph.table import GRAPH_FEATURES, GraphFeature

__all__ = [
    "COLUMNS",
    "DEGREE_MAX",
    "GRAPH_DAYS",
    "GRAPH_FEATURES",
    "PERSON_MIN",
    "DeviceGraph",
    "GraphFeature",
    "Tie",
    "Union",
]
