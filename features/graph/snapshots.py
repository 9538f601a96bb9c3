"""The graph as bytes: nodes in the order in which they entered, so that equal states give equal bytes."""

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.graph.layout import (
    BORN,
    OTHER,
    PARENT,
    PERSON,
    TIES,
    UNIONS,
    Arrays,
    reindex,
)
from features.graph.store import Store

FORMAT: Final = "assay graph 2"
_ORDER: Final = ("nodes", "degrees", "circles", "ties", "unions", "totals")


def written(store: Store) -> bytes:
    """A line of JSON with the names and shapes, then the arrays."""
    graph = store.arrays
    born = np.flatnonzero(graph.nodes[: len(store.names), BORN])
    born = born[np.argsort(graph.nodes[born, BORN])]
    arrays = _renumbered(graph, born)
    names = [store.name(at) for at in born.tolist()]
    shapes = {name: list(array.shape) for name, array in arrays.items()}
    head = json.dumps({"format": FORMAT, "shapes": shapes, "names": names}, sort_keys=True)
    return b"".join([head.encode(), b"\n", *(np.ascontiguousarray(arrays[name]).tobytes() for name in _ORDER)])


def _renumbered(graph: Arrays, born: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The rows in use, with nodes numbered by their place in `born`."""
    place = np.zeros(len(graph.nodes), np.int64)
    place[born] = np.arange(len(born))
    nodes = graph.nodes[born]
    ties = graph.ties[: graph.totals[TIES]].copy()
    unions = graph.unions[: graph.totals[UNIONS]].copy()
    nodes[:, PARENT] = place[nodes[:, PARENT]]
    ties[:, [PERSON, OTHER]] = place[ties[:, [PERSON, OTHER]]]
    unions[:, 1:] = place[unions[:, 1:]]
    circles, degrees = graph.circles[born], graph.degrees[born]
    return {
        "nodes": nodes,
        "degrees": degrees,
        "circles": circles,
        "ties": ties,
        "unions": unions,
        "totals": graph.totals,
    }


def read(snapshot: bytes) -> Store:
    """The inverse of `written`. Raises ValueError for bytes of another kind, version or length."""
    line, _, body = snapshot.partition(b"\n")
    try:
        head = json.loads(line)
    except ValueError:
        head = {}
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ValueError(f"this is no snapshot of the form {FORMAT!r}: rebuild the graph from the log")
    store = Store(keep_days=0)
    for name in head["names"]:
        store.number(name)
    stored = _arrays(head["shapes"], body, store.arrays)
    store.make_room_for_ties(len(stored["ties"]))
    for name, array in stored.items():
        getattr(store.arrays, name)[: len(array)] = array
    reindex(store.arrays)
    store.tidy()
    return store


def _arrays(shapes: dict[str, list[int]], body: bytes, like: Arrays) -> dict[str, NDArray[Any]]:
    arrays, start = {}, 0
    for name in _ORDER:
        kind = getattr(like, name).dtype
        size = int(np.prod(shapes[name])) * kind.itemsize
        if start + size > len(body):
            raise ValueError("this snapshot was cut short: rebuild the graph from the log")
        arrays[name] = np.frombuffer(body[start : start + size], kind).reshape(shapes[name])
        start += size
    return arrays
