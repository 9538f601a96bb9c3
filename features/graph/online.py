"""The device graph: who is tied to whom by a device or a payout destination, as of now.

A union-find over people, devices and destinations. An IP address or a fingerprint alone never joins anybody:
households, dormitories and carriers share those. A hub (over `DEGREE_MAX` neighbours) joins nobody further, so that
one public tablet does not turn a town into a ring.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.fold import Vector

DEGREE_MAX: Final = 64
UNSEEN: Final = 0


@dataclass(frozen=True)
class GraphFeature:
    name: str
    description: str


GRAPH_FEATURES: Final = (
    GraphFeature("graph__user_devices", "different devices that this person has used"),
    GraphFeature("graph__device_users", "different people who have used this device"),
    GraphFeature("graph__destination_users", "different people who are paid to this destination"),
    GraphFeature("graph__user_component_users", "people tied to this person through devices and destinations"),
    GraphFeature("graph__user_component_devices", "devices of the people tied to this person"),
    GraphFeature("graph__device_component_users", "people tied to this device through devices and destinations"),
    GraphFeature("graph__device_component_devices", "devices tied to this device"),
)


@dataclass(frozen=True)
class Union:
    """One joining of two components: with these, a component can be asked for as of any earlier sequence."""

    sequence: int
    kept: str
    absorbed: str


class DeviceGraph:
    """Nodes are `user:ID`, `device:KIND:ID` and `destination:DIGEST`. Reading never changes what is known."""

    def __init__(self) -> None:
        self.unions: list[Union] = []
        self._parent: dict[str, str] = {}
        self._users: dict[str, int] = {}
        self._devices: dict[str, int] = {}
        self._neighbours: dict[str, set[str]] = {}

    def read(self, row: Mapping[str, Any], into: Vector) -> None:
        """Write the seven features as of now into `into`: missing (NaN) without the node, zero for one never seen."""
        user, device, destination = nodes_of(row)
        into[0] = self._degree(user, "device:")
        into[1] = self._degree(device, "user:")
        into[2] = self._degree(destination, "user:")
        into[3:5] = self._component(user)
        into[5:7] = self._component(device)

    def fold(self, row: Mapping[str, Any]) -> None:
        """Tie the event's person to its device and to its destination."""
        user, device, destination = nodes_of(row)
        for node in (user, device):
            if node is not None:
                self._add(node)
        for other in (device, destination):
            if user is not None and other is not None:
                self._tie(user, other, row["sequence"])

    def neighbours(self, node: str) -> Iterator[str]:
        """The nodes tied to `node` directly, in no particular order."""
        yield from self._neighbours.get(node, ())

    def root(self, node: str) -> str:
        """The representative of the node's component; halves the path on its way."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def _degree(self, node: str | None, kind: str) -> float:
        if node is None:
            return np.nan
        ties = self._neighbours.get(node, ())
        # Devices and destinations are tied to people only; of a person's ties, some are destinations.
        return sum(tie.startswith(kind) for tie in ties) if node.startswith("user:") else len(ties)

    def _component(self, node: str | None) -> tuple[float, float]:
        if node is None:
            return np.nan, np.nan
        if node not in self._parent:
            return UNSEEN, UNSEEN
        root = self.root(node)
        return self._users[root], self._devices[root]

    def _add(self, node: str) -> None:
        if node not in self._parent:
            self._parent[node] = node
            self._neighbours[node] = set()
            self._users[node] = int(node.startswith("user:"))
            self._devices[node] = int(node.startswith("device:"))

    def _tie(self, user: str, other: str, sequence: int) -> None:
        self._add(other)
        ties, others = self._neighbours[user], self._neighbours[other]
        if other in ties or len(ties) >= DEGREE_MAX or len(others) >= DEGREE_MAX:
            return
        ties.add(other)
        others.add(user)
        self._join(self.root(user), self.root(other), sequence)

    def _join(self, one: str, two: str, sequence: int) -> None:
        if one == two:
            return
        kept, absorbed = sorted((one, two), key=lambda root: (-self._users[root] - self._devices[root], root))
        self._parent[absorbed] = kept
        self._users[kept] += self._users[absorbed]
        self._devices[kept] += self._devices[absorbed]
        self.unions.append(Union(sequence, kept, absorbed))


def nodes_of(row: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    """The event's person, device and payout destination as nodes."""
    user, device, destination = row["user_id"], row["device_key"], row["payout_destination"]
    return (
        None if user is None else f"user:{user}",
        None if device is None else f"device:{device}",
        None if destination is None else f"destination:{destination}",
    )
