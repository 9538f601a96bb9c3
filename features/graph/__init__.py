"""The device graph: who is tied to whom, as of an event."""

from features.graph.online import DEGREE_MAX, GRAPH_FEATURES, DeviceGraph, GraphFeature

__all__ = ["DEGREE_MAX", "GRAPH_FEATURES", "DeviceGraph", "GraphFeature"]
