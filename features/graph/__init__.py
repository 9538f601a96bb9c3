"""The device graph: who is tied to whom, and who is the same person, as of an event."""

from pathlib import Path

from features.compiled import drop_stale

drop_stale(Path(__file__).parent)

from features.graph.layout import DEGREE_MAX  # noqa: E402  # compiled modules load after what is stale is gone
from features.graph.online import GRAPH_DAYS, DeviceGraph, Tie, Union  # noqa: E402  # the same
from features.graph.persons import PERSON_MIN  # noqa: E402  # the same
from features.graph.rows import COLUMNS  # noqa: E402  # the same
from features.graph.table import GRAPH_FEATURES, GraphFeature  # noqa: E402  # the same

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
