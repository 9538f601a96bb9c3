"""The graph's memory: node numbers for names, and arrays that grow by doubling."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from features.graph.layout import (
    BORN,
    CIRCLE_WIDTH,
    DAY,
    DESTINATION,
    IDENTITY,
    KEEP,
    KIND,
    KINDS,
    NETWORK,
    NODE_WIDTH,
    NONE,
    REBUILDS,
    TIE_WIDTH,
    TIES,
    TODAY,
    TOTALS,
    UNSEEN,
    USER,
    Arrays,
    reindex,
)
from features.graph.rows import kind_of

ROOM_MIN: Final = 1024
NAME_LENGTH_MAX: Final = 512
_KINDS: Final = {"user": USER, "destination": DESTINATION, "identity": IDENTITY, "network": NETWORK}


class Store:
    """Nodes are named `user:ID`, `device:KIND:ID`, `destination:DIGEST`, `identity:DIGEST` and `network:CIDR`.

    A number without a node in the graph is given back after each row or table, so what is refused leaves nothing.
    """

    def __init__(self, keep_days: int) -> None:
        self.numbers: dict[str, int] = {}
        self.names: list[str | None] = []
        self.free: list[int] = []
        self.arrays = _blank(keep_days)
        self._new: list[int] = []
        self._rebuilds = 0

    def number(self, name: str) -> int:
        """The number of a name, a new one if need be; NONE for a name that is too long to be an id."""
        known = self.numbers.get(name)
        if known is not None:
            return known
        if len(name) > NAME_LENGTH_MAX:
            return NONE
        known = self.free.pop() if self.free else len(self.names)
        if known == len(self.names):
            self.names.append(None)
            self._make_room_for_nodes()
        self.numbers[name], self.names[known] = known, name
        self._new.append(known)
        prefix, _, rest = name.partition(":")
        self.arrays.nodes[known, KIND] = kind_of(rest) if prefix == "device" else _KINDS[prefix]
        return known

    def known(self, name: str) -> int:
        """The number of a name, UNSEEN for one that nobody knows, NONE for one that is too long."""
        return self.numbers.get(name, UNSEEN if len(name) <= NAME_LENGTH_MAX else NONE)

    def name(self, number: int) -> str:
        name = self.names[number]
        assert name is not None, f"node {number} is in the graph without a name"
        return name

    def has(self, number: int) -> bool:
        return number >= 0 and bool(self.arrays.nodes[number, BORN])

    def tidy(self) -> None:
        """Give back the new numbers that got no node, and after a rebuild all whose node has left."""
        rebuilds = int(self.arrays.totals[REBUILDS])
        if rebuilds != self._rebuilds:
            self._rebuilds, self._new = rebuilds, list(self.numbers.values())
        if self._new:
            self._give_back(self._new)
            self._new = []

    def _give_back(self, numbers: list[int]) -> None:
        empty = self.arrays.nodes[numbers, BORN] == 0
        for number in np.asarray(numbers)[empty].tolist():
            del self.numbers[self.name(number)]
            self.names[number] = None
            self.free.append(number)

    def make_room_for_ties(self, more: int) -> None:
        graph = self.arrays
        needed = int(graph.totals[TIES]) + more
        if needed <= len(graph.ties):
            return
        ties = _grown(graph.ties, max(needed, 2 * len(graph.ties)))
        places = np.zeros(1 << (2 * len(ties) - 1).bit_length(), np.int32)
        self.arrays = graph._replace(ties=ties, places=places)
        reindex(self.arrays)

    def _make_room_for_nodes(self) -> None:
        graph, room = self.arrays, 2 * len(self.names)
        if len(self.names) > len(graph.nodes):
            wider = {name: _grown(getattr(graph, name), room) for name in ("nodes", "degrees", "circles", "unions")}
            self.arrays = graph._replace(**wider)


def _blank(keep_days: int) -> Arrays:
    totals = np.zeros(TOTALS, np.int64)
    totals[TODAY], totals[KEEP] = np.iinfo(np.int32).min // 2, keep_days * DAY
    return Arrays(
        nodes=np.zeros((ROOM_MIN, NODE_WIDTH), np.int64),
        degrees=np.zeros((ROOM_MIN, KINDS), np.uint8),
        circles=np.zeros((ROOM_MIN, CIRCLE_WIDTH), np.int32),
        ties=np.zeros((ROOM_MIN, TIE_WIDTH), np.int64),
        places=np.zeros(2 * ROOM_MIN, np.int32),
        unions=np.zeros((ROOM_MIN, 3), np.int64),
        totals=totals,
    )


def _grown(array: NDArray[Any], room: int) -> NDArray[Any]:
    wider = np.zeros((room, *array.shape[1:]), array.dtype)
    wider[: len(array)] = array
    return wider
