"""IP addresses: one spelling each, and the network around one."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

# Traffic comes from few addresses at a time; reading one costs more than remembering it.
REMEMBERED: Final = 65_536


def address_of(value: object) -> str:
    """The one spelling of an address written as text. Raises ValueError for anything else, and for a zone (`%eth0`)."""
    if not isinstance(value, str) or "%" in value:
        raise ValueError("must be an IP address written as text, without a zone")
    try:
        return _spelled(value)
    except ValueError:
        raise ValueError("must be an IPv4 or IPv6 address") from None


@lru_cache(REMEMBERED)
def _spelled(value: str) -> str:
    address = ip_address(value)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(REMEMBERED)
def network_of(address: str) -> str:
    """The /24 of an IPv4 address or the /64 of an IPv6 address, in CIDR notation."""
    parsed = ip_address(address)
    return str(ip_network((parsed, 24 if parsed.version == 4 else 64), strict=False))


@lru_cache(REMEMBERED)
def wide_network_of(address: str) -> str | None:
    """The /56 of an IPv6 address, which many providers hand to one home; None for an IPv4 address."""
    parsed = ip_address(address)
    return None if parsed.version == 4 else str(ip_network((parsed, 56), strict=False))
