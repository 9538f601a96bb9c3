"""Addresses that name nobody real."""

from ipaddress import ip_address

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.addresses import network_of, wide_network_of
from features.events import IpSeen
from training.simulator.networks import Networks, address_and_networks, mixed

NETWORKS = Networks(salt=3, carriers=4, exits=5)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 400))
def test_a_home_address_is_private_canonical_and_has_the_events_network(home: int, user: int, day: int) -> None:
    code = int(NETWORKS.homes(np.array([home]), np.array([user]), day)[0])
    address, network, wide = address_and_networks(code)
    assert ip_address(address).is_private
    assert IpSeen(address=address).address == address
    assert network == network_of(address)
    assert wide == wide_network_of(address)


def test_members_of_a_home_share_its_network_and_its_ipv4_address() -> None:
    homes = np.repeat(np.arange(200), 2)
    codes = NETWORKS.homes(homes, np.arange(400), day=9)
    pairs = [(address_and_networks(int(a)), address_and_networks(int(b))) for a, b in codes.reshape(-1, 2)]
    assert all(first[1] == second[1] for first, second in pairs)
    assert all(first[0] == second[0] for first, second in pairs if ":" not in first[0])
    assert 0.1 < np.mean([":" in first[0] for first, _ in pairs]) < 0.3


def test_shared_addresses_are_as_few_as_told() -> None:
    users, turns = np.arange(5000), np.arange(5000) % 6
    assert len(np.unique(NETWORKS.carriers_of(users, turns))) <= 4
    assert len(np.unique(NETWORKS.exits_of(users, turns))) == 5


def test_mixing_depends_on_every_part_and_on_nothing_else() -> None:
    assert mixed(1, np.arange(9)).tolist() == mixed(1, np.arange(9)).tolist()
    assert len({int(mixed(*parts)) for parts in [(1, 2), (2, 1), (1, 2, 0), (1, 3)]}) == 4
