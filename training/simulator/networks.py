"""Addresses of homes, carriers and VPN exits. All lie in private or shared ranges, so that nobody real is named.

An address is coded in 64 bits: IPv4 as its value, IPv6 as its highest bit, a 40-bit network and a 16-bit interface.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.addresses import network_of, wide_network_of

Codes = NDArray[np.uint64]
_HOME: Final = 10 << 24  # 10.0.0.0/8
_CARRIER: Final = (100 << 24) | (64 << 16)  # 100.64.0.0/10
_VPN: Final = (172 << 24) | (16 << 16)  # 172.16.0.0/12
_PARTNER: Final = (172 << 24) | (31 << 16)  # the far end of 172.16.0.0/12
_IPV6: Final = 1 << 63
_CACHE_MAX: Final = 200_000


def mixed(*parts: NDArray[np.int64] | int) -> Codes:
    """A well mixed 64-bit number of the parts (splitmix64), the same for the same parts."""
    state = np.zeros(np.broadcast_shapes(*(np.shape(part) for part in parts)), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            state = state + np.asarray(part).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


@dataclass(frozen=True)
class Networks:
    """`salt` makes two seeds differ; `carriers` and `exits` are the numbers of shared addresses."""

    salt: int
    carriers: int
    exits: int

    def homes(self, home: NDArray[np.int64], user: NDArray[np.int64], day: int) -> Codes:
        """A home's address on a day: leases last 5 to 64 days, and a fifth of the homes speak IPv6."""
        character = mixed(self.salt, home)
        lease_days = (np.uint64(5) + character % np.uint64(60)).astype(np.int64)
        lease = (day + (character >> np.uint64(8)).astype(np.int64) % lease_days) // lease_days
        number = mixed(self.salt, home, lease)
        ipv4 = np.uint64(_HOME) + number % np.uint64(1 << 24)
        # Each person has an interface of their own in the network of the home.
        interface = np.uint64(1) + mixed(self.salt, user) % np.uint64(0xFFFE)
        ipv6 = np.uint64(_IPV6) | ((number % np.uint64(1 << 40)) << np.uint64(16)) | interface
        return np.where((character >> np.uint64(40)) % np.uint64(5) == 0, ipv6, ipv4)

    def carriers_of(self, user: NDArray[np.int64], turn: NDArray[np.int64]) -> Codes:
        """Carrier NAT: a person meets a few of the carrier's addresses, and thousands share each."""
        slot = mixed(self.salt, user % 3, turn % 2, user % 7) % np.uint64(self.carriers)
        return np.uint64(_CARRIER) + mixed(self.salt, 1, slot.astype(np.int64)) % np.uint64(1 << 22)

    def exits_of(self, user: NDArray[np.int64], turn: NDArray[np.int64]) -> Codes:
        """VPN exits, shared by honest people and others."""
        slot = mixed(self.salt, 2, user, turn % 3) % np.uint64(self.exits)
        return np.uint64(_VPN) + mixed(self.salt, 3, slot.astype(np.int64)) % np.uint64(15 << 16)


def partner_servers(partner: NDArray[np.int64]) -> Codes:
    """The address from which a partner's postbacks come."""
    return np.uint64(_PARTNER) + np.uint64(256) * partner.astype(np.uint64) + np.uint64(10)


def address_text(code: int) -> str:
    """The canonical text of a coded address."""
    if code < _IPV6:
        return str(IPv4Address(code))
    prefix, interface = (code >> 16) & ((1 << 40) - 1), code & 0xFFFF
    return str(IPv6Address((0xFD << 120) | (prefix << 80) | interface))


@lru_cache(maxsize=_CACHE_MAX)
def address_and_networks(code: int) -> tuple[str, str, str | None]:
    """Address, network key and wide network key, the keys as the canonical event derives them."""
    address = address_text(code)
    return address, network_of(address), wide_network_of(address)
